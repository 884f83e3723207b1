"""What the caller hears while a page is slow (VoiceXML 2.1 section 6.1.1): fetchaudio, its delay and its minimum."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from mediaserver.dialog.prompts import Rendered
from vxml.messages import FetchAudio

#: A clip that the line cannot play is not asked for again without end.
_MOST_TURNS = 1000


class WaitingAudio:
    """One call's. `play` queues the clips and `stop` cuts them; `ended` is told of the end of each queue."""

    def __init__(self, play: Callable[[Rendered], None], stop: Callable[[], None]) -> None:
        self._play = play
        self._stop = stop
        self._queue: asyncio.Future[None] | None = None
        self._gone = asyncio.Event()

    def ended(self) -> None:
        if self._queue is not None and not self._queue.done():
            self._queue.set_result(None)

    def hung_up(self) -> None:
        """Nobody listens any more."""
        self._gone.set()

    async def accompany(self, fetching: asyncio.Future[Any], audio: FetchAudio, rendering: Awaitable[Rendered]) -> None:
        """Play from `delay` seconds on until `fetching` is done, once begun for `minimum` seconds at least.

        Audio that is over begins again.
        """
        gone = asyncio.ensure_future(self._gone.wait())
        ready = asyncio.ensure_future(rendering)
        try:
            await asyncio.wait((fetching, gone), timeout=audio.delay, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((fetching, gone, ready), return_when=asyncio.FIRST_COMPLETED)
            if ready.done() and ready.result().clips and not fetching.done():
                await self._play_through(fetching, gone, ready.result(), audio.minimum)
        finally:
            gone.cancel()
            ready.cancel()

    async def _play_through(
        self, fetching: asyncio.Future[Any], gone: asyncio.Future[Any], clips: Rendered, minimum: float
    ) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + minimum
        for _ in range(_MOST_TURNS):
            queue = self._queue = loop.create_future()
            self._play(clips)
            await asyncio.wait((fetching, gone, queue), return_when=asyncio.FIRST_COMPLETED)
            if fetching.done() and not gone.done():
                left = max(0.0, until - loop.time())
                await asyncio.wait((gone, queue), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if gone.done() or (fetching.done() and loop.time() >= until):
                if not queue.done():
                    self._stop()
                break
        self._queue = None
