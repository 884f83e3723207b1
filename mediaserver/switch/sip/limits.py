"""A trunk's limits: calls at a time, and call starts in any one second."""

from __future__ import annotations

from collections import OrderedDict, deque

#: Seconds. Two starts that many seconds apart are in no common window, whatever the far end's clock makes of it.
WINDOW = 1.005
#: Seconds a call waits for its turn before it is refused.
PATIENCE = 3.0


class TrunkLimits:
    """Calls wait their turn in the order they came; 0 is no limit. `now` is monotonic seconds."""

    def __init__(self, max_channels: int, calls_per_second: int) -> None:
        self.max_channels = max_channels
        self.calls_per_second = calls_per_second
        self._waiting: OrderedDict[str, float] = OrderedDict()
        self._up: set[str] = set()
        self._starts: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._up) + len(self._waiting)

    def ask(self, call: str, now: float) -> None:
        self._waiting[call] = now

    def take(self, now: float) -> tuple[list[str], list[str]]:
        """The calls to start now, and those that have waited too long."""
        started = []
        while self._waiting and self._has_room(now):
            call, _ = self._waiting.popitem(last=False)
            self._up.add(call)
            if self.calls_per_second:
                self._starts.append(now)
            started.append(call)
        late = [call for call, since in self._waiting.items() if since + PATIENCE <= now]
        for call in late:
            del self._waiting[call]
        return started, late

    def again(self, call: str, now: float) -> bool:
        """Another INVITE of a call that has its channel; False when it has to be given up: no start is left now."""
        if call not in self._up or not self._may_start(now):
            return False
        if self.calls_per_second:
            self._starts.append(now)
        return True

    def release(self, call: str) -> None:
        self._waiting.pop(call, None)
        self._up.discard(call)

    def next_timer(self) -> float | None:
        """When `take` may have something new, a release apart."""
        if not self._waiting:
            return None
        times = [next(iter(self._waiting.values())) + PATIENCE]
        if self._has_channel() and self._starts:
            times.append(self._starts[0] + WINDOW)
        return min(times)

    def _has_room(self, now: float) -> bool:
        return self._has_channel() and self._may_start(now)

    def _has_channel(self) -> bool:
        return not self.max_channels or len(self._up) < self.max_channels

    def _may_start(self, now: float) -> bool:
        while self._starts and self._starts[0] + WINDOW <= now:
            self._starts.popleft()
        return not self.calls_per_second or len(self._starts) < self.calls_per_second
