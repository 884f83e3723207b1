"""Undo of what was done to a contact: one change of its history, or its deletion.

An undo is a change like any other: it passes the same checks, and stands in the history itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.intake.mapping import ADDRESS, FIELDS
from app.models import Address, AddressKind, Contact, ContactChange, DncEntry, DncKind
from app.security.access import Actor, Permission, get_scoped
from app.services.audit import record
from app.services.contact_editing import Edit, EditedAddress, edit_contact, editable, in_order
from app.services.dnc import erased_subjects
from app.services.masked import MASK
from common.clock import utcnow
from common.errors import Refused

_ORDER = ": order"
#: History keeps so much of a value.
_KEPT = 1000


def undo_change(session: Session, actor: Actor, change_id: int) -> Contact:
    """Give the field the value that it had before the change. Refused, saying why, where that would undo more."""
    actor.require(Permission.LISTS_EDIT)
    change = get_scoped(session, actor, ContactChange, change_id)
    contact = get_scoped(session, actor, Contact, change.contact_id)
    _refuse_gone(contact)
    if MASK in (change.old, change.new):
        raise Refused(f"{change.field} is private: its values are not kept, so nobody can tell what it was")
    if len(change.old) >= _KEPT or len(change.new) >= _KEPT:
        raise Refused(f"{change.field} was longer than what the history keeps of a value; change it by hand")
    edit_contact(session, actor, contact.id, _edit(session, actor, contact, change))
    record(session, actor, "contact.undo", contact, after={"field": change.field, "change": change.id})
    return contact


def restore(session: Session, actor: Actor, contact_id: int) -> Contact:
    """A deleted contact that jobs still refer to is back in its list. Jobs that gave it up meanwhile do not take it
    again."""
    actor.require(Permission.LISTS_EDIT)
    contact = get_scoped(session, actor, Contact, contact_id)
    if contact.erased_at is not None:
        raise Refused("the person was erased: there is nothing left to bring back")
    if contact.deleted_at is not None:
        now = utcnow()
        session.execute(update(Contact).where(Contact.id == contact.id).values(deleted_at=None, updated_at=now))
        record(session, actor, "contact.restore", contact)
    return contact


def refuse_erased(session: Session, organization_id: int | None, subjects: Sequence[tuple[str, str]]) -> None:
    """Who asked the organization (None: any) to be erased is not brought back from what a page still has of them."""
    by_kind: dict[str, set[str]] = {}
    for kind, value in subjects:
        if value:
            by_kind.setdefault(kind, set()).add(value)
    erased = erased_subjects(session, by_kind)
    listed = select(DncEntry.id).where(DncEntry.kind == DncKind.ERASED, DncEntry.value.in_(erased))
    if organization_id is not None:
        listed = listed.where(DncEntry.organization_id == organization_id)
    if erased and session.scalar(listed.limit(1)) is not None:
        raise Refused("the person was erased since: there is nothing left to bring back")


def _refuse_gone(contact: Contact) -> None:
    if contact.erased_at is not None:
        raise Refused("the person was erased: there is nothing left to bring back")
    if contact.deleted_at is not None:
        raise Refused("the contact is deleted: bring it back first")


def _edit(session: Session, actor: Actor, contact: Contact, change: ContactChange) -> Edit:
    rows = in_order(session.scalars(select(Address).where(Address.contact_id == contact.id)))
    addresses = [EditedAddress(row.name, row.kind, row.value) for row in rows]
    name = change.field.removesuffix(_ORDER)
    if change.field.endswith(_ORDER):
        place = next((row.position for row in rows if row.name == name), None)
        _refuse_other(change, "" if place is None else str(place))
        return Edit({}, {}, _moved(addresses, name, int(change.old)))
    if name in FIELDS:
        _refuse_other(change, getattr(contact, name))
        return Edit({name: change.old}, {}, addresses)
    if ADDRESS.fullmatch(name):
        _refuse_other(change, next((row.value for row in rows if row.name == name), ""))
        return Edit({}, {}, _replaced(addresses, name, change.old))
    if name not in {attribute.name for attribute in editable(session, actor, contact)}:
        raise Refused(f"{name}: you may not set this attribute, or there is none of that name any more")
    value = contact.attributes.get(name)
    _refuse_other(change, "" if value is None else str(value))
    return Edit({}, {name: change.old}, addresses)


def _refuse_other(change: ContactChange, now: str) -> None:
    if now != change.new:
        there = f"{now!r}" if now else "empty"
        raise Refused(f"{change.field} has been changed again since and is {there} now: undo the newer change first")


def _replaced(addresses: Sequence[EditedAddress], name: str, value: str) -> list[EditedAddress]:
    kind = AddressKind.PHONE if name.startswith("phone") else AddressKind.EMAIL
    if not any(each.name == name for each in addresses):
        return [*addresses, EditedAddress(name, str(kind), value)]
    return [EditedAddress(name, each.kind, value) if each.name == name else each for each in addresses]


def _moved(addresses: Sequence[EditedAddress], name: str, place: int) -> list[EditedAddress]:
    """Positions count from 1; those that came by an import from 0."""
    rest = [each for each in addresses if each.name != name]
    moved = [each for each in addresses if each.name == name]
    at = max(place - 1, 0)
    return [*rest[:at], *moved, *rest[at:]]
