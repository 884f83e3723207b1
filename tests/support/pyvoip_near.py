"""The `pyvoip` line in tests against real far ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from common.control import Trunk
from mediaserver.lines.base import Failed, HungUp, Ladder, LineEvent, Place
from mediaserver.lines.pyvoip import PyVoipLine

Event = TypeVar("Event", bound=LineEvent)


class NearLine:
    """The line and what it told."""

    def __init__(self, line: PyVoipLine) -> None:
        self.line = line
        self.events: list[LineEvent] = []
        self._news = asyncio.Event()

    def sink(self, event: LineEvent) -> None:
        self.events.append(event)
        self._news.set()

    def call(self, port: int, *, name: str = "call", ring_timeout: float = 30.0, **trunk: str) -> None:
        to = trunk.pop("to", "+12125550100")
        self.line.place(Place(name, to, "+12125550199", "Clinic", Trunk("127.0.0.1", port, **trunk), ring_timeout))

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def ladder(self) -> list[str]:
        return [event.text for event in self.of(Ladder)]

    @property
    def end(self) -> HungUp | Failed:
        (only,) = (*self.of(HungUp), *self.of(Failed))
        return only

    async def wait(self, *kinds: type[LineEvent], seconds: float = 60.0) -> None:
        await self.until(lambda: any(isinstance(event, kinds) for event in self.events), seconds)

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()


def media_threads() -> list[str]:
    """The library's threads that are alive."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("RTP ")]


@asynccontextmanager
async def near_line(capacity: int = 50) -> AsyncIterator[NearLine]:
    line = PyVoipLine("127.0.0.1", capacity=capacity, t1=0.08)
    end = NearLine(line)
    await line.start(end.sink)
    try:
        yield end
    finally:
        await line.close()
