"""Contacts with their addresses and do-not-call hits, as the database has them at this moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.calendars import Known, ZoneMap, place_of
from app.core.compliance import Act, Consent, Coverage, Listing, Quiet
from app.db import read_transaction
from app.models import Address, Contact, DncKind
from app.services import consents, places
from app.services.dnc import blocked, subjects_of
from app.services.dnc_files import coverages
from app.services.exclusions import excluded_among
from app.services.quiet import quiet_addresses
from app.services.sharing import contacts_of, hidden_attributes


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
    customer_id: str
    language: str
    time_zone: str
    deleted: bool
    #: From the campaign's calling, or from all.
    excluded: bool
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
    """Persons by contact id. `listed` maps (kind, value) to what do-not-call lists say of it; `quiet` maps addresses
    to the attempts under way there, or ended nobody knows how."""

    persons: Mapping[int, Person]
    listed: Mapping[tuple[str, str], Sequence[Listing]]
    quiet: Mapping[str, Sequence[Quiet]]
    #: What people have allowed and taken back, by name; None where nobody asks.
    acts: Mapping[tuple[str, str], Sequence[tuple[str, Act]]] | None = None
    #: National do-not-call lists, with their age.
    national: tuple[Coverage, ...] = ()

    def consent(
        self, person: Person, address: AddressRow, channel: str, zones: Sequence[str], now: datetime
    ) -> Consent:
        if self.acts is None:
            return Consent.NOT_NEEDED
        names = [(address.kind, address.value), *subjects_of(person.external_id, person.customer_id)]
        return consents.consent_for(self.acts, names, channel, now, zones)

    def list_holding(self, person: Person, address: AddressRow, zones: Sequence[str], now: datetime) -> str:
        """Name of the do-not-call list that forbids this address or this person there and now; "" for none."""
        subjects = [(address.kind, address.value), *subjects_of(person.external_id, person.customer_id)]
        listings = (listing for subject in subjects for listing in self.listed.get(subject, ()))
        return next((listing.list_name for listing in listings if listing.holds(zones, now)), "")

    def quiet_around(self, person: Person) -> tuple[Quiet, ...]:
        """Whichever address of the person the other attempt is to: it is the person who is left alone."""
        return tuple(quiet for row in person.addresses.values() for quiet in self.quiet.get(row.value, ()))


def look_up(
    engine: Engine,
    organization_id: int,
    contact_ids: Collection[int],
    now: datetime,
    campaign_id: int | None = None,
    also: Sequence[tuple[str, str]] = (),
    purpose: str = "",
) -> People:
    """`campaign_id` None counts every do-not-call list; `also` are further subjects to look for on them; `purpose` is
    what consent is asked for."""
    with read_transaction(engine) as session:
        persons = _persons(session, organization_id, contact_ids, campaign_id)
        reached = [
            (address.kind, address.value) for person in persons.values() for address in person.addresses.values()
        ]
        named = [subjects_of(person.external_id, person.customer_id) for person in persons.values()]
        subjects = [*reached, *also, *(subject for each in named for subject in each)]
        hits = blocked(session, organization_id, subjects, now, campaign_id)
        acts = consents.acts_of(session, organization_id, purpose, subjects) if purpose else None
        national = coverages(session, organization_id, campaign_id)
        others = quiet_addresses(session, organization_id, [value for _, value in reached], now)
    quiet: dict[str, list[Quiet]] = {}
    for other in others:
        quiet.setdefault(other.address, []).append(other.quiet)
    listed: dict[tuple[str, str], list[Listing]] = {}
    for hit in hits:
        listed.setdefault((hit.kind, hit.value), []).append(hit)
    return People(persons, listed, quiet, acts, national)


def _persons(
    session: Session, organization_id: int, contact_ids: Collection[int], campaign_id: int | None
) -> dict[int, Person]:
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
        # One of a list that is shared no more is not there.
        select(Contact).where(Contact.id.in_(wanted), contacts_of(organization_id))
    ).all()
    homes = places.homes(session, {contact.contact_list_id for contact in contacts})
    excluded = excluded_among(session, wanted, campaign_id)
    hidden = hidden_attributes(session, organization_id, {contact.organization_id for contact in contacts})
    return {
        contact.id: _person(
            contact,
            addresses.get(contact.id, {}),
            homes[contact.contact_list_id],
            contact.id in excluded,
            hidden.get(contact.organization_id, ()),
        )
        for contact in contacts
    }


def _person(
    contact: Contact,
    addresses: Mapping[str, AddressRow],
    home: places.Home,
    excluded: bool,
    hidden: Collection[str],
) -> Person:
    values = {
        **({"customer_id": contact.customer_id} if contact.customer_id else {}),
        **{name: value for name, value in contact.attributes.items() if name not in hidden},
        "contact_id": contact.external_id,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "language": contact.language,
        "time_zone": contact.time_zone,
    }
    return Person(
        id=contact.id,
        external_id=contact.external_id,
        customer_id=contact.customer_id,
        language=contact.language,
        time_zone=contact.time_zone,
        deleted=contact.deleted_at is not None,
        excluded=excluded,
        values=values,
        addresses=addresses,
        home=home,
    )


def listed_attempts(
    engine: Engine,
    organization_id: int,
    campaign_id: int,
    zone_map: ZoneMap,
    attempts: Collection[tuple[int, str]],
    now: datetime,
    kind: str = DncKind.PHONE,
) -> set[tuple[int, str]]:
    """Which of these pairs of contact and address are on a do-not-call list by now, the address or the person."""
    wanted = [contact_id for contact_id, _ in attempts]
    used = [(str(kind), address) for _, address in attempts]
    people = look_up(engine, organization_id, wanted, now, campaign_id, also=used)
    found = set()
    for contact_id, address in attempts:
        person = people.persons.get(contact_id)
        if person is None:
            # Of a list that is shared no more, say: without the person's zone the address counts at any hour.
            if (str(kind), address) in people.listed:
                found.add((contact_id, address))
            continue
        # The address used may have been replaced since: it still counts.
        gone = AddressRow(0, str(kind), "", address, (), "")
        row = next((row for row in person.addresses.values() if row.value == address), gone)
        if people.list_holding(person, row, place_of(person.known(row), zone_map).zones, now):
            found.add((contact_id, address))
    return found


def erased_contacts(engine: Engine, contact_ids: Collection[int]) -> set[int]:
    """Those of them who asked to be erased."""
    with read_transaction(engine) as session:
        wanted = Contact.id.in_(sorted(contact_ids))
        return set(session.scalars(select(Contact.id).where(wanted, Contact.erased_at.is_not(None))))


def address_names(engine: Engine, address_ids: Collection[int]) -> dict[int, str]:
    with read_transaction(engine) as session:
        rows = session.execute(select(Address.id, Address.name).where(Address.id.in_(sorted(address_ids)))).all()
        return {key: name for key, name in rows}
