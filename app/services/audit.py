"""The audit trail: who did what to which thing. Written in the transaction of the change, never altered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.models import AuditEntry, Base
from app.security.access import Actor, Permission, scoped
from app.services.csv_text import csv_lines
from common.clock import utcnow

MASK = "********"
_SECRET = frozenset({"password", "password_hash", "password_encrypted"})
_KEPT = 64
_BATCH = 500


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject: Base,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry on `subject`, a row that already has its id. `action` is such as "campaign.create"."""
    identity = inspect(subject).identity or inspect(type(subject)).primary_key_from_instance(subject)
    session.add(
        AuditEntry(
            organization_id=getattr(subject, "organization_id", None),
            user_id=actor.user_id,
            at=utcnow(),
            action=action,
            kind=subject.__tablename__,
            object_id=",".join(str(part) for part in identity)[:_KEPT],
            before=_safe(before),
            after=_safe(after),
            remote_address=actor.remote_address,
        )
    )


def list_entries(
    session: Session,
    actor: Actor,
    *,
    kind: str = "",
    action: str = "",
    object_id: str = "",
    user_id: int | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """Newest first; `before_id` (the last id of a page) turns the page."""
    actor.require(Permission.AUDIT_VIEW)
    statement = scoped(select(AuditEntry), AuditEntry, actor)
    if kind:
        statement = statement.where(AuditEntry.kind == kind)
    if action:
        statement = statement.where(AuditEntry.action == action)
    if object_id:
        statement = statement.where(AuditEntry.object_id == object_id)
    if user_id is not None:
        statement = statement.where(AuditEntry.user_id == user_id)
    if before_id is not None:
        statement = statement.where(AuditEntry.id < before_id)
    return list(session.scalars(statement.order_by(AuditEntry.id.desc()).limit(limit)))


def export_csv(session: Session, actor: Actor, *, kind: str = "", action: str = "") -> Iterator[str]:
    """The trail as CSV in pieces, newest first."""
    yield csv_lines([("at", "user_id", "action", "kind", "object_id", "before", "after", "remote_address")])
    before: int | None = None
    while page := list_entries(session, actor, kind=kind, action=action, before_id=before, limit=_BATCH):
        yield csv_lines(
            (
                *(row.at, row.user_id, row.action, row.kind, row.object_id),
                *(_json(row.before), _json(row.after), row.remote_address),
            )
            for row in page
        )
        before = page[-1].id
        session.expunge_all()


def _json(values: Mapping[str, Any] | None) -> str:
    return "" if values is None else json.dumps(values)


def _safe(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {name: MASK if name in _SECRET else value for name, value in values.items()}
