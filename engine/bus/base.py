"""The `Bus` port."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Hint:
    topic: str
    payload: Mapping[str, Any]


Listener = Callable[[Hint], None]


class Bus(Protocol):
    async def publish(self, hint: Hint) -> None: ...

    def subscribe(self, topics: Collection[str], listener: Listener) -> Callable[[], None]:
        """The listener hears hints published from now on; the result ends that."""
        ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...
