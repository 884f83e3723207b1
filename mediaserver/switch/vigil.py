"""Which far ends are gone without a word: a phone that lost its network sends no BYE. Pure; `now` is monotonic."""

from __future__ import annotations

from collections.abc import Mapping

#: Seconds without a packet of audio, comfort noise or RTCP. Phones that suppress silence still report every five.
LEG_PATIENCE = 12.0
#: A carrier tells by itself who is gone, and one of its gateways may be silent while nobody speaks.
CUSTOMER_PATIENCE = 60.0


class Vigil:
    """Signs of life are numbers that grow; None where silence means nothing."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._seen: dict[str, tuple[int | None, float]] = {}

    def look(self, signs: Mapping[str, int | None], now: float) -> list[str]:
        """The calls of `signs` that have been silent for too long; each is told of once in every such time."""
        gone = []
        for call, sign in signs.items():
            before, since = self._seen.get(call, (None, now))
            if sign is None or sign != before:
                self._seen[call] = (sign, now)
            elif now - since > self._patience:
                gone.append(call)
                self._seen[call] = (sign, now)
        self._seen = {call: seen for call, seen in self._seen.items() if call in signs}
        return gone
