"""The engine: an asyncio shell around the pure parts. All database work runs in threads.

One life of it is named by `owner` and lasts while its lease is renewed. What it claimed and what it began belong to
that name, so that after a crash others can tell.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.strategy import Channel, RunnerState
from app.services import test_calls
from channels.base import Channel as MessageChannel
from channels.voice.base import MediaServerClient
from common.clock import Clock
from common.errors import ClarionError, ConfigError
from common.tasks import note_failure
from engine import leases, people, receipts
from engine.addresses import Addresses
from engine.bus import Bus, Hint
from engine.calls import Calls
from engine.director import Director
from engine.leading import Leading
from engine.messenger import Messenger
from engine.outcomes import Running
from engine.placing import Placing
from engine.plans import JobPlan, PlanReader
from engine.recorder import Recorder
from engine.routes import Routes
from engine.servers import Servers
from engine.store import AttemptStore, Share, Unfinished
from engine.test_call_rows import TestCallRows
from engine.test_calls import TestCalls
from engine.tuning import Tuning

log = structlog.get_logger()

_HEARTBEAT = 2.0
_MANY = 10_000
_RECEIPT_TRIES, _RECEIPT_AGAIN = 20, 0.5
#: Seconds that the last outcomes may take to be written at the end.
_LAST_WRITES = 5.0
#: The longest wait between two tries of a loop that fails again and again by a defect.
_LONGEST_WAIT = 10.0


class EngineRunner:
    """`make_client` gives the client of a media server by its URL; `default_server` is entered where none is known."""

    def __init__(
        self,
        database: Engine,
        store: AttemptStore,
        plans: PlanReader,
        addresses: Addresses,
        channels: Mapping[str, MessageChannel],
        make_client: Callable[[str], MediaServerClient],
        clock: Clock,
        bus: Bus,
        *,
        engine_id: str,
        default_server: str,
        tuning: Tuning | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._reader = plans
        self._clock = clock
        self._bus = bus
        self._tuning = tuning or Tuning()
        self.owner = f"{engine_id}/{secrets.token_hex(4)}"
        self._life_name = f"{leases.LIFE}{engine_id}"
        self._life: leases.Lease | None = None
        self._life_ends = 0.0
        #: Since when it has not run out, monotonic.
        self._alive_since = 0.0
        self._plans: dict[int, JobPlan] = {}
        self._servers = Servers(database, make_client, clock, self._tuning, default_server)
        self._stopping = False
        self._look = asyncio.Event()
        self._look_at_tests = asyncio.Event()
        self._recorder = Recorder(store, clock, self._tuning.flush)
        recorder, since = self._recorder, self.alive_since
        self._calls = Calls(database, addresses, recorder, clock, self._tuning, self._servers.links, since)
        self._servers.attend(self._calls.hear, self._calls.resync)
        self._messenger = Messenger(database, channels, addresses, recorder, clock, self._tuning, since)
        calls = self._calls
        self._routes = Routes(
            database, clock, self._tuning, self.owner, calls.may_be_on, calls.adopted_on, calls.on_trunk
        )
        self._placing = Placing(
            database, store, calls, self._messenger, self._servers, self._routes, clock, self._tuning, self.owner
        )
        self._tests = TestCalls(
            database,
            TestCallRows(database, plans),
            addresses,
            self._servers,
            self._routes,
            self._calls,
            clock,
            self._tuning,
            self.owner,
            self.alive,
        )
        self._leading = Leading(
            database, store, Director(database, clock), clock, self._tuning, self.owner, self._adopt
        )

    def alive(self) -> bool:
        """Our lease of life has not run out."""
        return self._clock.monotonic() < self._life_ends

    def alive_since(self) -> float:
        """What we began since then (monotonic) is still ours to place: nobody can have taken it over meanwhile."""
        return self._alive_since if self.alive() else math.inf

    @property
    def calls_in_progress(self) -> int:
        return len(self._calls)

    @property
    def sharers(self) -> int:
        """How many engines share the work, as far as this one knows."""
        return self._placing.share.count

    # Life

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is under way and give everything back."""
        await self._be_born(stop)
        if stop.is_set():
            return
        log.info("engine_started", owner=self.owner)
        await self._bus.start()
        forget = self._bus.subscribe(["job", receipts.TOPIC, test_calls.TOPIC], self._hear_hint)
        tuning = self._tuning
        loops = [
            asyncio.create_task(self._recorder.run()),
            self._every(tuning.renewal, self._renew),
            self._every(_HEARTBEAT, self._servers.meet),
            self._every(tuning.poll, self._look_at_jobs, self._look),
            self._every(tuning.renewal, self._lease_trunks, self._routes.wanted),
            self._every(tuning.tick, self._tick),
            self._every(tuning.test_poll, self._tests.look, self._look_at_tests),
            self._every(tuning.sweep, self._calls.sweep),
            self._every(tuning.dnc_watch, self._calls.watch_dnc),
            self._every(tuning.poll, self._lead),
            self._every(tuning.stray, self._find_strays),
        ]
        try:
            await stop.wait()
            await self._wind_down()
        finally:
            forget()
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            for tasks in (self._placing.tasks, self._calls.tasks, self._messenger.tasks, self._tests.tasks):
                await tasks.cancel()
            await self._bus.close()
            await self._servers.close()
            await self._bury()

    async def _be_born(self, stop: asyncio.Event) -> None:
        """Take the lease of life; a former life of the same name has to run out first."""
        told = False
        while not stop.is_set():
            now = self._clock.utcnow()
            until = now + timedelta(seconds=self._tuning.life)
            started = self._clock.monotonic()
            self._life = await asyncio.to_thread(
                leases.acquire, self._database, self._life_name, self.owner, now, until
            )
            if self._life is not None:
                self._alive_since, self._life_ends = started, started + self._tuning.life
                return
            if not told:
                log.info("engine_waits", reason="an engine of this name is alive, or its lease has yet to run out")
                told = True
            await asyncio.sleep(min(0.5, self._tuning.renewal))

    async def _renew(self) -> None:
        assert self._life is not None
        started = self._clock.monotonic()
        now = self._clock.utcnow()
        until = now + timedelta(seconds=self._tuning.life)
        if await asyncio.to_thread(leases.renew, self._database, self._life, until):
            if not self.alive():
                # It had run out: others may have taken over what we had begun before.
                log.warning("engine_lapsed", owner=self.owner)
                self._alive_since = self._clock.monotonic()
            self._life_ends = started + self._tuning.life
        else:
            self._life_ends = 0.0
            raise ConfigError(f"another engine has the name {self._life_name}; give each its own CLARION_ENGINE_ID")
        owners = await asyncio.to_thread(leases.live_owners, self._database, now)
        if self.owner in owners:
            self._placing.share = Share(owners.index(self.owner), len(owners))

    async def _bury(self) -> None:
        await self._leading.resign()
        if self._life is not None:
            await asyncio.to_thread(self._store.release, self.owner)
            await self._routes.give_back()
            await asyncio.to_thread(leases.release, self._database, self._life, self._clock.utcnow())
        log.info("engine_stopped", owner=self.owner, left_in_progress=len(self._calls) + len(self._messenger))

    async def _wind_down(self) -> None:
        """No new attempts; those under way may finish."""
        self._stopping = True
        log.info("engine_stopping", calls=len(self._calls), messages=len(self._messenger))
        self._tests.stop()
        try:
            # Others need not wait for our calls to end: freezing, stopping and cleaning up go on at once.
            await self._leading.resign()
        except (SQLAlchemyError, ClarionError, OSError) as error:
            log.warning("director_not_resigned", error=f"{type(error).__name__}: {error}")
        await self._placing.stop()
        deadline = self._clock.monotonic() + self._tuning.grace
        # The calls end by events, messages and tasks by themselves: whichever comes last.
        while self._clock.monotonic() < deadline and self._under_way():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        try:
            async with asyncio.timeout(_LAST_WRITES):
                await self._recorder.drained()
        except TimeoutError:
            # The database is away; who leads next asks after these attempts.
            log.error("outcomes_left_unwritten", seconds=_LAST_WRITES)

    def _under_way(self) -> bool:
        return bool(len(self._placing.tasks) or len(self._calls) or len(self._messenger) or len(self._tests))

    async def _lease_trunks(self) -> None:
        if self.alive():
            await self._routes.lease(self._servers.up, self._placing.share)

    async def _tick(self) -> None:
        if self.alive():
            self._placing.tick()

    def _every(
        self, seconds: float, work: Callable[[], Awaitable[None]], early: asyncio.Event | None = None
    ) -> asyncio.Task[None]:
        """A loop that outlives failures: a database or a server that is away comes back, and a defect in one job's way
        must not stand in all the others'."""

        async def loop() -> None:
            defects = 0
            while True:
                try:
                    await work()
                    defects = 0
                except (SQLAlchemyError, ClarionError, OSError) as error:
                    log.error("engine_loop_failed", loop=work.__name__, error=f"{type(error).__name__}: {error}")
                except Exception as error:
                    defects += 1
                    note_failure(work.__name__, error)
                    await asyncio.sleep(min(seconds * 2 ** min(defects, 16), _LONGEST_WAIT))
                await _pause(seconds, early)

        return asyncio.create_task(loop(), name=work.__name__)

    # Jobs and servers

    async def _look_at_jobs(self) -> None:
        self._plans, problems = await asyncio.to_thread(self._reader.read)
        self._leading.problems = problems
        await self._placing.follow(self._plans)

    def _hear_hint(self, hint: Hint) -> None:
        if hint.topic == test_calls.TOPIC:
            self._look_at_tests.set()
        elif hint.topic != receipts.TOPIC:
            self._look.set()
        elif self._leading.leads and not self._stopping:
            self._placing.tasks.start(self._receive(receipts.Receipt.from_hint(hint.payload)))

    async def _receive(self, receipt: receipts.Receipt) -> None:
        """A receipt may come before the sending itself is recorded, or while the database is away."""
        for _ in range(_RECEIPT_TRIES):
            now = self._clock.utcnow()
            try:
                if await asyncio.to_thread(receipts.apply, self._database, receipt, self._plans, now):
                    return
            except (SQLAlchemyError, OSError) as error:
                log.warning("receipt_not_applied", attempt=receipt.attempt_id, error=type(error).__name__)
            await asyncio.sleep(_RECEIPT_AGAIN)

    async def _lead(self) -> None:
        if not self._stopping:
            await self._leading.step()

    async def _adopt(self, orphans: Sequence[Unfinished]) -> None:
        """Attempts of engines that are gone: learn what became of them."""
        keys = [item.attempt.address_id for item in orphans if item.attempt.address_id is not None]
        names = await asyncio.to_thread(people.address_names, self._database, keys)
        for item in orphans:
            attempt = item.attempt
            plan = self._plans.get(attempt.job_id)
            if plan is None:
                # Left in progress under our name: the next look at the jobs comes first.
                log.warning("attempt_without_plan", attempt=attempt.id, job=attempt.job_id)
                self._leading.postponed.append(item)
                continue
            name = names.get(attempt.address_id or 0, "")
            running = Running(attempt, plan, RunnerState.from_json(item.strategy_state), name)
            log.info("attempt_adopted", attempt=attempt.id, channel=attempt.channel, from_boot=attempt.boot_id)
            if attempt.channel == Channel.VOICE:
                self._calls.adopt(running)
            else:
                self._messenger.adopt(running)

    async def _find_strays(self) -> None:
        """Attempts in progress under our name that nobody here follows: a task of ours failed half-way."""
        held = await asyncio.to_thread(self._store.adopt, [self.owner], self.owner, _MANY)
        oldest = self._clock.utcnow() - timedelta(seconds=self._tuning.stray)
        strays = [
            item
            for item in held
            if item.attempt.started_at < oldest
            and not self._calls.holds(item.attempt.id)
            and not self._messenger.holds(item.attempt.id)
        ]
        if strays:
            log.error("stray_attempts", count=len(strays))
            await self._adopt(strays)


async def _pause(seconds: float, early: asyncio.Event | None) -> None:
    if early is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await early.wait()
        early.clear()
    except TimeoutError:
        return
