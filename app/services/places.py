"""What the database knows of where a contact's address is: the gate's look, the panel's and a test call's alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.calendars import Known, Place, place_of
from app.models import Address, AddressKind, Contact, ContactList
from app.services.calendars import Calendar

#: Custom attributes that say where a person lives.
STATE_ATTRIBUTES = ("state", "province", "region")
POSTCODE_ATTRIBUTES = ("postcode", "zip", "zip_code", "postal_code")


@dataclass(frozen=True, slots=True)
class Home:
    """What a contact list says of all its contacts."""

    country: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """One address as it is kept; `zones` as phonenumbers named them at the import."""

    kind: str
    value: str
    country: str
    zones: tuple[str, ...]


def known(time_zone: str, attributes: Mapping[str, Any], home: Home, number: Number) -> Known:
    """An email has no number to go by."""
    is_phone = number.kind == AddressKind.PHONE
    return Known(
        given=time_zone,
        number=number.value if is_phone else "",
        number_zones=number.zones,
        country=number.country,
        state=_first(attributes, STATE_ATTRIBUTES),
        postcode=_first(attributes, POSTCODE_ATTRIBUTES),
        list_country=home.country,
        list_zone=home.zone,
    )


def place(calendar: Calendar, contact: Contact, home: Home, address: Address) -> Place:
    number = Number(address.kind, address.value, address.country, split_zones(address.time_zones))
    return place_of(known(contact.time_zone, contact.attributes, home, number), calendar.zones)


def homes(session: Session, list_ids: set[int]) -> dict[int, Home]:
    rows = session.execute(
        select(ContactList.id, ContactList.home_country, ContactList.time_zone).where(ContactList.id.in_(list_ids))
    )
    return {list_id: Home(country, zone) for list_id, country, zone in rows}


def split_zones(text: str) -> tuple[str, ...]:
    return tuple(zone for zone in text.split(",") if zone)


def _first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((str(attributes[name]) for name in names if attributes.get(name)), "")
