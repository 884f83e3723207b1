"""What happened: every figure is counted from attempts and job contacts, so that reports reconcile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.models import (
    Attempt,
    AttemptResult,
    AttemptState,
    AttemptTrace,
    CompletionCode,
    Contact,
    Job,
    JobContact,
    JobContactState,
)
from app.security.access import Actor, Permission
from app.services.jobs import get_job
from common.errors import Refused


@dataclass(frozen=True, slots=True)
class CodeCount:
    code: str
    channel: str
    count: int
    human: bool
    rpc: bool
    success: bool


@dataclass(frozen=True, slots=True)
class Funnel:
    """Contacts, each counted once: the audience, those tried, reached, right party, success."""

    audience: int
    attempted: int
    answered: int
    right_party: int
    success: int


@dataclass(frozen=True, slots=True)
class JobSummary:
    """A job's figures at one moment. `codes` counts finished attempts; `final_codes` counts contacts that are done."""

    job_id: int
    campaign: str
    state: str
    detail: str
    audience: int
    contacts_by_state: dict[str, int]
    holds: dict[str, int]
    attempts: int
    attempts_in_progress: int
    codes: tuple[CodeCount, ...]
    final_codes: dict[str, int]
    funnel: Funnel
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def reconciles(self) -> bool:
        """Attempts by code add up to the attempts, and contacts by state to the audience (design section 4)."""
        return (
            sum(code.count for code in self.codes) + self.attempts_in_progress == self.attempts
            and sum(self.contacts_by_state.values()) == self.audience
            and sum(self.final_codes.values()) == self.contacts_by_state.get(JobContactState.DONE, 0)
        )


@dataclass(frozen=True, slots=True)
class LiveCall:
    attempt_id: str
    contact_id: int
    name: str
    address: str
    channel: str
    action: str
    state: str  # placing | ringing | talking
    since: datetime


@dataclass(frozen=True, slots=True)
class RatePoint:
    at: datetime
    started: int
    ended: int
    answered: int


def job_summary(session: Session, actor: Actor, job_id: int) -> JobSummary:
    actor.require(Permission.REPORTS_VIEW)
    job = get_job(session, actor, job_id)
    states = session.execute(
        select(JobContact.state, func.count()).where(JobContact.job_id == job.id).group_by(JobContact.state)
    ).all()
    finals = session.execute(
        select(JobContact.final_code, func.count())
        .where(JobContact.job_id == job.id, JobContact.state == JobContactState.DONE)
        .group_by(JobContact.final_code)
    ).all()
    holds = session.execute(
        select(JobContact.hold_code, func.count())
        .where(JobContact.job_id == job.id, JobContact.hold_code != "", JobContact.state != JobContactState.DONE)
        .group_by(JobContact.hold_code)
    ).all()
    codes = _codes(session, job)
    total, in_progress = _attempt_counts(session, job.id)
    return JobSummary(
        job_id=job.id,
        campaign=str(job.settings.get("campaign", "")),
        state=job.state,
        detail=job.detail,
        audience=job.audience,
        contacts_by_state={str(state): count for state, count in states},
        holds={str(code): count for code, count in holds},
        attempts=total,
        attempts_in_progress=in_progress,
        codes=codes,
        final_codes={str(code): count for code, count in finals},
        funnel=_funnel(session, job, codes),
        started_at=job.started_at,
        ended_at=job.ended_at,
    )


def live_calls(session: Session, actor: Actor, job_id: int, limit: int = 100) -> list[LiveCall]:
    """Attempts under way, oldest first."""
    actor.require(Permission.REPORTS_VIEW)
    job = get_job(session, actor, job_id)
    rows = session.execute(
        select(Attempt, Contact.first_name, Contact.last_name)
        .join(Contact, Contact.id == Attempt.contact_id)
        .where(Attempt.job_id == job.id, Attempt.state == AttemptState.IN_PROGRESS)
        .order_by(Attempt.started_at)
        .limit(limit)
    ).all()
    return [_live_call(attempt, f"{first} {last}".strip()) for attempt, first, last in rows]


def rate_series(
    session: Session, actor: Actor, job_id: int, now: datetime, window: timedelta = timedelta(minutes=5)
) -> list[RatePoint]:
    """Attempts started, ended and answered per second over the last `window`, one point a second."""
    actor.require(Permission.REPORTS_VIEW)
    job = get_job(session, actor, job_id)
    end = now.replace(microsecond=0)
    begin = max(end - window, (job.started_at or job.created_at).replace(microsecond=0))
    rows = session.execute(
        select(Attempt.started_at, Attempt.answered_at, Attempt.ended_at).where(
            Attempt.job_id == job.id,
            or_(Attempt.started_at >= begin, Attempt.ended_at >= begin),
        )
    ).all()
    seconds = int((end - begin).total_seconds()) + 1
    counts = [[0, 0, 0] for _ in range(max(seconds, 0))]
    for row in rows:
        for index, moment in enumerate((row.started_at, row.ended_at, row.answered_at)):
            if moment is not None and begin <= moment <= end:
                counts[int((moment - begin).total_seconds())][index] += 1
    return [RatePoint(begin + timedelta(seconds=second), *values) for second, values in enumerate(counts)]


