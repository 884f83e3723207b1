"""The dial level as VICIdial adapts it (its ADAPT_AVERAGE method), built from its public description as a baseline.

Every 15 s: the level goes up while agents wait beyond what is wanted and the drop rate of the last minutes is under
the limit, and down when it is over. The drop rate that it sees is a minute old.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from pacing.algorithms.base import Pacer
from pacing.algorithms.configuration import Configuration
from pacing.algorithms.observation import Decision, Seen
from pacing.algorithms.simple import lines_wanted

_EVERY = 15.0
_MINUTE = 60.0
_HIGHEST = 6.0


class Adaptive(Pacer):
    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self._level = max(1.0, configuration.dial_level)
        self._adapted: float | None = None
        #: Agents waiting less calls waiting, at each look since the level was last adapted.
        self._differences: deque[float] = deque(maxlen=15)
        self._drops_at: float | None = None
        self._drop_rate = 0.0

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        self._differences.append(seen.ready - seen.waiting)
        if self._drops_at is None or seen.now - self._drops_at >= _MINUTE:
            self._drops_at, self._drop_rate = seen.now, self.ledger.rate
        if self._adapted is None or seen.now - self._adapted >= _EVERY:
            self._adapted = seen.now
            self._adapt(seen)
        return Decision(lines_wanted(seen, self._level))

    def _adapt(self, seen: Seen) -> None:
        if not seen.logged_in:
            return
        limit = self.configuration.abandonment_limit
        idle = sum(self._differences) / len(self._differences) / seen.logged_in
        if self._drop_rate > limit:
            # Over the limit: down in proportion to how far, a tenth to a quarter a step.
            self._level *= max(0.75, 1.0 - 0.1 * self._drop_rate / max(limit, 1e-9))
        else:
            self._level *= 1.0 + max(-0.1, min(0.1, idle))
        self._level = max(1.0, min(_HIGHEST, self._level))

    def _save(self) -> Any:
        return [self._level, self._adapted, list(self._differences), self._drops_at, self._drop_rate]

    def _restore(self, learnt: Any, *, new_clock: bool) -> None:
        self._level, self._adapted, differences, self._drops_at, self._drop_rate = learnt
        self._differences = deque(differences, maxlen=15)
        if new_clock:
            self._adapted = self._drops_at = None
