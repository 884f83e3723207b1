"""For how long a test's process got no processor: what is measured in real time then is the machine's fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_BEAT = 0.01


@dataclass(slots=True)
class Stillness:
    #: Seconds in a row at most that the event loop did not turn.
    longest: float = 0.0


@asynccontextmanager
async def stillness() -> AsyncIterator[Stillness]:
    """Measured while inside."""
    seen = Stillness()

    async def beat() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(_BEAT)
            last, before = time.monotonic(), last
            seen.longest = max(seen.longest, last - before)

    beating = asyncio.create_task(beat())
    try:
        yield seen
        # What stood still until now is seen as well.
        await asyncio.sleep(2 * _BEAT)
    finally:
        beating.cancel()
