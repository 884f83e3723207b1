"""The media servers in use: a link to each, kept in step with the table, and the ports they have free."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import Engine

from channels.voice.base import MediaServerClient
from common.clock import Clock
from common.control import CallEvent
from common.tasks import keep_going
from engine import effects
from engine.links import MediaLink
from engine.routes import Server
from engine.tuning import Tuning

Hear = Callable[[MediaLink, CallEvent], None]
Resync = Callable[[MediaLink], Awaitable[None]]


class Servers:
    def __init__(
        self,
        database: Engine,
        make_client: Callable[[str], MediaServerClient],
        clock: Clock,
        tuning: Tuning,
        default_url: str,
    ) -> None:
        self._database = database
        self._make_client = make_client
        self._clock = clock
        self._tuning = tuning
        self._default_url = default_url
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hear: Hear | None = None
        self._resync: Resync | None = None
        #: By name, as attempts name them.
        self.links: dict[str, MediaLink] = {}

    def attend(self, hear: Hear, resync: Resync) -> None:
        """Who hears the servers' events; before the first `meet`."""
        self._hear, self._resync = hear, resync

    async def meet(self) -> None:
        """Keep a link to each server in use, and note in the table what is seen of them."""
        rows = await asyncio.to_thread(effects.media_servers, self._database, self._default_url)
        for row in rows:
            known = self.links.get(row.name)
            if known is None or known.row != row:
                await self._drop(row.name)
                self._open(row)
        for name in self.links.keys() - {row.name for row in rows}:
            await self._drop(name)
        seen = [
            effects.Seen(link.row.id, link.boot_id, link.info.capacity, link.info.calls, link.info.load)
            for link in self.links.values()
            if link.up and link.info is not None
        ]
        await asyncio.to_thread(effects.note_servers, self._database, seen, self._clock.utcnow())

    def free_ports(self) -> int:
        return sum(link.free_ports for link in self.links.values())

    def with_room(self) -> list[Server]:
        return [Server(link.name, link.boot_id, link.free_ports) for link in self.links.values() if link.free_ports]

    @property
    def up(self) -> list[str]:
        return [name for name, link in self.links.items() if link.up]

    async def close(self) -> None:
        for name in tuple(self.links):
            await self._drop(name)

    def _open(self, row: effects.ServerRow) -> None:
        assert self._hear is not None
        assert self._resync is not None
        link = MediaLink(row, self._make_client(row.url), self._clock, self._tuning, self._hear, self._resync)
        self.links[row.name] = link
        self._tasks[row.name] = asyncio.create_task(keep_going(f"link {row.name}", link.run))

    async def _drop(self, name: str) -> None:
        link = self.links.pop(name, None)
        if link is not None:
            task = self._tasks.pop(name)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await link.client.close()
