"""The hopper: leased contacts that wait for a permit, one queue for calls and one for messages.

It is filled ahead just far enough: what lies here is leased, and nobody else may have it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """`expires` is when the lease ends, in the caller's monotonic seconds."""

    value: T
    voice: bool
    expires: float


@dataclass(slots=True)
class Hopper(Generic[T]):
    #: The most contacts held at one time.
    capacity: int
    #: An item is not handed out in the last seconds of its lease.
    margin: float = 5.0
    _voice: deque[Item[T]] = field(default_factory=deque)
    _messages: deque[Item[T]] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self._voice) + len(self._messages)

    def waiting(self, *, voice: bool) -> int:
        return len(self._queue(voice))

    def room(self, low_water: float = 0.5) -> int:
        """How many to lease now: nothing until the hopper has run down, then all it can take."""
        return self.capacity - len(self) if len(self) <= self.capacity * low_water else 0

    def put(self, items: Iterable[Item[T]]) -> None:
        for item in items:
            self._queue(item.voice).append(item)

    def take(self, count: int, now: float, *, voice: bool) -> list[T]:
        """At most `count`, oldest first; nothing that is near the end of its lease."""
        taken: list[T] = []
        queue = self._queue(voice)
        while queue and len(taken) < count and not self._lapses(queue[0], now):
            taken.append(queue.popleft().value)
        return taken

    def lapsing(self, now: float) -> list[T]:
        """Take out what is near the end of its lease: to be given back while it is ours."""
        found: list[T] = []
        for queue in (self._voice, self._messages):
            while queue and self._lapses(queue[0], now):
                found.append(queue.popleft().value)
        return found

    def clear(self) -> list[T]:
        """Empty it: what was in it is to be given back."""
        held = [item.value for item in (*self._voice, *self._messages)]
        self._voice.clear()
        self._messages.clear()
        return held

    def _lapses(self, item: Item[T], now: float) -> bool:
        return item.expires - self.margin <= now

    def _queue(self, voice: bool) -> deque[Item[T]]:
        return self._voice if voice else self._messages
