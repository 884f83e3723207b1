"""The director: one leader among the engines, by lease. It starts jobs, ends them, and cleans up after the dead.

What it does in each state of a job; people ask for pausing, stopping and running again, the rest is its own:

    queued    freeze the audience      -> running
    running   freeze on (after a resume before the end of freezing); nothing left to do -> completed
    pausing   nothing in progress      -> paused
    stopping  what waits is closed as JOB_STOPPED; nothing in progress -> stopped

Every write names the director's fence in its transaction: a director that slept through its lease changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import structlog
from sqlalchemy import CursorResult, Engine, select, text, update
from sqlalchemy.orm import Session

from app.db import next_chunk_size, read_transaction, write_transaction
from app.models import Job, JobOrder, JobState, OutboxEvent, Trunk
from app.services.trunk_groups import read_group
from common.clock import Clock
from common.errors import ClarionError
from engine.effects import TRUNK_RESTS
from engine.freezing import forget_order, freeze_audience, release
from engine.leases import Lease, holds
from engine.plans import ENDED
from engine.replacing import WAITS, give_up, replacing, wait

log = structlog.get_logger()

_PAGE = 2000
# The unary plus keeps SQLite from the index on job_id, which leads through every attempt the job ever made.
_BUSY = "EXISTS (SELECT 1 FROM attempt WHERE state = 'in_progress' AND +attempt.job_id = job.id)"
_LEASED = "EXISTS (SELECT 1 FROM job_contact WHERE state = 'leased' AND +job_contact.job_id = job.id)"
_READY = "EXISTS (SELECT 1 FROM job_contact WHERE state = 'ready' AND job_contact.job_id = job.id)"
#: One statement, so that a contact cannot slip from one state to the next between two looks.
_TRANSITIONS: Mapping[str, tuple[str, str]] = {
    JobState.RUNNING: (JobState.COMPLETED, f"frozen AND NOT {_READY} AND NOT {_LEASED} AND NOT {_BUSY}"),
    JobState.PAUSING: (JobState.PAUSED, f"NOT {_BUSY}"),
    JobState.STOPPING: (JobState.STOPPED, f"NOT {_READY} AND NOT {_LEASED} AND NOT {_BUSY}"),
}
_STOP = (
    "UPDATE job_contact SET state = 'done', final_code = 'JOB_STOPPED', hold_code = '', hold_detail = '',"
    " hold_until = NULL, lease_owner = '', lease_until = NULL, updated_at = :now"
    " WHERE id IN (SELECT id FROM job_contact WHERE {which} ORDER BY id LIMIT :limit) AND state IN ('ready', 'leased')"
)
_WAITING = "state = 'ready' AND job_id = :job"
_IN_HOPPERS = "state = 'leased' AND +job_id = :job"


class NotDirector(ClarionError):
    """The director's lease was lost; another leads now."""


