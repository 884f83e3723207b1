"""Test calls of scripts: taken from their table, gated, committed, placed once, and followed to their end.

They run beside the jobs, on the same media servers and trunks, and never through a strategy: nothing redials them.
What a dead engine was following is taken over and asked after; who was rung is known from the media server alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Engine

from channels.voice.base import BootChanged, NotReached
from common.clock import Clock
from common.control import CallRequest, CallStatus
from common.errors import Refused, RemoteError
from common.tasks import Tasks
from engine import leases
from engine.addresses import Addresses
from engine.calls import Calls
from engine.links import MediaLink
from engine.routes import Routes
from engine.servers import Servers
from engine.test_call_rows import Following, Order, TestCallRows
from engine.tuning import Tuning

log = structlog.get_logger()


class TestCalls:
    __test__ = False

    def __init__(
        self,
        database: Engine,
        rows: TestCallRows,
        addresses: Addresses,
        servers: Servers,
        routes: Routes,
        calls: Calls,
        clock: Clock,
        tuning: Tuning,
        owner: str,
        may_act: Callable[[], bool],
    ) -> None:
        self._database = database
        self._rows = rows
        self._addresses = addresses
        self._servers = servers
        self._routes = routes
        self._calls = calls
        self._clock = clock
        self._tuning = tuning
        self._owner = owner
        self._may_act = may_act
        self._followed: set[str] = set()
        #: Wanted to end: by a person, or because the number has come on a do-not-call list.
        self._unwanted: dict[str, str] = {}
        self._stopping = False
        self.tasks = Tasks()

    def __len__(self) -> int:
        return len(self._followed)

    def stop(self) -> None:
        """Nothing new from now on."""
        self._stopping = True

    async def look(self) -> None:
        """Take what is queued, take over what nobody follows any more, and hear who wants to cancel."""
        if not self._may_act():
            return
        now = self._clock.utcnow()
        unfinished = await asyncio.to_thread(self._rows.unfinished, now)
        if not unfinished:
            return
        alive = {*await asyncio.to_thread(leases.live_owners, self._database, now), self._owner}
        for item in unfinished:
            if item.id in self._followed:
                if item.unwanted:
                    self._unwanted[item.id] = item.unwanted
            elif item.queued:
                if not self._stopping:
                    await self._take(item.id, now)
            elif item.owner == self._owner or item.owner not in alive:
                taken = await asyncio.to_thread(self._rows.take_over, item.id, item.owner, self._owner)
                if taken is not None:
                    log.info("test_call_adopted", test_call=item.id)
                    self._follow(taken, None)

    async def _take(self, test_call_id: str, now: datetime) -> None:
        trunk = await asyncio.to_thread(self._rows.trunk, test_call_id)
        if trunk is None:
            return
        self._routes.use([trunk])
        ports = self._routes.choose([trunk], self._servers.with_room(), 1)
        try:
            begun = await asyncio.to_thread(self._rows.begin, test_call_id, self._owner, next(iter(ports), None), now)
        finally:
            self._routes.launched(ports)
        if begun is None:
            return
        following, order = begun
        try:
            request = self._request(following, order)
        except Refused as error:
            await self._end(following, None, "INVALID_NUMBER", str(error))
            return
        self._follow(following, request)

    def _request(self, following: Following, order: Order) -> CallRequest:
        values = self._addresses.test_values(following.id, simulated=following.simulated)
        return CallRequest(
            attempt_id=following.id,
            to=order.address,
            sender=order.sender,
            trunk=order.trunk,
            dialled={order.trunk.name: order.dialled} if order.dialled else {},
            application=self._addresses.test_application(following.id, order.entry),
            values={**order.values, **values},
            max_duration=self._tuning.max_test_call,
            organization=str(following.organization_id),
            # A dialog worker of its own: what is tried out disturbs nobody's calls.
            revision=f"test-{following.id}",
            boot_id=following.boot_id,
            allow=order.hosts,
        )

    # Following

    def _follow(self, following: Following, request: CallRequest | None) -> None:
        self._followed.add(following.id)
        self.tasks.start(self._through(following, request))

    async def _through(self, following: Following, request: CallRequest | None) -> None:
        """To the end; should it fail half-way, the next look takes it up again."""
        link = self._servers.links.get(following.media_server)
        place = (following.trunk_id, following.media_server)
        self._calls.outside[place] += 1
        if link is not None:
            link.calls.add(following.id)
        try:
            if request is None or await self._place(following, link, request):
                await self._watch(following)
        finally:
            self._calls.outside[place] -= 1
            self._followed.discard(following.id)
            self._unwanted.pop(following.id, None)
            if link is not None:
                link.calls.discard(following.id)

    async def _place(self, following: Following, link: MediaLink | None, request: CallRequest) -> bool:
        """False where it has ended already. The media server never places a known id again."""
        if link is None or not self._may_act():
            await self._end(following, None, "NO_PORTS", "the engine was too late to place it")
            return False
        give_up_at = self._clock.monotonic() + self._tuning.server_limit
        first = True
        while self._clock.monotonic() < give_up_at:
            if not self._may_act():
                # Another engine may have taken it over, and ended it.
                return True
            try:
                status = await link.client.place(request)
            except (NotReached, BootChanged) as error:
                if first:
                    await self._end(following, None, "NO_PORTS", str(error))
                    return False
                return True
            except Refused as error:
                await self._end(following, None, "SYSTEM_ERROR", str(error))
                return False
            except RemoteError as error:
                log.warning("launch_answer_lost", test_call=following.id, server=link.name, error=str(error))
                first = False
                await asyncio.sleep(self._tuning.test_poll)
            else:
                return not await self._heard(following, status)
        return True

    async def _watch(self, following: Following) -> None:
        """Ask the media server again and again; what it tells is shown while the call lasts."""
        last_heard = self._clock.monotonic()
        seen: CallStatus | None = None
        while True:
            link = self._servers.links.get(following.media_server)
            try:
                if link is None:
                    raise NotReached("its media server is no longer known")
                status = await link.client.status(following.id)
                boot_id = (await link.client.info()).boot_id if status is None else ""
            except RemoteError as error:
                if self._clock.monotonic() - last_heard > self._tuning.server_limit:
                    await self._end(following, seen, "OUTCOME_UNKNOWN", str(error))
                    return
            else:
                last_heard = self._clock.monotonic()
                if status is None:
                    await self._end(following, seen, *_never_known(boot_id == following.boot_id))
                    return
                if status != seen:
                    if await self._heard(following, status):
                        return
                    seen = status
                await self._hang_up_unwanted(following, link)
            await asyncio.sleep(self._tuning.test_poll)

    async def _hang_up_unwanted(self, following: Following, link: MediaLink) -> None:
        if why := self._unwanted.get(following.id):
            log.info("test_call_cancelled", test_call=following.id, because=why)
            try:
                await link.client.hang_up(following.id)
            except RemoteError as error:
                log.warning("test_call_not_cancelled", test_call=following.id, error=str(error))

    async def _heard(self, following: Following, status: CallStatus) -> bool:
        """True at the end of the call."""
        if status.disposition is None:
            await asyncio.to_thread(self._rows.progress, following, status, self._clock.utcnow())
            return False
        await self._end(following, status, "", self._unwanted.get(following.id, ""))
        return True

    async def _end(self, following: Following, status: CallStatus | None, code: str, reason: str) -> None:
        """`code` "" is the one that the call's status gives."""
        now = self._clock.utcnow()
        found = await asyncio.to_thread(self._rows.finish, following, status, code, reason, now)
        log.info("test_call_ended", test_call=following.id, code=found)


def _never_known(same_boot: bool) -> tuple[str, str]:
    if same_boot:
        return "NO_PORTS", "the media server never got it"
    return "OUTCOME_UNKNOWN", "the media server has restarted and does not know it"