def contact_history(session: Session, actor: Actor, contact_id: int, limit: int = 200) -> list[Attempt]:
    """A contact's attempts of every job, newest first."""
    actor.require(Permission.REPORTS_VIEW)
    wanted = select(Attempt).where(Attempt.contact_id == contact_id)
    if actor.organization_id is not None:
        wanted = wanted.where(Attempt.organization_id == actor.organization_id)
    return list(session.scalars(wanted.order_by(Attempt.started_at.desc()).limit(limit)))


@dataclass(frozen=True, slots=True)
class AttemptDetail:
    attempt: Attempt
    steps: Sequence[dict[str, Any]]
    posted: Sequence[AttemptResult]


def attempt_detail(session: Session, actor: Actor, attempt_id: str) -> AttemptDetail:
    actor.require(Permission.REPORTS_VIEW)
    attempt = session.get(Attempt, attempt_id)
    if attempt is None or actor.organization_id not in (None, attempt.organization_id):
        raise Refused(f"attempt {attempt_id}: there is no such attempt")
    trace = session.get(AttemptTrace, attempt_id)
    posted = session.scalars(
        select(AttemptResult).where(AttemptResult.attempt_id == attempt_id).order_by(AttemptResult.id)
    ).all()
    return AttemptDetail(attempt, trace.steps if trace else [], posted)


def attempts_of_job(session: Session, actor: Actor, job_id: int, after: str = "", limit: int = 1000) -> list[Attempt]:
    """A page of a job's attempts in order of id (creation), for export: pass the last id to go on."""
    actor.require(Permission.REPORTS_VIEW)
    job = get_job(session, actor, job_id)
    return list(
        session.scalars(
            select(Attempt).where(Attempt.job_id == job.id, Attempt.id > after).order_by(Attempt.id).limit(limit)
        )
    )


def external_ids(session: Session, attempts: Sequence[Attempt]) -> dict[int, str]:
    """The customers' own ids of the contacts in a page of attempts, by contact id."""
    wanted = {attempt.contact_id for attempt in attempts}
    rows = session.execute(select(Contact.id, Contact.external_id).where(Contact.id.in_(wanted)))
    return {contact_id: external_id for contact_id, external_id in rows}


def _codes(session: Session, job: Job) -> tuple[CodeCount, ...]:
    rows = session.execute(
        select(Attempt.completion_code, Attempt.channel, func.count())
        .where(Attempt.job_id == job.id, Attempt.state == AttemptState.DONE)
        .group_by(Attempt.completion_code, Attempt.channel)
        .order_by(func.count().desc(), Attempt.completion_code)
    ).all()
    flags = code_flags(session, job.organization_id)
    return tuple(
        CodeCount(
            code=code,
            channel=channel,
            count=count,
            human=bool(flags[code].human) if code in flags else False,
            rpc=bool(flags[code].rpc) if code in flags else False,
            success=bool(flags[code].success) if code in flags else False,
        )
        for code, channel, count in rows
    )


def code_flags(session: Session, organization_id: int) -> dict[str, CompletionCode]:
    """System codes and the organization's own, by name; its own win."""
    rows = session.scalars(
        select(CompletionCode)
        .where(or_(CompletionCode.organization_id.is_(None), CompletionCode.organization_id == organization_id))
        .order_by(case((CompletionCode.organization_id.is_(None), 0), else_=1))
    )
    return {code.name: code for code in rows}


def _attempt_counts(session: Session, job_id: int) -> tuple[int, int]:
    row = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((Attempt.state == AttemptState.IN_PROGRESS, 1), else_=0)), 0),
        ).where(Attempt.job_id == job_id)
    ).one()
    return int(row[0]), int(row[1])


def _funnel(session: Session, job: Job, codes: Sequence[CodeCount]) -> Funnel:
    def named(flag: str) -> list[str]:
        return [code.code for code in codes if getattr(code, flag)]

    def contacts(*conditions: Any) -> Any:
        return func.count(func.distinct(case((and_(*conditions), Attempt.job_contact_id))))

    row = session.execute(
        select(
            func.count(func.distinct(Attempt.job_contact_id)),
            contacts(Attempt.answered_at.is_not(None)),
            contacts(Attempt.completion_code.in_(named("rpc"))),
            contacts(Attempt.completion_code.in_(named("success"))),
        ).where(Attempt.job_id == job.id)
    ).one()
    return Funnel(job.audience, *(int(value) for value in row))


def _live_call(attempt: Attempt, name: str) -> LiveCall:
    if attempt.answered_at is not None:
        state, since = "talking", attempt.answered_at
    elif attempt.ringing_at is not None:
        state, since = "ringing", attempt.ringing_at
    else:
        state, since = "placing", attempt.started_at
    return LiveCall(
        attempt.id, attempt.contact_id, name, attempt.address, attempt.channel, attempt.action, state, since
    )
