"""The link to one media server: is it up, which boot, how much room; and its events, resumed where they broke off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog

from channels.voice.base import MediaServerClient, ServerInfo
from common.clock import Clock
from common.control import CallEvent
from common.errors import RemoteError
from engine.effects import ServerRow
from engine.tuning import Tuning

log = structlog.get_logger()

_RECONNECT = 0.3
#: It does not answer, or what it says cannot be read.
_FAILURES = (RemoteError, ValueError, TypeError, KeyError)


@dataclass(slots=True)
class MediaLink:
    """`resync` is awaited whenever events may have been missed: a new boot, or a gap in the numbers."""

    row: ServerRow
    client: MediaServerClient
    clock: Clock
    tuning: Tuning
    hear: Callable[[MediaLink, CallEvent], None]
    resync: Callable[[MediaLink], Awaitable[None]]
    info: ServerInfo | None = None
    up: bool = False
    #: When it was last heard, monotonic.
    heard_at: float = 0.0
    #: Our calls on it, by attempt id; kept by the one who launches.
    calls: set[str] = field(default_factory=set)
    _ours_at_poll: int = 0
    _seq: int = 0

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def boot_id(self) -> str:
        return self.info.boot_id if self.info else ""

    @property
    def free_ports(self) -> int:
        """Room for our calls: what others had when we looked last is theirs."""
        if not self.up or self.info is None or self.info.draining:
            return 0
        others = max(0, self.info.calls - self._ours_at_poll)
        free = self.info.capacity - others - len(self.calls)
        if self.info.room is not None:
            # Less than its capacity leaves while its processor is overloaded, and for a while afterwards.
            free = min(free, self.info.room - max(0, len(self.calls) - self._ours_at_poll))
        return max(0, free)

    def silent_for(self) -> float:
        return self.clock.monotonic() - self.heard_at

    async def run(self) -> None:
        self.heard_at = self.clock.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll())
            group.create_task(self._listen())

    def lost(self) -> None:
        """A request did not reach it: nothing is launched there until it is heard again."""
        if self.up:
            log.warning("media_server_lost", server=self.name)
        self.up = False

    def refused(self) -> None:
        """It did not admit a call: others may, and it is not asked for more until it is looked at again."""
        if self.info is not None:
            self.info = replace(self.info, room=0)

    async def look(self) -> None:
        """Ask how it is. Raise RemoteError when it does not answer."""
        before = self.boot_id
        info = await self.client.info()
        self.heard_at = self.clock.monotonic()
        was_up, self.up, self.info, self._ours_at_poll = self.up, True, info, len(self.calls)
        if info.boot_id != before:
            # Another boot numbers its events anew: what came before we knew it is asked for call by call.
            self._seq = info.last_seq
        if not was_up or info.boot_id != before:
            log.info("media_server_up", server=self.name, boot=info.boot_id, capacity=info.capacity)
            await self.resync(self)

    async def _poll(self) -> None:
        while True:
            try:
                await self.look()
            except _FAILURES as error:
                if self.up:
                    log.warning("media_server_lost", server=self.name, error=repr(error))
                self.up = False
            await asyncio.sleep(self.tuning.server_poll)

    async def _listen(self) -> None:
        while True:
            if self.up:
                try:
                    await self._hear_events(self.boot_id)
                except _FAILURES as error:
                    log.info("events_interrupted", server=self.name, error=repr(error))
            await asyncio.sleep(min(_RECONNECT, self.tuning.server_poll))

    async def _hear_events(self, boot_id: str) -> None:
        async with aclosing(self.client.events(boot_id, self._seq)) as events:
            async for event in events:
                if event.boot_id != self.boot_id:
                    return
                self.heard_at = self.clock.monotonic()
                if event.seq <= self._seq:
                    continue
                gap = event.seq > self._seq + 1
                self._seq = event.seq
                self.hear(self, event)
                if gap:
                    await self.resync(self)
