"""Contacts that a program hands over: checked and written as those of a file are, a few hundred at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.intake import mapping as mappings
from app.intake.batches import Batch
from app.intake.chunks import chunk_of
from app.intake.columns import ColumnPreparer
from app.models import Attribute, Contact, ContactList
from app.security.access import Actor, NotFound, Permission, get_scoped
from app.services.audit import record
from app.services.contact_names import enter_names_of
from app.services.contacts import delete_contact
from app.services.importing.changing import Target
from app.services.importing.plan import private_attributes
from app.services.importing.writing import write_contacts
from app.services.numbering import read_numbering
from common.clock import utcnow
from common.errors import Refused

#: Contacts of one request.
MOST = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """A contact that was not taken: its place among those given, the field and the mend."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pushed:
    added: int
    updated: int
    faults: tuple[Fault, ...]


def push(session: Session, actor: Actor, contact_list_id: int, contacts: Sequence[Mapping[str, str]]) -> Pushed:
    """Add contacts, or change those whose id is known: fields that are given replace, "" empties, others stay.

    Each maps fields (`importing.mapping`) and attributes to text. One that is refused takes no other with it.
    """
    actor.require(Permission.LISTS_EDIT)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    if len(contacts) > MOST:
        raise Refused(f"contacts: are {len(contacts):,}; at most {MOST:,} are taken in one request")
    owner = Attribute.organization_id == contact_list.organization_id
    types = {name: kind for name, kind in session.execute(select(Attribute.name, Attribute.type).where(owner))}
    faults: list[Fault] = []
    alike: dict[tuple[str, ...], list[int]] = {}
    for index, contact in enumerate(contacts):
        unknown = next((name for name in contact if not mappings.is_field(name) and name not in types), None)
        if unknown is not None:
            faults.append(Fault(index, unknown, "is no field and no attribute that is defined"))
        else:
            alike.setdefault(tuple(sorted(contact)), []).append(index)
    added = updated = 0
    for columns, places in alike.items():
        rows = [[contacts[place][name] for name in columns] for place in places]
        written, refused = _write(session, actor, contact_list, columns, types, Batch(places, rows, [""] * len(rows)))
        added, updated = added + written[0], updated + written[1]
        faults += refused
    enter_names_of(session, contact_list.id, [contact.get(mappings.ID, "") for contact in contacts])
    result = Pushed(added, updated, tuple(sorted(faults, key=lambda fault: fault.index)))
    after = {"by": actor.login, "added": added, "updated": updated, "refused": len(faults)}
    record(session, actor, "contact.push", contact_list, after=after)
    return result


def _write(
    session: Session,
    actor: Actor,
    contact_list: ContactList,
    columns: tuple[str, ...],
    types: Mapping[str, str],
    batch: Batch,
) -> tuple[tuple[int, int], list[Fault]]:
    missing = _missing(columns)
    if missing:
        return (0, 0), [Fault(place, *missing) for place in batch.lines]
    mapping = {name: name for name in columns}
    numbering = read_numbering(session, contact_list.organization_id)
    prepared = ColumnPreparer(columns, mapping, types, contact_list.home_country, numbering=numbering).prepare(batch)
    target = Target(
        contact_list.organization_id,
        contact_list.id,
        tuple(name for name in mappings.FIELDS if name in mapping),
        tuple(mappings.addresses(mapping)),
        via=actor.login[:120],
        private=private_attributes(session, contact_list.organization_id),
    )
    chunk = chunk_of(prepared, 0, as_copy=session.get_bind().dialect.name == "postgresql")
    written = write_contacts(session, target, [chunk], utcnow())
    return (written.added, written.updated + written.unchanged), [
        Fault(one.line, one.field, one.reason) for one in prepared.rejects
    ]


def _missing(columns: tuple[str, ...]) -> tuple[str, str] | None:
    if mappings.ID not in columns:
        return mappings.ID, "is missing; every contact needs its id"
    if not any(mappings.ADDRESS.fullmatch(name) for name in columns):
        return "", "has neither phone nor email"
    return None


def find_pushed(session: Session, actor: Actor, contact_list_id: int, external_id: str) -> int:
    """The contact's own id, by the id that the program knows."""
    actor.require(Permission.LISTS_VIEW)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    found = session.scalar(
        select(Contact.id).where(
            Contact.contact_list_id == contact_list.id,
            Contact.external_id == external_id,
            Contact.deleted_at.is_(None),
        )
    )
    if found is None:
        raise NotFound(f"contact {external_id[:120]!r}: there is none in this list")
    return found


def withdraw(session: Session, actor: Actor, contact_list_id: int, external_id: str) -> None:
    """Delete by the id that the program knows."""
    actor.require(Permission.LISTS_EDIT)
    delete_contact(session, actor, find_pushed(session, actor, contact_list_id, external_id))
