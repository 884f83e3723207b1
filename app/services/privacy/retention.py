"""Retention: how long each kind of data is kept in an organization, and the daily purge of what is older.

Only one keeper purges a kind at a time (a lease), and it goes on after a crash: everything it does may be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Engine, Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.core.retention import Kept, checked
from app.db import read_transaction, timed_write, write_transaction
from app.models import (
    Attempt,
    AttemptResult,
    AttemptState,
    AttemptTrace,
    AuditEntry,
    Contact,
    ContactExclusion,
    Erasure,
    ImportReject,
    ImportRun,
    Job,
    JobContact,
    JobState,
    RetentionRule,
    SubjectExport,
)
from app.security.access import Actor, Permission
from app.services.audit import record
from app.services.organizations import organization_for
from app.services.privacy import emptying, marking, stores
from common.clock import utcnow
from common.errors import RemoteError

_DAY, _LEASE = timedelta(days=1), timedelta(minutes=10)
_CHUNK = 300
#: What was done about people's requests is told for as long as there is an audit trail.
_TOLD_FOR_EVER = (Erasure.__tablename__, SubjectExport.__tablename__, RetentionRule.__tablename__)


def list_rules(session: Session, actor: Actor, organization_id: int | None = None) -> dict[Kept, RetentionRule]:
    """By kind; what has no rule is kept for ever."""
    actor.require(Permission.PRIVACY_MANAGE)
    home = organization_for(session, actor, organization_id)
    rows = session.scalars(select(RetentionRule).where(RetentionRule.organization_id == home))
    return {Kept(row.kind): row for row in rows}


def set_rule(
    session: Session, actor: Actor, kind: str, days: int | None, organization_id: int | None = None
) -> RetentionRule | None:
    """None keeps the kind for ever. Raise Refused where a rule needs it longer."""
    actor.require(Permission.PRIVACY_MANAGE)
    home = organization_for(session, actor, organization_id)
    kept = Kept(kind)
    row = session.scalar(
        select(RetentionRule).where(RetentionRule.organization_id == home, RetentionRule.kind == kept.value)
    )
    before = {"kind": kept.value, "days": row.days if row else None}
    if days == before["days"]:
        return row
    if days is None:
        assert row is not None
        record(session, actor, "retention.set", row, before=before, after={"kind": kept.value, "days": None})
        session.delete(row)
        return None
    if row is None:
        row = RetentionRule(organization_id=home, kind=kept.value, days=checked(kept, days))
        session.add(row)
    row.days = checked(kept, days)
    session.flush()
    record(session, actor, "retention.set", row, before=before, after={"kind": kept.value, "days": days})
    return row


def preview(
    session: Session,
    actor: Actor,
    now: datetime,
    organization_id: int | None = None,
    *,
    files: stores.Files | None = None,
    wanted: Mapping[Kept, int] | None = None,
) -> dict[Kept, int]:
    """What the next purge of each kind with a rule takes; of recordings the calls that are looked through.

    `wanted` are days by kind in place of the rules, before anybody keeps them. Raise Refused as `set_rule` does.
    """
    home = organization_for(session, actor, organization_id)
    rules = list_rules(session, actor, organization_id)
    if wanted is not None:
        rules = {kind: _as_if(home, kind, checked(kind, days), rules.get(kind)) for kind, days in wanted.items()}
    return {kind: _count(session, kind, home, rule, _cutoff(rule, now), files) for kind, rule in rules.items()}


def _as_if(home: int, kind: Kept, days: int, rule: RetentionRule | None) -> RetentionRule:
    through = rule.done_through if rule else None
    return RetentionRule(organization_id=home, kind=kind.value, days=days, done_through=through)


def _count(
    session: Session, kind: Kept, home: int, rule: RetentionRule, cutoff: datetime, files: stores.Files | None
) -> int:
    if kind is Kept.FILES:
        return len(files.older(home, cutoff)) if files else 0
    return session.scalar(select(func.count()).select_from(_WHAT[kind](home, rule, cutoff).subquery())) or 0


def purge_due(engine: Engine, servers: stores.MediaServers, files: stores.Files) -> int:
    """Purge every kind whose last purge is a day ago; how many kinds were done."""
    now, done = utcnow(), 0
    due = or_(RetentionRule.last_run_at.is_(None), RetentionRule.last_run_at < now - _DAY)
    free = or_(RetentionRule.lease_until.is_(None), RetentionRule.lease_until < now)
    with read_transaction(engine) as session:
        wanted = session.scalars(select(RetentionRule.id).where(due, free)).all()
    for key in wanted:
        with write_transaction(engine) as session:
            statement = update(RetentionRule).where(RetentionRule.id == key, due, free)
            taken = session.execute(statement.values(lease_until=now + _LEASE))
            assert isinstance(taken, CursorResult)
            rule = session.get(RetentionRule, key) if taken.rowcount else None
            if rule is not None:
                session.expunge(rule)
        if rule is not None:
            done += _purge(engine, servers, files, rule, now)
    return done


def _purge(
    engine: Engine, servers: stores.MediaServers, files: stores.Files, rule: RetentionRule, now: datetime
) -> int:
    cutoff, kind = _cutoff(rule, now), Kept(rule.kind)
    try:
        if kind is Kept.RECORDINGS:
            removed = _recordings(engine, servers, rule, cutoff)
        elif kind is Kept.FILES:
            removed = _files(files, rule, cutoff)
        else:
            removed = _rows(engine, rule, kind, cutoff)
    except RemoteError:
        return 0  # a media server is away: its lease runs out, then it is tried again
    with write_transaction(engine) as session:
        fresh = session.get(RetentionRule, rule.id)
        if fresh is None:
            return 1
        fresh.last_run_at, fresh.lease_until, fresh.last_removed = now, None, removed
        if kind is Kept.RECORDINGS:
            fresh.done_through = cutoff
        if removed:
            actor = Actor.system(rule.organization_id)
            after = {"kind": rule.kind, "older_than": cutoff.isoformat(), "removed": removed}
            record(session, actor, "retention.purge", fresh, after=after)
    return 1


def _rows(engine: Engine, rule: RetentionRule, kind: Kept, cutoff: datetime) -> int:
    removed, statement = 0, _WHAT[kind](rule.organization_id, rule, cutoff)
    key, ids = statement.selected_columns[0], list[Any]()
    while True:
        with read_transaction(engine) as session:
            further = statement.where(key > ids[-1]) if ids else statement
            ids = list(session.scalars(further.order_by(key).limit(_CHUNK)))
        if not ids:
            return removed
        with timed_write(engine) as (session, _):
            _TAKE[kind](session, ids)
        removed += len(ids)


def _files(files: stores.Files, rule: RetentionRule, cutoff: datetime) -> int:
    found = files.older(rule.organization_id, cutoff)
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _recordings(engine: Engine, servers: stores.MediaServers, rule: RetentionRule, cutoff: datetime) -> int:
    with read_transaction(engine) as session:
        ids = list(session.scalars(_WHAT[Kept.RECORDINGS](rule.organization_id, rule, cutoff)))
    removed = 0
    for start in range(0, len(ids), _CHUNK):
        with read_transaction(engine) as session:
            calls = emptying.past_calls(session, Attempt.id.in_(ids[start : start + _CHUNK]))
        removed += servers.forget(calls).get("recordings", 0)
    return removed


def _cutoff(rule: RetentionRule, now: datetime) -> datetime:
    return now - timedelta(days=rule.days)


def _old_attempts(home: int, cutoff: datetime) -> tuple[Any, ...]:
    return (Attempt.organization_id == home, Attempt.state == AttemptState.DONE, Attempt.ended_at < cutoff)


def _traces(home: int, _rule: RetentionRule, cutoff: datetime) -> Select[Any]:
    joined = select(AttemptTrace.attempt_id).join(Attempt, Attempt.id == AttemptTrace.attempt_id)
    return joined.where(*_old_attempts(home, cutoff))


def _attempts(home: int, _rule: RetentionRule, cutoff: datetime) -> Select[Any]:
    return select(Attempt.id).where(*_old_attempts(home, cutoff), Attempt.address != "")


def _calls(home: int, rule: RetentionRule, cutoff: datetime) -> Select[Any]:
    since = [Attempt.ended_at >= rule.done_through] if rule.done_through else []
    answered = (Attempt.channel == "voice", Attempt.answered_at.is_not(None), *since)
    return select(Attempt.id).where(*_old_attempts(home, cutoff), *answered)


def _rejects(home: int, _rule: RetentionRule, cutoff: datetime) -> Select[Any]:
    joined = select(ImportReject.id).join(ImportRun, ImportRun.id == ImportReject.import_run_id)
    return joined.where(ImportRun.organization_id == home, ImportRun.ended_at < cutoff)


def _contacts(home: int, _rule: RetentionRule, cutoff: datetime) -> Select[Any]:
    """Neither attempted, brought nor changed since, in no job that may still come to them, and excluded from nothing:
    an exclusion goes with its contact, and the next import would bring somebody who may be called.

    A row of an import that changes nothing is not written, so it does not count as a change.
    """
    excluded = select(ContactExclusion.id).where(ContactExclusion.contact_id == Contact.id)
    waiting = (
        select(JobContact.id)
        .join(Job, Job.id == JobContact.job_id)
        .where(JobContact.contact_id == Contact.id, Job.state.not_in((JobState.STOPPED, JobState.COMPLETED)))
    )
    return select(Contact.id).where(
        Contact.organization_id == home,
        Contact.erased_at.is_(None),
        Contact.updated_at < cutoff,
        Contact.created_at < cutoff,
        or_(Contact.last_attempt_at.is_(None), Contact.last_attempt_at < cutoff),
        ~waiting.exists(),
        ~excluded.exists(),
    )


def _audit(home: int, _rule: RetentionRule, cutoff: datetime) -> Select[Any]:
    return select(AuditEntry.id).where(
        AuditEntry.organization_id == home, AuditEntry.at < cutoff, AuditEntry.kind.not_in(_TOLD_FOR_EVER)
    )


def _take_traces(session: Session, ids: Sequence[Any]) -> None:
    marking.unmark(session, ids)
    session.execute(delete(AttemptTrace).where(AttemptTrace.attempt_id.in_(ids)))


def _take_attempts(session: Session, ids: Sequence[Any]) -> None:
    marking.unmark(session, ids)
    session.execute(delete(AttemptResult).where(AttemptResult.attempt_id.in_(ids)))
    emptying.anonymous_attempts(session, ids)


#: Ids of what is too old, by kind.
_WHAT: Mapping[Kept, Callable[[int, RetentionRule, datetime], Select[Any]]] = {
    Kept.TRACES: _traces,
    Kept.ATTEMPTS: _attempts,
    Kept.RECORDINGS: _calls,
    Kept.REJECTS: _rejects,
    Kept.CONTACTS: _contacts,
    Kept.AUDIT: _audit,
}
_TAKE: Mapping[Kept, Callable[[Session, Sequence[Any]], object]] = {
    Kept.TRACES: _take_traces,
    Kept.ATTEMPTS: _take_attempts,
    Kept.REJECTS: lambda session, ids: session.execute(delete(ImportReject).where(ImportReject.id.in_(ids))),
    Kept.CONTACTS: emptying.forget_contacts,
    Kept.AUDIT: lambda session, ids: session.execute(delete(AuditEntry).where(AuditEntry.id.in_(ids))),
}
