"""Whether new calls may come, by how late the process is; pure, observations and moments are passed in.

A count of calls says little of a processor that others use too. What callers hear of an overload is packets that come
late, and what trunks see of it is answers that come late: both are measured, and while either lasts, new calls are
refused so that it gets no worse for those under way. Afterwards they are let in a few a second, twice as many each
second: a server that is opened wide to everybody who waits is closed again at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

#: Packets and turns of the loop later than this (seconds, of lateness.BOUNDS) are late ...
LATE_PACKET = 0.02
LATE_TURN = 0.05
#: ... and these shares of them close the gate, once they last.
_PACKETS_CLOSE, _TURNS_CLOSE = 0.01, 0.2
#: Below these it may open again.
_PACKETS_CALM, _TURNS_CALM = 0.002, 0.05
#: An overload lasts when so many of the last observations had it: one hiccup refuses nobody.
_ENOUGH, _RECENT = 3, 4
#: Seconds of calm before it opens; each relapse doubles them, up to the most.
_CALM, _CALM_MOST = 3.0, 30.0
#: Calls in the first second after it opened, and at how many a second it is open as before.
_FIRST, _OPEN = 2.0, 256.0
#: Of one core that the switch's loop uses.
_EXHAUSTED = 0.9


class GateState(StrEnum):
    OPEN = "open"
    #: New calls are refused.
    CLOSED = "closed"
    #: They are let in slowly.
    RECOVERING = "recovering"


@dataclass(frozen=True, slots=True)
class Observation:
    """Of the time since the last one.

    `late_packets` and `late_turns` are shares (0 to 1) of those sent, and of the looks at the loop's clock; `stalled`
    says that time was given up. `busy` is the share of one core that the loop's thread used.
    """

    late_packets: float = 0.0
    late_turns: float = 0.0
    stalled: bool = False
    busy: float = 0.0

    @property
    def overloaded(self) -> bool:
        return self.stalled or self.late_packets > _PACKETS_CLOSE or self.late_turns > _TURNS_CLOSE

    @property
    def calm(self) -> bool:
        return not self.stalled and self.late_packets <= _PACKETS_CALM and self.late_turns <= _TURNS_CALM


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is empty where calls may come; `room` is how many at once, None for no such limit."""

    state: GateState
    reason: str = ""
    room: int | None = None


class LoadGate:
    """`decide` once a while (a few times a second), `admit` for each call; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self.state = GateState.OPEN
        #: How often it has closed.
        self.closed = 0
        self._reason = ""
        self._overloads: deque[bool] = deque(maxlen=_RECENT)
        self._calm_since: float | None = None
        self._patience = _CALM
        self._rate = 0.0
        self._permits = 0.0
        self._at = 0.0

    def decide(self, seen: Observation, now: float) -> Decision:
        self._overloads.append(seen.overloaded)
        self._calm_since = (now if self._calm_since is None else self._calm_since) if seen.calm else None
        if seen.overloaded and sum(self._overloads) >= _ENOUGH:
            self._close(seen)
        elif self.state is GateState.CLOSED and self._calm_since is not None:
            if now - self._calm_since >= self._patience:
                self.state, self._reason = GateState.RECOVERING, ""
                self._rate = self._permits = _FIRST
        elif self.state is GateState.RECOVERING:
            self._recover(now - self._at, calm=seen.calm)
        self._at = now
        return self.decision

    @property
    def decision(self) -> Decision:
        room = None if self.state is GateState.OPEN else int(self._permits)
        return Decision(self.state, self._reason, room)

    def admit(self) -> str:
        """Why one more call may not come now; empty when it may, and then it has come."""
        if self.state is GateState.OPEN:
            return ""
        if self.state is GateState.CLOSED:
            return self._reason
        if self._permits < 1:
            return "just recovered from an overload: calls are let in slowly"
        self._permits -= 1
        return ""

    def _close(self, seen: Observation) -> None:
        if self.state is not GateState.CLOSED:
            self.closed += 1
        if self.state is GateState.RECOVERING:
            self._patience = min(2 * self._patience, _CALM_MOST)
        self.state, self._permits, self._calm_since = GateState.CLOSED, 0.0, None
        exhausted = seen.busy >= _EXHAUSTED
        self._reason = "cpu exhausted: the switch uses its core whole" if exhausted else f"overloaded: {_late(seen)}"

    def _recover(self, seconds: float, *, calm: bool) -> None:
        if calm:
            self._rate *= 2.0**seconds
        if self._rate >= _OPEN:
            self.state, self._patience = GateState.OPEN, _CALM
        self._permits = min(self._permits + self._rate * seconds, max(1.0, self._rate))


def _late(seen: Observation) -> str:
    if seen.stalled:
        return "packets come too late to be caught up"
    if seen.late_packets > _PACKETS_CLOSE:
        return f"{100 * seen.late_packets:.0f} % of packets leave more than {1000 * LATE_PACKET:.0f} ms late"
    return f"{100 * seen.late_turns:.0f} % of the loop's turns come more than {1000 * LATE_TURN:.0f} ms late"
