"""What a person sees first: what runs, how the last day went, what needs attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import (
    Attempt,
    AttemptState,
    CompletionCode,
    ContactList,
    ImportRun,
    ImportState,
    Job,
    JobContact,
    JobContactState,
    Lease,
    MediaServer,
    Trunk,
)
from app.security.access import Actor, Permission, scoped
from app.services.explain import MEDIA_SERVER_SILENCE
from app.services.jobs import ENDED, list_jobs

DAY = timedelta(days=1)


class Severity(StrEnum):
    #: Nothing is dialled because of it.
    ERROR = "error"
    #: Some of the work suffers.
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Alert:
    severity: Severity
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class RunningJob:
    job: Job
    campaign: str
    done: int

    @property
    def share(self) -> float:
        return self.done / self.job.audience if self.job.audience else 0.0


@dataclass(frozen=True, slots=True)
class CodeShare:
    """Attempts that ended with a code; the flags are the code's own (custom codes have theirs)."""

    code: str
    count: int
    success: bool
    human: bool


@dataclass(frozen=True, slots=True)
class RecentImport:
    run: ImportRun
    list_name: str


@dataclass(frozen=True, slots=True)
class Overview:
    running: Sequence[RunningJob]
    finished: Sequence[Job]
    codes: Sequence[CodeShare]
    attempts: int
    answered: int
    in_progress: int
    imports: Sequence[RecentImport]
    alerts: Sequence[Alert]


def overview(session: Session, actor: Actor, now: datetime) -> Overview:
    """Figures of the last 24 hours, with what runs now."""
    actor.require(Permission.JOBS_VIEW)
    since = now - DAY
    codes = _codes(session, actor, since)
    answered = session.scalar(
        scoped(select(func.count()), Attempt, actor).where(
            Attempt.started_at >= since, Attempt.answered_at.is_not(None)
        )
    )
    in_progress = session.scalar(
        scoped(select(func.count()), Attempt, actor).where(Attempt.state == AttemptState.IN_PROGRESS)
    )
    return Overview(
        running=_running(session, actor),
        finished=list_jobs(session, actor, active=False, limit=5),
        codes=codes,
        attempts=sum(code.count for code in codes) + (in_progress or 0),
        answered=answered or 0,
        in_progress=in_progress or 0,
        imports=_imports(session, actor) if actor.may(Permission.LISTS_VIEW) else [],
        alerts=list(_alerts(session, actor, now)),
    )


def _codes(session: Session, actor: Actor, since: datetime) -> list[CodeShare]:
    rows = session.execute(
        scoped(select(Attempt.completion_code, func.count()), Attempt, actor)
        .where(Attempt.started_at >= since, Attempt.state == AttemptState.DONE)
        .group_by(Attempt.completion_code)
        .order_by(func.count().desc(), Attempt.completion_code)
    ).all()
    known = session.scalars(scoped(select(CompletionCode), CompletionCode, actor, include_common=True))
    flags = {code.name: code for code in known}
    return [
        CodeShare(code, count, code in flags and flags[code].success, code in flags and flags[code].human)
        for code, count in rows
    ]


def _running(session: Session, actor: Actor) -> list[RunningJob]:
    jobs = list_jobs(session, actor, active=True, limit=20)
    counted = session.execute(
        select(JobContact.job_id, func.count())
        .where(JobContact.job_id.in_([job.id for job in jobs]), JobContact.state == JobContactState.DONE)
        .group_by(JobContact.job_id)
    )
    done = {job_id: count for job_id, count in counted}
    return [RunningJob(job, str(job.settings.get("campaign", "")), done.get(job.id, 0)) for job in jobs]


def _imports(session: Session, actor: Actor) -> list[RecentImport]:
    rows = session.execute(
        scoped(select(ImportRun, ContactList.name), ImportRun, actor)
        .join(ContactList, ContactList.id == ImportRun.contact_list_id)
        .where(ImportRun.dry.is_(False))
        .order_by(ImportRun.id.desc())
        .limit(5)
    ).all()
    return [RecentImport(run, name) for run, name in rows]


def _alerts(session: Session, actor: Actor, now: datetime) -> Iterator[Alert]:
    active = session.scalar(scoped(select(Job.id), Job, actor).where(Job.state.not_in(ENDED)).limit(1))
    engine = session.scalar(select(Lease.name).where(Lease.name.like("engine:%"), Lease.expires_at > now).limit(1))
    if active is not None and engine is None:
        yield Alert(
            Severity.ERROR, "No engine is running", "Jobs wait and nothing is dialled. Start one with: clarion engine"
        )
    yield from _media_server_alerts(session, now)
    paused = scoped(select(Trunk), Trunk, actor, include_common=True).where(Trunk.paused_until > now)
    for trunk in session.scalars(paused):
        yield Alert(
            Severity.WARNING, f"Trunk {trunk.name} is paused", f"No calls leave by it for now: {trunk.paused_reason}"
        )
    failed = scoped(select(ImportRun.file_name), ImportRun, actor).where(
        ImportRun.state == ImportState.FAILED,
        ImportRun.dry.is_(False),
        or_(ImportRun.ended_at.is_(None), ImportRun.ended_at >= now - DAY),
    )
    for name in session.scalars(failed.limit(3)):
        yield Alert(Severity.WARNING, f"The import of {name} failed", "Its page under Contact lists says why.")


def _media_server_alerts(session: Session, now: datetime) -> Iterator[Alert]:
    servers = session.scalars(select(MediaServer).where(MediaServer.enabled)).all()
    if not servers:
        yield Alert(Severity.WARNING, "There is no media server", "Calls need one. Start it with: clarion mediaserver")
    for server in servers:
        if server.last_seen_at is None:
            yield Alert(
                Severity.WARNING,
                f"Media server {server.name} has not been heard of yet",
                f"An engine looks for it at {server.url}. Start it with: clarion mediaserver",
            )
        elif (now - server.last_seen_at).total_seconds() > MEDIA_SERVER_SILENCE:
            yield Alert(
                Severity.ERROR,
                f"Media server {server.name} does not answer",
                f"Last heard of at {server.last_seen_at:%H:%M:%S} UTC. Calls wait for it, or go by another.",
            )
