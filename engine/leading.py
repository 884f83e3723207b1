"""The director's chair in an engine: taken when it is free, and what is done while it is held."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from common.clock import Clock
from common.tasks import note_failure
from engine import leases
from engine.bus.sql import purge
from engine.director import Director, NotDirector
from engine.store import AttemptStore, Unfinished
from engine.tuning import Tuning

log = structlog.get_logger()

_CLEAN = 1.0
_TIDY = 60.0
#: Seconds until a job whose audience could not be frozen is tried again.
_FREEZE_AGAIN = 2.0


class Leading:
    """`adopt` is given the attempts of dead engines, now ours."""

    def __init__(
        self,
        database: Engine,
        store: AttemptStore,
        director: Director,
        clock: Clock,
        tuning: Tuning,
        owner: str,
        adopt: Callable[[Sequence[Unfinished]], Awaitable[None]],
    ) -> None:
        self._database = database
        self._store = store
        self._director = director
        self._clock = clock
        self._tuning = tuning
        self._owner = owner
        self._adopt = adopt
        self._lease: leases.Lease | None = None
        self._resigned = False
        #: Taking, renewing and giving up the chair, one at a time.
        self._chair = asyncio.Lock()
        self._renew_at = 0.0
        self._clean_at = 0.0
        self._tidy_at = 0.0
        self._freezing: dict[int, asyncio.Task[None]] = {}
        #: Jobs that cannot run, and why.
        self.problems: Mapping[int, str] = {}
        #: Attempts that could not be adopted yet.
        self.postponed: list[Unfinished] = []

    @property
    def leads(self) -> bool:
        return self._lease is not None

    async def step(self) -> None:
        """One look at everything, if the chair is ours."""
        async with self._chair:
            lease = self._lease if await self._hold() else None
        if lease is None:
            return
        try:
            for job_id in await asyncio.to_thread(self._director.direct, lease):
                if job_id not in self._freezing and job_id not in self.problems:
                    self._freezing[job_id] = asyncio.create_task(self._freeze(lease, job_id))
            await asyncio.to_thread(self._director.fail, lease, dict(self.problems))
            await self._clean(lease)
        except NotDirector:
            log.warning("director_lost", owner=self._owner)
            self._lease = None

    async def resign(self) -> None:
        """Let another engine lead at once, and never take the chair again."""
        self._resigned = True
        async with self._chair:
            lease, self._lease = self._lease, None
        for task in self._freezing.values():
            task.cancel()
        await asyncio.gather(*self._freezing.values(), return_exceptions=True)
        if lease is not None:
            await asyncio.to_thread(leases.release, self._database, lease, self._clock.utcnow())

    async def _hold(self) -> bool:
        if self._resigned:
            return False
        now = self._clock.monotonic()
        if now < self._renew_at:
            return self._lease is not None
        moment = self._clock.utcnow()
        until = moment + timedelta(seconds=self._tuning.life)
        self._renew_at = now + self._tuning.renewal
        if self._lease is None:
            self._lease = await asyncio.to_thread(
                leases.acquire, self._database, leases.DIRECTOR, self._owner, moment, until
            )
            if self._lease is not None:
                log.info("director_leads", owner=self._owner, fence=self._lease.fence)
        elif not await asyncio.to_thread(leases.renew, self._database, self._lease, until):
            self._lease = None
        return self._lease is not None

    async def _clean(self, lease: leases.Lease) -> None:
        """Take back leases that ran out and attempts whose engine is gone."""
        now = self._clock.monotonic()
        if now < self._clean_at:
            return
        self._clean_at = now + _CLEAN
        moment = self._clock.utcnow()
        dead = await asyncio.to_thread(self._store.owners)
        dead -= {self._owner, *await asyncio.to_thread(leases.live_owners, self._database, moment)}
        reaped = await asyncio.to_thread(self._store.reap, moment, dead)
        if reaped:
            log.info("leases_reaped", count=reaped)
        orphans = await asyncio.to_thread(self._store.adopt, dead, self._owner)
        orphans += self.postponed
        self.postponed = []
        if orphans:
            await self._adopt(orphans)
        await asyncio.to_thread(self._director.forgive_trunks, lease)
        if now >= self._tidy_at:
            self._tidy_at = now + _TIDY
            await asyncio.to_thread(purge, self._database, moment)
            await asyncio.to_thread(leases.forget_dead, self._database, moment - timedelta(days=1))

    async def _freeze(self, lease: leases.Lease, job_id: int) -> None:
        try:
            await asyncio.to_thread(self._director.freeze, lease, job_id, lambda: self._lease is lease)
            log.info("audience_frozen", job=job_id)
        except NotDirector:
            log.warning("director_lost", owner=self._owner)
        except SQLAlchemyError as error:
            log.error("audience_not_frozen", job=job_id, error=type(error).__name__)
            await asyncio.sleep(_FREEZE_AGAIN)
        except Exception as error:
            note_failure("freeze", error)
            await asyncio.sleep(_FREEZE_AGAIN)
        finally:
            self._freezing.pop(job_id, None)
