"""The bus inside one process."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from common.tasks import note_failure
from engine.bus.base import Hint, Listener


@dataclass(slots=True)
class Subscriptions:
    _listeners: list[tuple[frozenset[str], Listener]] = field(default_factory=list)

    def add(self, topics: Collection[str], listener: Listener) -> Callable[[], None]:
        entry = (frozenset(topics), listener)
        self._listeners.append(entry)

        def end() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)

        return end

    def tell(self, hint: Hint) -> None:
        """One listener that fails keeps no other from hearing it, nor from the hints that follow."""
        for topics, listener in tuple(self._listeners):
            if hint.topic in topics:
                try:
                    listener(hint)
                except Exception as error:
                    note_failure(f"hint {hint.topic}", error)

    def __bool__(self) -> bool:
        return bool(self._listeners)


@dataclass(slots=True)
class MemoryBus:
    _subscriptions: Subscriptions = field(default_factory=Subscriptions)

    async def publish(self, hint: Hint) -> None:
        self._subscriptions.tell(hint)

    def subscribe(self, topics: Collection[str], listener: Listener) -> Callable[[], None]:
        return self._subscriptions.add(topics, listener)

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""
