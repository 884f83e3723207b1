"""Clarion's SIP endpoint in tests against real far ends: waits for events, counts what is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from common.control import Trunk
from mediaserver.switch.sip.endpoint import SipConfig, SipEndpoint, SipStats
from mediaserver.switch.sip.events import Ended, Failed, InviteSpec, Ladder, SipEvent
from mediaserver.switch.sip.resolver import Records
from mediaserver.switch.sip.sdp import make_offer

#: T1 of 80 ms: timers B, D, F, J and M are five seconds instead of 32, more than a machine stands still at a time.
FAST = SipConfig(t1=0.08, t2=0.64, t4=0.8)
NOTHING = SipStats(calls=0, dialogs=0, transactions=0, timers=0, tasks=0)

Event = TypeVar("Event", bound=SipEvent)


class Near:
    """An endpoint and what it told."""

    def __init__(self, endpoint: SipEndpoint) -> None:
        self.endpoint = endpoint
        self.events: list[SipEvent] = []
        self.transport = "udp"
        self._news = asyncio.Event()

    def sink(self, event: SipEvent) -> None:
        self.events.append(event)
        self._news.set()

    def call(
        self,
        port: int,
        *,
        to: str = "+12125550100",
        ring_timeout: float = 30.0,
        username: str = "",
        password: str = "",
        host: str = "127.0.0.1",
        redirects: tuple[str, ...] = (),
    ) -> None:
        trunk = Trunk(host, port, self.transport, username, password, redirects=redirects)
        offer = make_offer("::1" if ":" in host else "127.0.0.1", 40_000)
        self.endpoint.invite(InviteSpec("call", to, "+12125550199", "", trunk, offer, ring_timeout))

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def ladder(self) -> list[str]:
        return [event.text for event in self.of(Ladder)][1:]

    @property
    def end(self) -> Ended | Failed:
        (only,) = (*self.of(Ended), *self.of(Failed))
        return only

    async def wait(self, *kinds: type[SipEvent], seconds: float = 60.0) -> None:
        await self.until(lambda: any(isinstance(event, kinds) for event in self.events), seconds)

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def connections(self, count: int) -> bool:
        """Whether so many TCP and TLS connections are there within a minute."""
        for _ in range(5000):
            if self.endpoint.connections == count:
                return True
            await asyncio.sleep(0.01)
        return False

    async def settled(self, seconds: float = 60.0) -> SipStats:
        """What is left once every timer has had its time."""
        for _ in range(int(seconds / 0.02)):
            if self.endpoint.stats() == NOTHING:
                break
            await asyncio.sleep(0.02)
        return self.endpoint.stats()


@asynccontextmanager
async def near(config: SipConfig = FAST, records: Records | None = None, **changes: object) -> AsyncIterator[Near]:
    endpoint = SipEndpoint(replace(config, **changes), records)
    end = Near(endpoint)
    await endpoint.start(end.sink)
    try:
        yield end
    finally:
        await endpoint.close()
