"""The user agent's timers: RFC 3261's T1, T2, T4 and one queue of deadlines in monotonic seconds."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass

Callback = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds (RFC 3261 table 4). Tests shrink T1 and T4; the other timers follow."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def give_up(self) -> float:
        """64*T1: timers B, D, F, H, J, L and M over UDP."""
        return 64 * self.t1


class TimerQueue:
    """Named deadlines; setting a name again moves it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Hashable]] = []
        self._live: dict[Hashable, tuple[int, Callback]] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._live)

    def set(self, key: Hashable, at: float, callback: Callback) -> None:
        self._count += 1
        self._live[key] = (self._count, callback)
        heapq.heappush(self._heap, (at, self._count, key))

    def cancel(self, key: Hashable) -> None:
        if self._live.pop(key, None) is not None and len(self._heap) > 64 and len(self._heap) > 2 * len(self._live):
            self._heap = [entry for entry in self._heap if self._is_live(entry)]
            heapq.heapify(self._heap)

    def next(self) -> float | None:
        """The earliest deadline, None where there is none."""
        while self._heap and not self._is_live(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float, limit: int) -> None:
        """Call what is due, `limit` deadlines at most, so that one call never holds the interpreter for long."""
        for _ in range(limit):
            due = self.next()
            if due is None or due > now:
                return
            _, _, key = heapq.heappop(self._heap)
            _, callback = self._live.pop(key)
            callback(now)

    def clear(self) -> None:
        self._heap.clear()
        self._live.clear()

    def _is_live(self, entry: tuple[float, int, Hashable]) -> bool:
        live = self._live.get(entry[2])
        return live is not None and live[0] == entry[1]
