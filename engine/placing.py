"""Placing attempts: contacts are leased into the hoppers, and leave them when the pacing allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from common.clock import Clock
from common.errors import RemoteError
from common.tasks import Tasks, note_failure
from engine.admission import admit
from engine.calls import Calls
from engine.gate import Work, judge
from engine.jobs import JobRun, Plant, calls_now, claim_of, hopper_size, lanes_of, messages_now
from engine.messenger import Messenger
from engine.plans import JobPlan
from engine.routes import Port, Routes
from engine.servers import Servers
from engine.store import AttemptStore, Share
from engine.tuning import Tuning
from pacing.hopper import Item
from pacing.sharing import Turns

log = structlog.get_logger()

#: Where nothing was due, the next look waits so long (seconds).
_NOTHING_DUE = 0.4
#: And where it could not be looked: the database is away, or a defect of ours.
_REST = 2.0


class Placing:
    def __init__(
        self,
        database: Engine,
        store: AttemptStore,
        calls: Calls,
        messenger: Messenger,
        servers: Servers,
        routes: Routes,
        clock: Clock,
        tuning: Tuning,
        owner: str,
    ) -> None:
        self._database = database
        self._store = store
        self._calls = calls
        self._messenger = messenger
        self._servers = servers
        self._clock = clock
        self._tuning = tuning
        self._owner = owner
        self._runs: dict[int, JobRun] = {}
        self._routes = routes
        self._turns: Turns[int] = Turns()
        self._stopping = False
        #: This engine's part of the lanes and of the trunks' limits.
        self.share = Share()
        self.tasks = Tasks()

    async def follow(self, plans: Mapping[int, JobPlan]) -> None:
        """Take the jobs as they are now: what is not running, or shared out anew, gives its hopper back."""
        for job_id, plan in plans.items():
            run = self._runs.setdefault(job_id, JobRun.begin(plan, self._tuning))
            run.plan = plan
            if plan.running:
                self._routes.use(plan.group)
            lanes = lanes_of(plan, self.share)
            surplus, run.lanes = lanes != run.lanes, lanes
            run.hopper.capacity = hopper_size(plan, self._tuning, lanes)
            if (surplus or not plan.running) and len(run.hopper):
                await self._empty(run)
        for job_id in self._runs.keys() - plans.keys():
            await self._empty(self._runs.pop(job_id))

    async def stop(self) -> None:
        """Nothing new from now on."""
        self._stopping = True
        for run in self._runs.values():
            await self._empty(run)

    async def _empty(self, run: JobRun) -> None:
        if held := run.hopper.clear():
            await self._release(held)

    async def _release(self, works: Sequence[Work]) -> None:
        await asyncio.to_thread(self._store.release, self._owner, [work.claimed.id for work in works])

    def _give_back_lapsing(self, run: JobRun, now: float) -> None:
        """Other jobs had the turns: what waited too long is due again at once, not when its lease has run out."""
        if lapsing := run.hopper.lapsing(now):
            self.tasks.start(self._release(lapsing))

    def tick(self) -> None:
        """Start what may start now."""
        if self._stopping:
            return
        now = self._clock.monotonic()
        running = {job_id: run for job_id, run in self._runs.items() if run.plan.running and now >= run.rests_until}
        for run in running.values():
            self._give_back_lapsing(run, now)
            self._refill(run, now)
        claims = {job_id: claim_of(run, self._calls_of(run), self.share) for job_id, run in running.items()}
        ports = self._free_ports + sum(map(self._calls_of, self._runs.values()))
        waiting = {job_id for job_id, run in running.items() if run.hopper.waiting(voice=True)}
        self._turns.go_round(
            ports, claims, waiting, lambda job_id, ports: self._apart(self._start_calls, running[job_id], ports, now)
        )
        for run in running.values():
            self._apart(self._start_messages, run, now)

    def _apart(self, start: Callable[..., int], run: JobRun, *arguments: float) -> int:
        """A defect in one job's way stands in no other's: that job rests, and is tried again."""
        try:
            return start(run, *arguments)
        except Exception as error:
            note_failure("pacing", error, job=run.plan.job_id)
            run.rests_until = self._clock.monotonic() + _REST
            return 0

    @property
    def _free_ports(self) -> int:
        return self._servers.free_ports() - sum(run.starting_calls for run in self._runs.values())

    def _calls_of(self, run: JobRun) -> int:
        return self._calls.of_job(run.plan.job_id) + run.starting_calls

    def _plant(self, run: JobRun, ports: int = 0) -> Plant:
        """`ports`: how many the job may have, those of its calls included."""
        now = self._clock.monotonic()
        return Plant(
            calls_of_job=self._calls_of(run),
            free_ports=min(self._free_ports, ports - self._calls_of(run)),
            trunk=self._routes.limits(run.plan.group, self._servers.with_room(), now),
            free_messages=self._messenger.free - sum(other.starting_messages for other in self._runs.values()),
            share=self.share.index,
            sharers=self.share.count,
        )

    def _start_calls(self, run: JobRun, ports: int, now: float) -> int:
        """How many have left the hopper."""
        decision = calls_now(run, self._plant(run, ports), now)
        run.last_slot = decision.last_slot
        if not decision.place:
            return 0
        chosen = self._routes.choose(run.plan.group, self._servers.with_room(), decision.place)
        works = run.hopper.take(len(chosen), now, voice=True)
        self._routes.launched(chosen[len(works) :])
        if works:
            run.starting_calls += len(works)
            self.tasks.start(self._start(run, works, chosen[: len(works)]))
        return len(works)

    def _start_messages(self, run: JobRun, now: float) -> int:
        """How many have left the hopper."""
        decision = messages_now(run, self._plant(run), now)
        run.last_slot = decision.last_slot
        works = run.hopper.take(decision.place, now, voice=False)
        if works:
            run.starting_messages += len(works)
            self.tasks.start(self._start(run, works))
        return len(works)

    async def _start(self, run: JobRun, works: Sequence[Work], ports: Sequence[Port] = ()) -> None:
        """Calls come with their ports, messages need none."""
        try:
            admitted = await asyncio.to_thread(
                admit,
                self._database,
                self._store,
                run.plan,
                works,
                ports,
                self._messenger.usable(),
                self._messenger.compose,
                self._owner,
                self._clock.utcnow(),
            )
            for item in admitted:
                if item.port is not None:
                    self._calls.launch(item.work, item.attempt, item.port)
                elif item.message is not None:
                    self._messenger.send(item.work, item.attempt, item.message)
        except (SQLAlchemyError, RemoteError) as error:
            # What was committed all the same is found among the strays; the rest is due again when its lease runs out.
            log.error("attempts_not_begun", job=run.plan.job_id, count=len(works), error=_words(error))
        finally:
            self._routes.launched(ports)
            if ports:
                run.starting_calls -= len(works)
            else:
                run.starting_messages -= len(works)

    def _refill(self, run: JobRun, now: float) -> None:
        if run.lanes is not None and not run.refilling and now >= run.refill_after and run.hopper.room():
            run.refilling = True
            self.tasks.start(self._fill(run, run.hopper.room(), run.lanes))

    async def _fill(self, run: JobRun, room: int, lanes: Share) -> None:
        try:
            leased_at = self._clock.monotonic()
            verdict = await asyncio.to_thread(self._claim, run.plan, room, lanes)
            if lanes == run.lanes and run.plan.job_id in self._runs and not self._stopping:
                expires = leased_at + self._tuning.lease
                run.hopper.put(Item(work, work.voice, expires) for work in verdict)
            else:
                await self._release(verdict)
            if not verdict:
                run.refill_after = self._clock.monotonic() + _NOTHING_DUE
        except (SQLAlchemyError, RemoteError) as error:
            log.error("hopper_not_filled", job=run.plan.job_id, error=_words(error))
            run.refill_after = self._clock.monotonic() + _REST
        except Exception:
            run.refill_after = self._clock.monotonic() + _REST
            raise
        finally:
            run.refilling = False

    def _claim(self, plan: JobPlan, room: int, lanes: Share) -> Sequence[Work]:
        """Lease what is due and look at it once: what cannot be reached now never fills the hopper. Blocks."""
        now = self._clock.utcnow()
        until = now + timedelta(seconds=self._tuning.lease)
        claims = self._store.claim(plan.job_id, self._owner, now, until, room, lanes)
        if not claims:
            return []
        verdict = judge(self._database, plan, claims, self._messenger.usable(), now)
        self._store.park(self._owner, verdict.parked, now)
        return verdict.works


def _words(error: Exception) -> str:
    """Without the statement."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]
