"""Contacts that go into the lists of a split, or are copied there, and come back."""

from __future__ import annotations

from array import array
from typing import Any

from sqlalchemy import Select, cast, delete, insert, literal, select, update
from sqlalchemy.orm import Session, aliased

from app.bulk import Rows, ids_of
from app.core.audience.shares import cuts, part_of, place
from app.db import among, read_transaction, write_transaction
from app.models import Address, Contact, ContactExclusion, ContactList, ListChange
from app.models.base import UtcDateTime
from app.services.audit import record
from app.services.contact_names import enter_names_of, names_wait
from app.services.list_changes.asking import asker
from app.services.list_changes.splitting import Plan, part_number, refuse_merge
from app.services.list_changes.walking import Walk
from common.clock import utcnow
from common.errors import Refused

_COPIED = (
    "organization_id", "external_id", "customer_id", "first_name", "last_name", "language", "time_zone", "attributes",
    "last_attempt_at", "last_completion_code",
)  # fmt: skip
_COPIED_ADDRESS = (
    "organization_id", "kind", "name", "position", "value", "original", "country", "time_zones", "number_type",
    "disabled_code",
)  # fmt: skip
_COPIED_EXCLUSION = ("organization_id", "campaign_id", "at")


def split(walk: Walk) -> str:
    change = walk.change
    plan, into = Plan.from_json(change.asked), change.asked["parts"]
    send = _copy if plan.copies else _move
    ends = _cuts(walk, plan) if plan.by_shares else None
    with read_transaction(walk.engine) as session:
        types = change.asked["types"]
        by_conditions = part_number(session, change.organization_id, plan, types, change.created_at)
    column: Any = by_conditions if ends is None else Contact.external_id

    def meant(after: int) -> Select[*tuple[Any, ...]]:
        wanted = select(Contact.id, column).where(*_there(change), Contact.id > after)
        return (wanted if ends is not None else wanted.where(by_conditions < len(into))).order_by(Contact.id)

    def write(session: Session, rows: Rows) -> int:
        parts: dict[int, list[int]] = {}
        for key, value in rows:
            number = value if ends is None else part_of(place(plan.word, value), ends)
            parts.setdefault(number, []).append(key)
        written = 0
        for number, ids in sorted(parts.items()):
            if number < len(into):
                _hold(session, into[number]["list_id"], into[number]["name"])
                written += send(session, change, ids, into[number]["list_id"])
        return written

    walk.on(meant, write)
    return ""


def merge(walk: Walk) -> str:
    with read_transaction(walk.engine) as session:
        undone = session.get_one(ListChange, walk.change.undoes_id)
        refuse_merge(session, undone)
        home = session.get_one(ContactList, undone.contact_list_id).name
    into = [part["list_id"] for part in undone.asked["parts"]]
    came = Contact.contact_list_id.in_(into)
    copies = undone.asked["copies"]

    def meant(after: int) -> Select[*tuple[Any, ...]]:
        wanted = select(Contact.id).where(came, Contact.id > after).order_by(Contact.id)
        return wanted if copies else wanted.where(Contact.id <= undone.last_id, Contact.deleted_at.is_(None))

    def write(session: Session, rows: Rows) -> int:
        ids = among(session, Contact.id, ids_of(rows))
        if copies:
            return _count(session, delete(Contact).where(ids, came))
        _hold(session, undone.contact_list_id, home)
        back = update(Contact).where(ids, came, ~_taken(undone.contact_list_id))
        return _count(session, back.values(contact_list_id=undone.contact_list_id))

    walk.on(meant, write)
    kept = [part["name"] for part in undone.asked["parts"] if not _delete_empty(walk, part["list_id"])]
    names = ", ".join(repr(name) for name in kept)
    return f"Lists that still have contacts of their own stay: {names}." if kept else ""


def _there(change: ListChange) -> tuple[Any, ...]:
    """Of the list, as it was looked at."""
    return (
        Contact.contact_list_id == change.contact_list_id,
        Contact.deleted_at.is_(None),
        Contact.id <= change.last_id,
        Contact.created_at <= change.created_at,
    )


