"""Contacts: searching, showing, exporting and deleting them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from app.models import Address, AddressKind, Contact, ContactList
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services import regions
from app.services.audit import record
from app.services.contact_names import names_wait
from app.services.contact_search import candidates, found_among
from app.services.csv_text import csv_lines
from app.services.lists import remove_contacts
from app.services.masked import MASK, masked_attributes
from app.services.sharing import hidden_attributes, types_of_list, visible_contact, visible_list

_FIELDS = ("first_name", "last_name", "language", "time_zone", "customer_id")
_BATCH = 1000
#: Lists that one statement asks for their first contacts; SQLite takes 500.
_LISTS = 100


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact as the actor may see it: `attributes` are masked where the actor may not unmask them, and without those
    that another organization keeps private."""

    contact: Contact
    addresses: tuple[Address, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """`next_after` is the `after_id` of the next page, None on the last one; `names_wait` where a search does not find
    every name yet, since those of an import are still being entered."""

    contacts: tuple[ContactView, ...]
    next_after: int | None
    names_wait: bool = False


def search_contacts(
    session: Session,
    actor: Actor,
    *,
    contact_list_id: int | None = None,
    search: str = "",
    after_id: int = 0,
    limit: int = 50,
) -> Page:
    """By name, id, number in any writing or email: the beginning of any of them, as far as `contact_search.MOST`."""
    actor.require(Permission.LISTS_VIEW)
    there = (Contact.deleted_at.is_(None), Contact.id > after_id)
    if contact_list_id is not None:
        visible_list(session, actor, contact_list_id)
        statement = select(Contact).where(*there, Contact.contact_list_id == contact_list_id)
    else:
        statement = scoped(select(Contact), Contact, actor).where(*there)
    waiting = False
    if search.strip():
        lists = _lists(session, actor, contact_list_id)
        waiting = names_wait(session, lists)
        within = contact_list_id is not None
        homes = sorted({each.organization_id for each in lists})
        statement = statement.where(
            found_among(session, candidates(session, homes, lists, search.strip(), within=within), after_id)
        )
    elif contact_list_id is None:
        statement = statement.where(Contact.id.in_(_first(session, actor, after_id, limit + 1)))
    found = list(session.scalars(statement.order_by(Contact.id).limit(limit + 1)))
    page = found[:limit]
    return Page(tuple(views_of(session, actor, page)), page[-1].id if len(found) > limit else None, waiting)


def _first(session: Session, actor: Actor, after_id: int, limit: int) -> list[int]:
    """The first contacts after one of them, over all lists: those of each list are found by its index, whoever was
    deleted between them."""
    lists = session.scalars(scoped(select(ContactList.id), ContactList, actor)).all()
    found: list[int] = []
    for start in range(0, len(lists), _LISTS):
        of_each = [
            select(
                select(Contact.id)
                .where(Contact.contact_list_id == key, Contact.deleted_at.is_(None), Contact.id > after_id)
                .order_by(Contact.id)
                .limit(limit)
                .subquery()
                .c.id
            )
            for key in lists[start : start + _LISTS]
        ]
        found = sorted([*found, *session.scalars(union_all(*of_each))])[:limit]
    return found


def _lists(session: Session, actor: Actor, contact_list_id: int | None) -> Sequence[ContactList]:
    """The list given, which the actor may see, or all of its own."""
    if contact_list_id is not None:
        return [session.get_one(ContactList, contact_list_id)]
    return session.scalars(scoped(select(ContactList), ContactList, actor)).all()


def get_contact(session: Session, actor: Actor, contact_id: int) -> ContactView:
    contact = visible_contact(session, actor, contact_id)
    return next(iter(views_of(session, actor, [contact])))


def delete_contact(session: Session, actor: Actor, contact_id: int) -> None:
    """Gone for good, or marked and never dialled again where jobs refer to it or it is excluded from calling."""
    actor.require(Permission.LISTS_EDIT)
    contact = get_scoped(session, actor, Contact, contact_id)
    record(session, actor, "contact.delete", contact, before={"contact_list": contact.contact_list_id})
    session.flush()
    remove_contacts(session, [contact_id])


def export_csv(session: Session, actor: Actor, contact_list_id: int) -> Iterator[str]:
    """The list as CSV in pieces, ready to be imported again; masked attributes as the actor sees them. Beside each
    phone stands what its digits tell of region and carrier, for those who see the digits."""
    contact_list = visible_list(session, actor, contact_list_id)
    addresses = [
        (name, kind == AddressKind.PHONE and actor.may(Permission.NUMBERS_VIEW))
        for name, kind in session.execute(
            select(Address.name, Address.kind)
            .join(Contact, Contact.id == Address.contact_id)
            .where(Contact.contact_list_id == contact_list_id)
            .distinct()
            .order_by(Address.name.desc())
        )
    ]
    attributes = list(types_of_list(session, contact_list, actor.organization_id))
    columns = [column for name, told in addresses for column in _address_columns(name, told)]
    yield csv_lines([["id", *_FIELDS, *columns, *attributes]])
    after: int | None = 0
    while after is not None:
        page = search_contacts(session, actor, contact_list_id=contact_list_id, after_id=after, limit=_BATCH)
        yield csv_lines([_row(view, addresses, attributes) for view in page.contacts])
        session.expunge_all()
        after = page.next_after


def _address_columns(name: str, told: bool) -> tuple[str, ...]:
    return (name, f"{name}_region", f"{name}_carrier") if told else (name,)


def _row(view: ContactView, addresses: Sequence[tuple[str, bool]], attributes: Sequence[str]) -> list[str]:
    values = {address.name: address.value for address in view.addresses}
    return [
        view.contact.external_id,
        *(getattr(view.contact, name) for name in _FIELDS),
        *(cell for name, told in addresses for cell in _address_cells(values.get(name, ""), told)),
        *(_cell(view.attributes.get(name)) for name in attributes),
    ]


def _address_cells(value: str, told: bool) -> tuple[str, ...]:
    if not told:
        return (value,)
    found = regions.origin(value)
    return value, found.region, found.carrier


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def views_of(session: Session, actor: Actor, contacts: Sequence[Contact]) -> Iterator[ContactView]:
    """For this package's services, which have checked the scope."""
    addresses: dict[int, list[Address]] = {contact.id: [] for contact in contacts}
    for address in session.scalars(
        select(Address)
        .where(Address.contact_id.in_(addresses))
        .order_by(Address.contact_id, Address.kind.desc(), Address.position)
    ):
        addresses[address.contact_id].append(address)
    owners = {contact.organization_id for contact in contacts}
    masked, hidden = (
        masked_attributes(session, actor, owners),
        hidden_attributes(session, actor.organization_id, owners),
    )
    for contact in contacts:
        private = hidden.get(contact.organization_id, ())
        shown = {
            name: MASK if (contact.organization_id, name) in masked and value is not None else value
            for name, value in contact.attributes.items()
            if name not in private
        }
        yield ContactView(contact, tuple(addresses[contact.id]), shown)
