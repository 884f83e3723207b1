"""For how long a test's process got no processor: what is measured in real time then is the machine's fault."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

_BEAT = 0.01


@dataclass(slots=True)
class Stillness:
    #: Seconds in a row at most that the event loop did not turn.
    longest: float = 0.0


@asynccontextmanager
async def stillness() -> AsyncIterator[Stillness]:
    """Measured while inside."""
    seen, last = Stillness(), time.monotonic()

    def look() -> None:
        nonlocal last
        last, before = time.monotonic(), last
        seen.longest = max(seen.longest, last - before)

    async def beat() -> None:
        while True:
            await asyncio.sleep(_BEAT)
            look()

    beating = asyncio.create_task(beat())
    try:
        yield seen
    finally:
        look()
        beating.cancel()


def in_motion(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Have a test played again, five times at most, that failed while its loop stood still for a twentieth of a second:
    the pumps give time up after a tenth."""

    @functools.wraps(test)
    async def played(**given: Any) -> None:
        for is_last in (*[False] * 5, True):
            try:
                async with stillness() as still:
                    return await test(**given)
            except AssertionError:
                if is_last or still.longest < 0.05:
                    raise

    return played
