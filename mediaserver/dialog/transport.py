"""The port through which requests leave, and its adapter in memory for tests and tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from mediaserver.dialog.answer import Answer
from mediaserver.dialog.policy import Place


class Transport(Protocol):
    """Sends one request and follows no redirect; a `Place` of reach PUBLIC is connected to at public addresses only."""

    async def request(self, place: Place, method: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Raise Problem."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What a `MemoryTransport` was asked; header names are in lower case."""

    url: str
    method: str
    body: bytes | None
    headers: Mapping[str, str]


class MemoryTransport:
    """Answers by `serve`, which may raise Problem; `asked` are the requests so far."""

    def __init__(self, serve: Callable[[Asked], Awaitable[Answer]]) -> None:
        self._serve = serve
        self.asked: list[Asked] = []

    async def request(self, place: Place, method: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        asked = Asked(place.url, method, body, dict(headers))
        self.asked.append(asked)
        return await self._serve(asked)

    async def close(self) -> None:
        self.asked.clear()
