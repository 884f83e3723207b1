"""Everything that is known of one person: their contacts in all lists of an organization, and how else they are named.

Contacts are one person where they have a customer ID, a number or an email in common with what was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.traces import Traces
from app.db import among
from app.models import Address, AddressKind, Contact, DncKind
from app.security.access import Actor, NotFound, Permission, get_scoped
from app.services.address_index import in_organizations
from app.services.dnc import normalised
from app.services.organizations import organization_for
from common.errors import Refused

#: What a person may be found by.
CONTACT, CUSTOMER_ID, PHONE, EMAIL = "contact", "customer_id", "phone", "email"
WAYS = (PHONE, EMAIL, CUSTOMER_ID, CONTACT)


@dataclass(frozen=True, slots=True)
class Person:
    """`contacts` may be none: a number can be known from a do-not-call list or a rejected row alone."""

    organization_id: int
    found_by: str
    contacts: tuple[Contact, ...]
    addresses: tuple[Address, ...]
    traces: Traces

    @property
    def contact_ids(self) -> list[int]:
        return [contact.id for contact in self.contacts]

    @property
    def values(self) -> frozenset[tuple[str, str]]:
        """(kind, value) of all addresses and the customer IDs: what is never called again."""
        traces, customers = self.traces, {contact.customer_id for contact in self.contacts}
        return frozenset(
            {(str(DncKind.PHONE), phone) for phone in traces.phones}
            | {(str(DncKind.EMAIL), email) for email in traces.emails}
            | {(str(DncKind.CUSTOMER_ID), name) for name in customers if name}
        )

    @property
    def names(self) -> frozenset[tuple[str, str]]:
        """As ledgers and lists name the person: the above, and the contact IDs."""
        return self.values | {(str(DncKind.CONTACT_ID), contact.external_id) for contact in self.contacts}


def find_person(
    session: Session, actor: Actor, way: str, value: str, organization_id: int | None = None, home_country: str = "US"
) -> Person:
    """`value` is a contact's row id, a customer ID, a number or an email. Raise Refused naming the mend, NotFound
    where a contact or a customer ID is nobody's."""
    actor.require(Permission.PRIVACY_MANAGE)
    keys = _Keys()
    if way == CONTACT:
        contacts: Sequence[Contact] = [get_scoped(session, actor, Contact, _row_id(value))]
        home = contacts[0].organization_id
    else:
        home = organization_for(session, actor, organization_id)
        wanted = {PHONE: keys.phones, EMAIL: keys.emails, CUSTOMER_ID: keys.customers}.get(way)
        if wanted is None:
            raise Refused(f"kind: use {', '.join(WAYS)}")
        wanted.add(normalised(way, value, home_country))
        contacts = _contacts(session, home, keys)
    if way == CUSTOMER_ID and not contacts:
        raise NotFound("nobody of this organization has that customer ID")
    keys.take(contacts, _addresses(session, contacts))
    contacts = _contacts(session, home, keys)
    addresses = _addresses(session, contacts)
    keys.take(contacts, addresses)
    traces = Traces(
        frozenset(keys.phones),
        frozenset(keys.emails),
        frozenset((contact.first_name, contact.last_name) for contact in contacts),
        frozenset(name for contact in contacts for name in (contact.external_id, contact.customer_id) if name),
    )
    return Person(home, way, tuple(contacts), tuple(addresses), traces)


@dataclass(slots=True)
class _Keys:
    """By what contacts are one person."""

    ids: set[int] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)

    def take(self, contacts: Sequence[Contact], addresses: Sequence[Address]) -> None:
        self.ids |= {contact.id for contact in contacts}
        self.customers |= {contact.customer_id for contact in contacts} - {""}
        self.phones |= {address.value for address in addresses if address.kind == AddressKind.PHONE}
        self.emails |= {address.value for address in addresses if address.kind == AddressKind.EMAIL}


def _contacts(session: Session, organization_id: int, keys: _Keys) -> Sequence[Contact]:
    of_addresses = select(Address.contact_id).where(
        in_organizations(session, [organization_id]),
        among(session, Address.value, sorted(keys.phones | keys.emails)),
    )
    known = or_(
        Contact.id.in_(keys.ids),
        Contact.id.in_(of_addresses),
        (Contact.customer_id != "") & among(session, Contact.customer_id, sorted(keys.customers)),
    )
    statement = select(Contact).where(Contact.organization_id == organization_id, Contact.erased_at.is_(None), known)
    return session.scalars(statement.order_by(Contact.id)).all()


def _addresses(session: Session, contacts: Sequence[Contact]) -> Sequence[Address]:
    statement = select(Address).where(Address.contact_id.in_([contact.id for contact in contacts]))
    return session.scalars(statement.order_by(Address.contact_id, Address.position, Address.id)).all()


def _row_id(value: str) -> int:
    if not value.isdecimal() or len(value) > 18:
        raise Refused("contact: give the number in the address of the contact's page")
    return int(value)