def _cuts(walk: Walk, plan: Plan) -> list[int]:
    """Kept with the change: after a crash those who have gone already would be missing."""
    change = walk.change
    if "cuts" in change.asked:
        return list(change.asked["cuts"])
    places = array("q")
    with read_transaction(walk.engine) as session:
        names = select(Contact.external_id).where(*_there(change)).execution_options(yield_per=10_000)
        places.extend(place(plan.word, name) for name in session.scalars(names))
    ends = cuts([part.share for part in plan.parts], sorted(places))
    with write_transaction(walk.engine) as session:
        fresh = session.get_one(ListChange, change.id)
        fresh.asked = {**fresh.asked, "cuts": ends}
    return ends


def _hold(session: Session, list_id: int, name: str) -> None:
    """Nobody deletes the list until the end of the transaction. PostgreSQL asks for a contact's list only when the
    contact comes (revision 0036): without this one could be moved into a list that is gone. Raise Refused."""
    held = select(ContactList.id).where(ContactList.id == list_id).with_for_update(read=True, key_share=True)
    if session.scalar(held) is None:
        raise Refused(f"the list {name!r} was deleted meanwhile; whoever had not come into it yet stays where they are")


def _taken(list_id: int) -> Any:
    """The list has somebody of the same ID already."""
    other = aliased(Contact)
    same = (other.contact_list_id == list_id, other.external_id == Contact.external_id)
    return select(other.id).where(*same).exists()


def _move(session: Session, change: ListChange, ids: list[int], list_id: int) -> int:
    mine = (among(session, Contact.id, ids), Contact.contact_list_id == change.contact_list_id)
    moved = _count(session, update(Contact).where(*mine, ~_taken(list_id)).values(contact_list_id=list_id))
    if names_wait(session, [session.get_one(ContactList, change.contact_list_id)]):
        # Whoever enters the names of an import looks for its contacts in the list where they were.
        _enter_names(session, list_id, ids)
    return moved


def _copy(session: Session, change: ListChange, ids: list[int], list_id: int) -> int:
    """Attempts stay with the original; whatever is counted by address is counted for both. Whoever is excluded from
    calling is so as a copy too, and who was withdrawn since the page was read gets none."""
    now = literal(utcnow(), UtcDateTime())
    columns = [getattr(Contact, name) for name in _COPIED]
    made = select(cast(literal(list_id), Contact.contact_list_id.type), *columns, now, now).where(
        among(session, Contact.id, ids), Contact.deleted_at.is_(None), ~_taken(list_id)
    )
    names = ["contact_list_id", *_COPIED, "created_at", "updated_at"]
    count = _count(session, insert(Contact).from_select(names, made.order_by(Contact.id)))
    copy = aliased(Contact)
    # Whoever came into the list by themselves meanwhile is nobody's copy.
    fresh = (copy.contact_list_id == list_id, copy.created_at == now)
    for model, copied in ((Address, _COPIED_ADDRESS), (ContactExclusion, _COPIED_EXCLUSION)):
        belongings = (
            select(copy.id, *(getattr(model, name) for name in copied))
            .join(Contact, Contact.id == model.contact_id)
            .join(copy, copy.external_id == Contact.external_id)
            .where(*fresh, among(session, Contact.id, ids), Contact.deleted_at.is_(None))
        )
        session.execute(insert(model).from_select(["contact_id", *copied], belongings))
    _enter_names(session, list_id, ids)
    return count


def _enter_names(session: Session, list_id: int, ids: list[int]) -> None:
    """Of those who are in the list now, or have a copy there."""
    names = select(Contact.external_id).where(among(session, Contact.id, ids))
    enter_names_of(session, list_id, session.scalars(names).all())


def _delete_empty(walk: Walk, list_id: int) -> bool:
    with write_transaction(walk.engine) as session:
        contact_list = session.get(ContactList, list_id)
        if contact_list is None:
            return True
        if session.scalar(select(Contact.id).where(Contact.contact_list_id == list_id).limit(1)) is not None:
            return False
        record(session, asker(walk.change), "contact_list.delete", contact_list, before={"name": contact_list.name})
        session.execute(delete(ContactList).where(ContactList.id == list_id))
        return True


def _count(session: Session, statement: Any) -> int:
    """Rows written."""
    return session.connection().execute(statement.execution_options(preserve_rowcount=True)).rowcount
