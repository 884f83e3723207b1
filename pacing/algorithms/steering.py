"""The threshold of risk, steered by the regulator's running balance.

The balance says how many more people might have been abandoned by now. While it stands above a small reserve the
threshold is high, when it falls below it goes down steeply; what is left over after long is taken up by a base that
moves slowly. Only what really happened enters, so a wrong model costs talk time and never the limit.
"""

from __future__ import annotations

import math
from typing import Any

from pacing.algorithms.ledger import Ledger

#: Aim below the limit: what is still in the air at the end of a period must fit too.
MARGIN = 0.965
#: The balance is measured in what may be abandoned in so many seconds, and moves the base over so many.
_SPAN, _SLOWLY = 1_200.0, 3_600.0
#: Where fewer than so many may be abandoned in that span the base moves more slowly still: it would swing otherwise.
_FEW = 4.0
#: But in so many people at the least: each one abandoned would throw the threshold of a small team about, and what
#: wavers around its mean buys less talk time than what is steady, at the same cost.
_LEAST = 6.0
#: The part of what may be abandoned in that span that is kept in reserve, one person at the least.
_RESERVE = 0.3
#: The threshold begins at the limit itself. Its base goes no lower than the limit by the first of these, no higher than
#: the second; and the bounds of what the balance does to it.
_LOWEST, _HIGHEST = 6.0, 0.6
#: A limit of nothing has no logarithm.
_LEAST_LIMIT = 1e-6
_DOWN, _UP = -4.0, 1.0
#: Below the reserve the balance counts so many times as much.
_STEEP = 2.0
#: Until so many people have answered the threshold is smaller: the models know little yet.
_LEARNING = 30.0


class Steering:
    def __init__(self, limit: float) -> None:
        self._aim = limit * MARGIN
        self._limit = limit = max(limit, _LEAST_LIMIT)
        self._lowest = math.log(limit / _LOWEST)
        self._base = min(math.log(limit), math.log(_HIGHEST))
        #: People answering, a second.
        self._rate = 0.0
        self._live: float | None = None

    def threshold(self, ledger: Ledger, people: float, elapsed: float) -> float:
        """The chance of meeting no agent that the next call may have. `people`: how many answers were learnt from."""
        self._measure(ledger, elapsed)
        due = self._aim * self._rate * _SPAN
        error = (ledger.balance(self._aim) - max(1.0, _RESERVE * due)) / max(_LEAST, due)
        if people >= _LEARNING:
            self._base += min(max(error, -_UP), _UP) * elapsed / _SLOWLY * min(1.0, due / _FEW)
            self._base = min(max(self._base, self._lowest), math.log(_HIGHEST))
        slow_start = min(1.0, (5.0 + people) / (5.0 + _LEARNING))
        push = min(max(error if error > 0 else _STEEP * error, _DOWN), _UP)
        return min(_HIGHEST, math.exp(self._base + push) * slow_start)

    def save(self) -> Any:
        return [self._base, self._rate, self._live, self._limit]

    def restore(self, learnt: Any) -> None:
        self._base, self._rate, self._live = learnt[:3]
        if len(learnt) > 3 and learnt[3] != self._limit:
            # Another limit: the base stands to it as it stood to the old one.
            self._base = min(self._base + math.log(self._limit / learnt[3]), math.log(_HIGHEST))

    def _measure(self, ledger: Ledger, elapsed: float) -> None:
        live = ledger.live
        if self._live is not None and elapsed > 0:
            share = min(1.0, elapsed / _SPAN)
            self._rate += share * (max(0.0, live - self._live) / elapsed - self._rate)
        self._live = live
