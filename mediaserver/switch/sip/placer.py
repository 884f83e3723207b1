"""Places calls: waits for the trunk's limits, finds its servers, and tries the next where the first rang nobody.

Another server, then another trunk, is tried only when nothing beyond 100 was seen and the first transaction is closed
by the far end or the network (503, connection refused), so that nobody's telephone rings twice for one attempt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace

import structlog

from common.control import Disposition, Trunk, TrunkFault
from common.errors import ConfigError, Refused
from common.tasks import Tasks, note_failure
from mediaserver.switch.sip.events import Ended, Failed, InviteSpec, SipEvent, TrunkFailed
from mediaserver.switch.sip.health import Health
from mediaserver.switch.sip.limits import TrunkLimits
from mediaserver.switch.sip.message import Response
from mediaserver.switch.sip.registration import Registrar, Registration
from mediaserver.switch.sip.release import retry_after
from mediaserver.switch.sip.requests import Identity
from mediaserver.switch.sip.resolver import Resolver, fixed_address
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.transports import Transports
from mediaserver.switch.sip.useragent import UserAgent

log = structlog.get_logger()

_Key = tuple[str, int, str, str, str, str]
_SILENT = "its servers answer no OPTIONS"


@dataclass(slots=True)
class _Placed:
    """A call from its order to its end; `left` are the trunk's servers not tried yet, `further` the trunks."""

    spec: InviteSpec
    key: _Key
    further: list[Trunk]
    left: list[Address] = field(default_factory=list)
    at: Address | None = None
    task: asyncio.Task[None] | None = None
    cancelled: bool = False


