"""What people ask of a list: look whom a deletion would take, start it, stop it, take it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.audience import Filter, checked, filter_to_json, filter_words
from app.core.retention import UNDO_FOR
from app.models import Contact, ContactList, ListChange, ListChangeKind, ListChangeState
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services import audience
from app.services.audit import record
from app.services.list_changes.splitting import refuse_merge
from common.clock import utcnow
from common.errors import Refused

OPEN = (ListChangeState.QUEUED, ListChangeState.RUNNING)


@dataclass(frozen=True, slots=True)
class Look:
    """Whom a change would take, before anything is changed; `last_id` is the newest contact of the list now."""

    preview: audience.Preview
    last_id: int


def look(session: Session, actor: Actor, contact_list_id: int, made: Filter, now: datetime) -> Look:
    """Among all contacts of the list. Raise BadCondition."""
    preview = audience.preview(session, actor, contact_list_id, made, now, whole=True)
    there = (Contact.contact_list_id == contact_list_id, Contact.deleted_at.is_(None))
    newest = select(func.max(Contact.id)).where(*there)
    return Look(preview, session.scalar(newest) or 0)


def start_deletion(
    session: Session, actor: Actor, contact_list_id: int, made: Filter, *, expected: int, last_id: int
) -> ListChange:
    """Queue the deletion of whom the filter means; an empty one means everybody.

    `expected` and `last_id` are what the person has seen (`look`): contacts that came later are not taken.
    """
    actor.require(Permission.LISTS_EDIT)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    if expected < 1:
        raise Refused("nobody of the list is meant; there is nothing to delete")
    types = audience.attribute_types(session, contact_list.organization_id)
    now = utcnow()
    definition = filter_to_json(checked(made, types, now))
    change = ListChange(
        organization_id=contact_list.organization_id,
        contact_list_id=contact_list.id,
        kind=ListChangeKind.DELETE,
        asked={"filter": definition, "types": types},
        words=filter_words(made),
        expected=expected,
        last_id=last_id,
        created_by=actor.user_id,
        created_at=now,
    )
    session.add(change)
    session.flush()
    after = {"list": contact_list.name, "who": change.words, "contacts": expected}
    record(session, actor, "contact_list.delete_contacts", change, after=after)
    return change


def list_changes(session: Session, actor: Actor, contact_list_id: int, limit: int = 50) -> list[ListChange]:
    """Of one list, newest first."""
    actor.require(Permission.LISTS_VIEW)
    mine = scoped(select(ListChange), ListChange, actor).where(ListChange.contact_list_id == contact_list_id)
    return list(session.scalars(mine.order_by(ListChange.id.desc()).limit(limit)))


def get_change(session: Session, actor: Actor, change_id: int) -> ListChange:
    actor.require(Permission.LISTS_VIEW)
    return get_scoped(session, actor, ListChange, change_id)


def asker(change: ListChange) -> Actor:
    """Whose doing the audit trail calls what a worker does for a change."""
    return Actor(change.created_by, "", change.organization_id, frozenset())


def is_over(change: ListChange) -> bool:
    return change.state not in OPEN


def may_undo(session: Session, change: ListChange, now: datetime) -> bool:
    """Once, for as long as what it marked is there."""
    if change.undo_until is None or change.undo_until <= now or not is_over(change):
        return False
    taken_back = select(ListChange.id).where(
        ListChange.undoes_id == change.id,
        ListChange.state.in_([*OPEN, ListChangeState.COMPLETED]),
    )
    return session.scalar(taken_back.limit(1)) is None


def cancel(session: Session, actor: Actor, change_id: int) -> None:
    """It stops after the contacts under way; what is changed already stays so."""
    actor.require(Permission.LISTS_EDIT)
    change = get_scoped(session, actor, ListChange, change_id)
    if is_over(change):
        raise Refused(f"it is {change.state} already")
    if change.state == ListChangeState.QUEUED and not change.through_id:
        change.state, change.ended_at = ListChangeState.CANCELLED, utcnow()
    change.cancel_requested = True
    record(session, actor, "list_change.cancel", change)


def undo(session: Session, actor: Actor, change_id: int) -> ListChange:
    """Queue what takes the change back. Refused when it is too late, or done already."""
    actor.require(Permission.LISTS_EDIT)
    change = get_scoped(session, actor, ListChange, change_id)
    now = utcnow()
    if not may_undo(session, change, now):
        raise Refused(f"it cannot be undone any more: that is possible once, within {UNDO_FOR.days} days of its end")
    split = change.kind == ListChangeKind.SPLIT
    if split:
        refuse_merge(session, change)
    back = ListChange(
        organization_id=change.organization_id,
        contact_list_id=change.contact_list_id,
        kind=ListChangeKind.MERGE if split else ListChangeKind.PUT_BACK,
        asked={},
        words=change.words,
        expected=change.done,
        last_id=change.last_id,
        undoes_id=change.id,
        created_by=actor.user_id,
        created_at=now,
    )
    session.add(back)
    session.flush()
    record(session, actor, "list_change.undo", change, after={"change": back.id, "contacts": change.done})
    return back
