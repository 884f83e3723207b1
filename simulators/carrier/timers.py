"""One heap of timers for all calls, run by the pump's tick."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Timer:
    """A pending call of `action`; `cancel` may come at any time."""

    __slots__ = ("action", "when")

    def __init__(self, when: float, action: Callable[[], None]) -> None:
        self.when = when
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when


class Timers:
    """`clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._heap: list[Timer] = []

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        timer = Timer(self.clock() + seconds, action)
        heapq.heappush(self._heap, timer)
        return timer

    def run(self) -> None:
        """Carry out what is due."""
        now = self.clock()
        while self._heap and self._heap[0].when <= now:
            action = heapq.heappop(self._heap).action
            if action is not None:
                action()

    def __len__(self) -> int:
        return len(self._heap)