class Placer:
    """`report` takes events that no user agent makes, `flush` sends what has become ready."""

    def __init__(
        self,
        agent: UserAgent,
        transports: Transports,
        resolver: Resolver,
        report: Callable[[SipEvent], None],
        flush: Callable[[], None],
    ) -> None:
        self._agent = agent
        self._transports = transports
        self._resolver = resolver
        self._report = report
        self._flush = flush
        self._health = Health()
        self._registrations: dict[tuple[Trunk, Address], Registration] = {}
        self._limits: dict[_Key, TrunkLimits] = {}
        self._calls: dict[str, _Placed] = {}
        self._timers: dict[object, asyncio.TimerHandle] = {}
        self._searches, self._pings = Tasks(), Tasks()

    def __contains__(self, call: str) -> bool:
        return call in self._calls

    @property
    def tasks(self) -> int:
        return sum(placed.task is not None for placed in self._calls.values()) + len(self._pings)

    def calls(self) -> tuple[str, ...]:
        return tuple(self._calls)

    def place(self, spec: InviteSpec) -> None:
        (first, *further), passed_over = self._health.order((spec.trunk, *spec.alternatives), time.monotonic())
        # Whichever server gets it, one attempt has one Call-ID.
        spec = replace(spec, trunk=first, call_id=spec.call_id or self._agent.token())
        placed = self._calls[spec.call] = _Placed(spec, _key(first), further)
        for trunk in passed_over:
            self._report(TrunkFailed(spec.call, TrunkFault(trunk.name, _SILENT, down=True), first))
        if further:
            self._scout((first, *further))
        self._wait_for_room(placed)

    def _wait_for_room(self, placed: _Placed) -> None:
        trunk = placed.spec.trunk
        limits = self._limits.get(placed.key)
        if limits is None and (trunk.max_channels or trunk.calls_per_second):
            limits = self._limits[placed.key] = TrunkLimits(trunk.max_channels, trunk.calls_per_second)
        if limits is None:
            self._begin(placed)
        else:
            # A trunk's limits hold from the next call on when they are changed.
            limits.max_channels, limits.calls_per_second = trunk.max_channels, trunk.calls_per_second
            limits.ask(placed.spec.call, time.monotonic())
            self._let_start(placed.key)

    def cancel(self, call: str) -> bool:
        """End a call that the user agent has not seen yet; True when that was all."""
        placed = self._calls.get(call)
        if placed is None:
            return False
        placed.cancelled = True
        if placed.task is None and placed.at is not None:
            return False
        if placed.task is not None:
            placed.task.cancel()
        self._fail(placed, Disposition.CANCELLED, None, "")
        return True

    def heard(self, event: SipEvent) -> bool:
        """Look at what the user agent reports; False for a failure that another server may mend."""
        if not isinstance(event, Ended | Failed):
            return True
        placed = self._calls.get(event.call)
        if placed is None:
            return True
        if isinstance(event, Failed) and self._tries_another(placed, event):
            return False
        self._over(placed)
        return True

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._pings.cancel_all()
        for registration in self._registrations.values():
            registration.stop()

    # --- one call

    def _begin(self, placed: _Placed) -> None:
        trunk = placed.spec.trunk
        address = fixed_address(trunk)
        if address is not None and not trunk.register and self._health.rank([address], time.monotonic()):
            self._invite(placed, address)
        else:
            self._look_for_a_server(placed, self._find(placed))

    def _invite(self, placed: _Placed, address: Address, identity: Identity | None = None) -> None:
        placed.at, placed.task = address, None
        try:
            self._agent.invite(placed.spec, address, time.monotonic(), identity)
        except Refused as error:
            self._fail(placed, Disposition.NOT_ADMITTED, None, str(error))
            return
        except Exception as error:
            # It may have left all the same: no other server or trunk gets it, and the person is left alone for a while.
            note_failure("invite", error, call=placed.spec.call)
            self._fail(placed, Disposition.LOST, None, f"a defect of Clarion: {type(error).__name__}")
            return
        self._flush()

    def _look_for_a_server(self, placed: _Placed, work: Coroutine[None, None, None]) -> None:
        task = placed.task = self._searches.start(work, lambda error: self._not_found(placed, task, error))

    def _not_found(self, placed: _Placed, task: asyncio.Task[None], error: Exception) -> None:
        """Whatever nobody foresaw ends the call on this trunk: one that is never placed must not stay for ever."""
        note_failure("trunk search", error, trunk=placed.spec.trunk.name)
        if placed.task is task and self._calls.get(placed.spec.call) is placed:
            self._give_up(placed, Disposition.TRANSPORT_ERROR, None, f"the trunk cannot be used: {error}")

    async def _find(self, placed: _Placed) -> None:
        now = time.monotonic()
        trunk = placed.spec.trunk
        try:
            addresses = await self._resolver.addresses(trunk)
        except OSError as error:
            self._give_up(placed, Disposition.TRANSPORT_ERROR, None, _why(error))
            return
        if len(addresses) > 1 or placed.spec.alternatives:
            self._watch(trunk, addresses)
        placed.left = self._health.rank(addresses, now)
        if not placed.left:
            self._give_up(placed, Disposition.REFUSED, 503, "every server of the trunk asked for rest (Retry-After)")
        else:
            await self._try(placed)

    async def _try(self, placed: _Placed) -> None:
        """The next server that takes our connection gets the INVITE."""
        error: OSError | ConfigError = OSError("the trunk has no server")
        while placed.left:
            address = placed.left.pop(0)
            try:
                identity = await self._transports.open(address)
            except (OSError, ConfigError) as problem:
                error = problem
                self._health.unreachable(address, time.monotonic())
                continue
            refused = await self._registered(placed.spec.trunk, address, identity)
            if refused:
                self._give_up(placed, Disposition.AUTH_FAILED, None, refused)
                return
            self._invite(placed, address, identity)
            return
        self._give_up(placed, Disposition.TRANSPORT_ERROR, None, _why(error))

    async def _registered(self, trunk: Trunk, address: Address, identity: Identity) -> str:
        """Why the trunk may not be used there, "" where it may."""
        if not trunk.register:
            return ""
        # What it may carry has nothing to do with who we are there.
        key = (replace(trunk, max_channels=0, calls_per_second=0, name=""), address)
        known = self._registrations.get(key)
        if known is None:
            registrar = Registrar(self._agent.loose, self._agent.timers, self._agent.token)
            known = self._registrations[key] = Registration(registrar, trunk, address, identity)
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        known.ask(lambda problem: None if answered.done() else answered.set_result(problem), time.monotonic())
        self._flush()
        return await answered

    def _tries_another(self, placed: _Placed, event: Failed) -> bool:
        now = time.monotonic()
        unreachable = event.disposition is Disposition.TRANSPORT_ERROR
        unwilling = event.disposition is Disposition.REFUSED and event.sip_status == 503
        if placed.at is not None:
            if unreachable:
                self._health.unreachable(placed.at, now)
            elif event.disposition is not Disposition.NO_REPLY:
                self._health.answered(placed.at, event.sip_status, event.retry_after, now)
        if not (unreachable or unwilling):
            return False
        closed = not event.provisional and not placed.cancelled
        limits = self._limits.get(placed.key)
        if closed and placed.left and (limits is None or limits.again(placed.spec.call, now)):
            placed.at = None
            self._look_for_a_server(placed, self._try(placed))
            return True
        reason = f"{event.sip_status or ''} {event.reason}".strip()
        fault = TrunkFault(placed.spec.trunk.name, reason, unreachable, event.retry_after)
        return self._next_trunk(placed, fault, closed=closed)

    def _next_trunk(self, placed: _Placed, fault: TrunkFault, *, closed: bool = True) -> bool:
        """Tell of the fault; False when the call ends with it. `closed`: nobody can have rung."""
        following = placed.further.pop(0) if closed and placed.further else None
        self._report(TrunkFailed(placed.spec.call, fault, following))
        if following is None:
            return False
        self._leave_room(placed)
        placed.spec, placed.key = replace(placed.spec, trunk=following), _key(following)
        placed.at, placed.task, placed.left = None, None, []
        self._wait_for_room(placed)
        return True

    def _give_up(self, placed: _Placed, disposition: Disposition, status: int | None, reason: str) -> None:
        """Nothing of the call left by this trunk."""
        down = disposition in (Disposition.TRANSPORT_ERROR, Disposition.AUTH_FAILED)
        if not self._next_trunk(placed, TrunkFault(placed.spec.trunk.name, reason, down)):
            self._fail(placed, disposition, status, reason)

    def _fail(self, placed: _Placed, disposition: Disposition, status: int | None, reason: str) -> None:
        placed.task = None
        self._report(Failed(placed.spec.call, disposition, status, reason, False))
        self._over(placed)
        self._flush()

    def _over(self, placed: _Placed) -> None:
        self._calls.pop(placed.spec.call, None)
        self._leave_room(placed)

    def _leave_room(self, placed: _Placed) -> None:
        limits = self._limits.get(placed.key)
        if limits is not None:
            limits.release(placed.spec.call)
            self._let_start(placed.key)

    # --- limits

    def _let_start(self, key: _Key) -> None:
        limits = self._limits.get(key)
        if limits is None:
            return
        started, late = limits.take(time.monotonic())
        for call in started:
            self._begin(self._calls[call])
        for call in late:
            self._give_up(self._calls[call], Disposition.NOT_ADMITTED, None, "the trunk's limits leave no room for it")
        self._set_timer(key, limits.next_timer(), lambda: self._let_start(key))

    # --- health

    def _scout(self, trunks: Sequence[Trunk]) -> None:
        """Look after all of them, those that no call needs too: their turn may come."""
        for trunk in trunks:
            address = fixed_address(trunk)
            if address is not None:
                self._watch(trunk, [address])
            elif not self._health.knows(trunk):
                self._pings.start(self._look_up(trunk))

    async def _look_up(self, trunk: Trunk) -> None:
        try:
            self._watch(trunk, await self._resolver.addresses(trunk))
        except OSError as error:
            log.info("trunk_not_found", trunk=trunk.name, error=_why(error))

    def _watch(self, trunk: Trunk, addresses: Sequence[Address]) -> None:
        self._health.watch(trunk, addresses, time.monotonic())
        self._set_timer("ping", self._health.next_timer(), self._ping)

    def _ping(self) -> None:
        for address in self._health.due(time.monotonic()):
            self._pings.start(self._ask_after(address))
        self._set_timer("ping", self._health.next_timer(), self._ping)

    async def _ask_after(self, address: Address) -> None:
        try:
            identity = await self._transports.open(address)
        except (OSError, ConfigError):
            self._health.unreachable(address, time.monotonic())
            return

        def done(response: Response | None, now: float) -> None:
            wait = retry_after(response) if response is not None else 0
            self._health.answered(address, response.status if response is not None else None, wait, now)

        self._agent.loose.ping(address, identity, done, time.monotonic())
        self._flush()

    def _set_timer(self, name: object, at: float | None, action: Callable[[], None]) -> None:
        known = self._timers.pop(name, None)
        if known is not None:
            known.cancel()
        if at is not None:
            delay = max(0.0, at - time.monotonic())
            self._timers[name] = asyncio.get_running_loop().call_later(delay, action)


def _key(trunk: Trunk) -> _Key:
    return (trunk.host, trunk.port, trunk.transport, trunk.username, trunk.proxy, trunk.name)


def _why(error: OSError | ConfigError) -> str:
    if isinstance(error, TimeoutError):
        return "the trunk takes no connection within 5 seconds"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