class Director:
    """Blocking: run its methods in a thread."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._stop_chunk = 200

    def direct(self, lease: Lease) -> list[int]:
        """Move every job on by a step. Answers the jobs whose audience is to be frozen."""
        freezing = []
        with read_transaction(self._engine) as session:
            jobs = session.execute(select(Job.id, Job.state, Job.frozen).where(Job.state.not_in(ENDED))).all()
        for job_id, state, frozen in jobs:
            if not frozen and state in (JobState.QUEUED, JobState.RUNNING):
                freezing.append(job_id)
                continue
            if state == JobState.STOPPING:
                self._close_waiting(lease, job_id)
            if state == JobState.RUNNING:
                self._release(lease, job_id)
            if state in _TRANSITIONS:
                self._move(lease, job_id, state)
        return freezing

    def fail(self, lease: Lease, problems: Mapping[int, str]) -> None:
        """Say on the job why it cannot run."""
        for job_id, words in problems.items():
            with self._writing(lease) as session:
                session.execute(update(Job).where(Job.id == job_id, Job.detail != words).values(detail=words))

    def forgive_trunks(self, lease: Lease) -> None:
        """Take back details about trunks that rest no longer."""
        now = self._clock.utcnow()
        with read_transaction(self._engine) as session:
            told = session.scalars(select(Job).where(Job.state.not_in(ENDED), Job.detail.startswith(TRUNK_RESTS))).all()
            resting = {
                other.id
                for trunk in session.scalars(select(Trunk).where(Trunk.paused_until > now)).all()
                for other in read_group(session, trunk)
            }
        for job in told:
            if int(job.settings.get("trunk_id", 0)) not in resting:
                with self._writing(lease) as session:
                    session.execute(update(Job).where(Job.id == job.id, Job.detail == job.detail).values(detail=""))

    def freeze(self, lease: Lease, job_id: int, go_on: Callable[[], bool]) -> None:
        """Copy the audience into `job_contact`, in chunks; after a crash the next director goes on."""
        wanted = _Wanted(self._engine, job_id)
        now = self._clock.utcnow()
        if self._waits(lease, job_id, now):
            return
        freeze_audience(
            self._engine,
            job_id,
            now,
            check=lambda session: self._check(session, lease),
            go_on=lambda: go_on() and wanted.still(),
        )
        if go_on() and wanted.still():
            self._start(lease, job_id, now)

    def _waits(self, lease: Lease, job_id: int, now: datetime) -> bool:
        """Whether the list of a job that is to begin is being replaced; what was frozen before is given up."""
        with read_transaction(self._engine) as session:
            job = session.get_one(Job, job_id)
            run_id = replacing(session, int(job.settings["contact_list_id"]), now)
            stale = job.audience and replacing(session, int(job.settings["contact_list_id"]), job.created_at)
        if job.state != JobState.QUEUED:
            return False
        if run_id is not None:
            with self._writing(lease) as session:
                wait(session, job_id, run_id)
        elif stale:
            self._give_up(lease, job_id)
        return run_id is not None

    def _give_up(self, lease: Lease, job_id: int) -> None:
        more = True
        while more:
            with self._writing(lease) as session:
                more = give_up(session, job_id, self._stop_chunk)

    def _start(self, lease: Lease, job_id: int, begun: datetime) -> None:
        now = self._clock.utcnow()
        with self._writing(lease) as session:
            job = session.get_one(Job, job_id)
            fresh = replacing(session, int(job.settings["contact_list_id"]), begun) is None
            if fresh or job.state != JobState.QUEUED:
                self._begin(session, job_id, now)
                return
        self._give_up(lease, job_id)

    def _begin(self, session: Session, job_id: int, now: datetime) -> None:
        session.execute(update(Job).where(Job.id == job_id).values(frozen=True))
        started = session.execute(
            update(Job)
            .where(Job.id == job_id, Job.state == JobState.QUEUED)
            .values(state=JobState.RUNNING, started_at=now)
        )
        session.execute(update(Job).where(Job.id == job_id, Job.started_at.is_(None)).values(started_at=now))
        session.execute(update(Job).where(Job.id == job_id, Job.detail.startswith(WAITS)).values(detail=""))
        assert isinstance(started, CursorResult)
        if started.rowcount:
            self._tell(session, job_id, JobState.RUNNING)

    def _release(self, lease: Lease, job_id: int) -> None:
        """The next contacts of a sorted job; the look alone writes nothing."""
        with read_transaction(self._engine) as session:
            if session.scalar(select(JobOrder.part).where(JobOrder.job_id == job_id).limit(1)) is None:
                return
        released = True
        while released:
            with self._writing(lease) as session:
                released = release(session, job_id, self._clock.utcnow()) > 0

    def _close_waiting(self, lease: Lease, job_id: int) -> None:
        """One chunk of each kind; the next step takes the next."""
        for which in (_WAITING, _IN_HOPPERS):
            with self._writing(lease) as session:
                values = {"job": job_id, "limit": self._stop_chunk, "now": self._moment()}
                started = self._clock.monotonic()
                closed = session.execute(text(_STOP.format(which=which)), values)
                assert isinstance(closed, CursorResult)
            if closed.rowcount == self._stop_chunk:
                self._stop_chunk = next_chunk_size(self._stop_chunk, self._clock.monotonic() - started, _PAGE)

    def _move(self, lease: Lease, job_id: int, state: str) -> None:
        target, condition = _TRANSITIONS[state]
        ends = target in ENDED
        with read_transaction(self._engine) as session:
            asked = text(f"SELECT 1 FROM job WHERE id = :job AND state = :state AND {condition}")
            if session.execute(asked, {"job": job_id, "state": state}).first() is None:
                return
        with self._writing(lease) as session:
            statement = text(
                f"UPDATE job SET state = :target, ended_at = {':now' if ends else 'ended_at'}"
                f"{', detail = ' + repr('') if ends else ''} WHERE id = :job AND state = :state AND {condition}"
            )
            values = {"job": job_id, "state": state, "target": str(target)}
            changed = session.execute(statement, {**values, "now": self._moment()} if ends else values)
            assert isinstance(changed, CursorResult)
            if changed.rowcount:
                if ends:
                    forget_order(session, job_id)
                self._tell(session, job_id, target)
                log.info("job_moved", job=job_id, state=str(target))

    def _moment(self) -> object:
        """Now, as raw SQL takes it on this database."""
        now = self._clock.utcnow()
        return now if self._engine.dialect.name == "postgresql" else now.strftime("%Y-%m-%d %H:%M:%S.%f")

    def _tell(self, session: Session, job_id: int, state: str) -> None:
        session.add(
            OutboxEvent(topic="job", payload={"job_id": job_id, "state": str(state)}, created_at=self._clock.utcnow())
        )

    def _check(self, session: Session, lease: Lease) -> None:
        if not holds(session, lease, self._clock.utcnow()):
            raise NotDirector

    @contextmanager
    def _writing(self, lease: Lease) -> Iterator[Session]:
        """A write transaction under the lease."""
        with write_transaction(self._engine) as session:
            self._check(session, lease)
            yield session


class _Wanted:
    """Is the job still to be frozen? Looked up anew for each chunk."""

    def __init__(self, engine: Engine, job_id: int) -> None:
        self._engine = engine
        self._job_id = job_id

    def still(self) -> bool:
        with read_transaction(self._engine) as session:
            state = session.scalar(select(Job.state).where(Job.id == self._job_id))
        return state in (JobState.QUEUED, JobState.RUNNING)
