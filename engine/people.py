"""Contacts with their addresses and do-not-call hits, as the database has them at this moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.calendars import Known
from app.core.compliance import Quiet
from app.db import read_transaction
from app.models import Address, Contact, DncKind
from app.services import places
from app.services.dnc import blocked
from app.services.quiet import quiet_addresses


@dataclass(frozen=True, slots=True)
class AddressRow:
    id: int
    kind: str  # phone | email
    name: str
    value: str
    zones: tuple[str, ...]
    disabled_code: str
    country: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    external_id: str
    language: str
    time_zone: str
    deleted: bool
    #: What scripts and texts may use: custom attributes, then the predefined ones.
    values: Mapping[str, Any]
    addresses: Mapping[str, AddressRow] = field(default_factory=dict)
    home: places.Home = field(default_factory=places.Home)

    def known(self, address: AddressRow) -> Known:
        """What there is to tell from where the address is."""
        number = places.Number(address.kind, address.value, address.country, address.zones)
        return places.known(self.time_zone, self.values, self.home, number)


@dataclass(frozen=True, slots=True)
class People:
    """Persons by contact id. `listed` maps (kind, value) on a do-not-call list to the list's name; `quiet` maps
    addresses to the attempts under way there, or ended nobody knows how."""

    persons: Mapping[int, Person]
    listed: Mapping[tuple[str, str], str]
    quiet: Mapping[str, Sequence[Quiet]]

    def list_holding(self, person: Person, address: AddressRow) -> str:
        """Name of the do-not-call list that forbids this address or this person; "" for none."""
        own = self.listed.get((address.kind, address.value), "")
        return own or self.listed.get((str(DncKind.CONTACT_ID), person.external_id), "")

    def quiet_around(self, person: Person) -> tuple[Quiet, ...]:
        """Whichever address of the person the other attempt is to: it is the person who is left alone."""
        return tuple(quiet for row in person.addresses.values() for quiet in self.quiet.get(row.value, ()))


def look_up(engine: Engine, organization_id: int, contact_ids: Collection[int], now: datetime) -> People:
    with read_transaction(engine) as session:
        persons = _persons(session, organization_id, contact_ids)
        reached = [
            (address.kind, address.value) for person in persons.values() for address in person.addresses.values()
        ]
        subjects = [*reached, *((str(DncKind.CONTACT_ID), person.external_id) for person in persons.values())]
        hits = blocked(session, organization_id, subjects, now)
        others = quiet_addresses(session, organization_id, [value for _, value in reached], now)
    quiet: dict[str, list[Quiet]] = {}
    for other in others:
        quiet.setdefault(other.address, []).append(other.quiet)
    return People(persons, {(hit.kind, hit.value): hit.list_name for hit in hits}, quiet)


def _persons(session: Session, organization_id: int, contact_ids: Collection[int]) -> dict[int, Person]:
    wanted = sorted(set(contact_ids))
    addresses: dict[int, dict[str, AddressRow]] = {}
    columns = (
        Address.contact_id,
        Address.id,
        Address.kind,
        Address.name,
        Address.value,
        Address.time_zones,
        Address.disabled_code,
        Address.country,
    )
    for contact_id, key, kind, name, value, zones, *rest in session.execute(
        select(*columns).where(Address.contact_id.in_(wanted))
    ):
        row = AddressRow(key, kind, name, value, places.split_zones(zones), *rest)
        addresses.setdefault(contact_id, {})[name] = row
    contacts = session.scalars(
        select(Contact).where(Contact.id.in_(wanted), Contact.organization_id == organization_id)
    ).all()
    homes = places.homes(session, {contact.contact_list_id for contact in contacts})
    return {
        contact.id: _person(contact, addresses.get(contact.id, {}), homes[contact.contact_list_id])
        for contact in contacts
    }


def _person(contact: Contact, addresses: Mapping[str, AddressRow], home: places.Home) -> Person:
    values = {
        **contact.attributes,
        "contact_id": contact.external_id,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "language": contact.language,
        "time_zone": contact.time_zone,
    }
    return Person(
        id=contact.id,
        external_id=contact.external_id,
        language=contact.language,
        time_zone=contact.time_zone,
        deleted=contact.deleted_at is not None,
        values=values,
        addresses=addresses,
        home=home,
    )


def listed_calls(
    engine: Engine, organization_id: int, calls: Collection[tuple[int, str]], now: datetime
) -> set[tuple[int, str]]:
    """Which of these pairs of contact and phone number are on a do-not-call list by now, the number or the person."""
    with read_transaction(engine) as session:
        wanted = {contact_id for contact_id, _ in calls}
        persons = dict(session.execute(select(Contact.id, Contact.external_id).where(Contact.id.in_(wanted))).all())
        subjects = [(str(DncKind.PHONE), number) for _, number in calls]
        subjects += [(str(DncKind.CONTACT_ID), external_id) for external_id in persons.values()]
        hits = {(hit.kind, hit.value) for hit in blocked(session, organization_id, subjects, now)}
    return {
        (contact_id, number)
        for contact_id, number in calls
        if (DncKind.PHONE, number) in hits or (DncKind.CONTACT_ID, persons.get(contact_id)) in hits
    }


def address_names(engine: Engine, address_ids: Collection[int]) -> dict[int, str]:
    with read_transaction(engine) as session:
        rows = session.execute(select(Address.id, Address.name).where(Address.id.in_(sorted(address_ids)))).all()
        return {key: name for key, name in rows}
