"""Symmetric RTP: send where the far end's packets really come from, and believe nobody else afterwards."""

from __future__ import annotations

Address = tuple[str, int]

#: Seconds of silence from the latched source after which another port of its machine, or of the described one, may
#: take over (a NAT that made a new binding).
_SILENCE = 3.0
#: And after which anybody may (a far end that moved). A far end that suppresses silence is quiet for seconds: a
#: stranger must not have the call then.
_LONG_SILENCE = 15.0


class Latch:
    """Starts at the address of the session description; the first packet decides, the described address overrides.

    One call's media cannot be taken over by packets from a third party while the far end is talking.
    """

    __slots__ = ("_described", "_heard_at", "_latched", "target")

    def __init__(self, described: Address) -> None:
        self.target = described
        self._described = described
        self._latched: Address | None = None
        self._heard_at = 0.0

    def describe(self, address: Address) -> None:
        """A new answer or re-INVITE names another address; learning starts again when it differs."""
        if address != self._described:
            self.target = self._described = address
            self._latched = None

    def accept(self, source: Address, now: float) -> bool:
        """Whether a packet from `source` belongs to the call; moves `target` when it shows where the far end is."""
        if source == self._latched:
            self._heard_at = now
            return True
        if self._latched is None or source == self._described or self._may_take_over(source, now):
            self._latched = self.target = source
            self._heard_at = now
            return True
        return False

    def _may_take_over(self, source: Address, now: float) -> bool:
        known = self._latched is not None and source[0] in (self._latched[0], self._described[0])
        return now - self._heard_at > (_SILENCE if known else _LONG_SILENCE)
