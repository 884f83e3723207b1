"""Takes connections of others, a few in each turn of the event loop, so that it gets to its other work in between."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import structlog

log = structlog.get_logger()

#: In one turn.
_A_TURN = 2
_BACKLOG = 512
#: Seconds to wait where the system has no descriptor left.
_REST = 1.0


class Listener:
    """`made` makes the protocol of each. Raise OSError where the address cannot be bound."""

    def __init__(self, host: str, port: int, made: Callable[[], asyncio.Protocol]) -> None:
        self._made = made
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._resting: asyncio.TimerHandle | None = None
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if ":" in host:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.setblocking(False)
            self._socket.bind((host, port))
            self._socket.listen(_BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket.fileno(), self._take)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    async def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        if self._resting is not None:
            self._resting.cancel()
        self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self) -> None:
        for _ in range(_A_TURN):
            try:
                taken, _ = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("sip.cannot_accept", error=error.strerror)
                self._rest()
                return
            taken.setblocking(False)
            task = self._loop.create_task(self._loop.connect_accepted_socket(self._made, taken))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _rest(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._resting = self._loop.call_later(_REST, self._loop.add_reader, self._socket.fileno(), self._take)
