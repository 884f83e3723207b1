"""The virtual clock: what will happen, in order of time, and of one time in the order it was put in."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self._coming: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._order = 0

    def at(self, time: float, then: Callable[[Any], None], what: Any) -> None:
        self._order += 1
        heapq.heappush(self._coming, (time, self._order, then, what))

    def live_until(self, now: float) -> None:
        """Everything up to `now`, and that it is `now`."""
        coming = self._coming
        while coming and coming[0][0] <= now:
            self.now, _, then, what = heapq.heappop(coming)
            then(what)
        self.now = now
