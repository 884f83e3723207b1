"""Lets those who come all at once through a few at a time, so that the event loop gets to its other work in between."""

from __future__ import annotations

import asyncio
from collections import deque

#: Through in one turn of the loop: connections, say, of some 0.3 ms each.
_A_TURN = 2


class Turnstile:
    """`await turnstile.turn()`, in the order of coming."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_soon(self._let_through)
        await turn

    def _let_through(self) -> None:
        for _ in range(min(_A_TURN, len(self._waiting))):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._let_through)
