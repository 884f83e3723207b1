"""What a condition may ask of a contact: predefined fields, its addresses by name, and its attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """How the values of a field compare."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "moment"


#: Counted over the last `Condition.days` days.
RECENT_ATTEMPTS = "recent_attempts"
#: From the calling of all campaigns.
EXCLUDED = "excluded"
#: Of the contact's first phone: what kind of number it is, and whose.
PHONE_TYPE, PHONE_COUNTRY = "phone_type", "phone_country"
#: What its digits tell: the town or state, where they do, and who was given the range first.
PHONE_AREA, PHONE_CARRIER = "phone_area", "phone_carrier"
#: Not kept with contacts, so nobody can be put in order by them.
UNSORTED = frozenset({PHONE_AREA, PHONE_CARRIER})
BUILT_IN: Mapping[str, Kind] = {
    "id": Kind.TEXT,
    "customer_id": Kind.TEXT,
    "first_name": Kind.TEXT,
    "last_name": Kind.TEXT,
    "language": Kind.TEXT,
    "time_zone": Kind.TEXT,
    PHONE_TYPE: Kind.TEXT,
    PHONE_COUNTRY: Kind.TEXT,
    PHONE_AREA: Kind.TEXT,
    PHONE_CARRIER: Kind.TEXT,
    "added_on": Kind.MOMENT,
    "last_modified_on": Kind.MOMENT,
    "last_attempt_time": Kind.MOMENT,
    "last_completion_code": Kind.TEXT,
    EXCLUDED: Kind.BOOLEAN,
    "attempts": Kind.NUMBER,
    "successful_attempts": Kind.NUMBER,
    RECENT_ATTEMPTS: Kind.NUMBER,
}
#: By the type of an attribute; the rest is text.
_KINDS = {
    "integer": Kind.NUMBER,
    "decimal": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "datetime": Kind.MOMENT,
}
_ADDRESS = re.compile(r"address\.((?:phone|email)[1-9]?)")


def attribute_field(name: str) -> str:
    return f"attribute.{name}"


def address_field(name: str) -> str:
    return f"address.{name}"


def attribute_of(field: str) -> str | None:
    """The attribute's name, None for a field that is none."""
    prefix, _, name = field.partition(".")
    return name if prefix == "attribute" else None


def address_of(field: str) -> str | None:
    match = _ADDRESS.fullmatch(field)
    return match[1] if match else None


def kind_of(field: str, types: Mapping[str, str]) -> Kind | None:
    """None for a field that there is not; `types` are the organization's attributes by name."""
    if address_of(field):
        return Kind.TEXT
    name = attribute_of(field)
    if name is None:
        return BUILT_IN.get(field)
    return _KINDS.get(types[name], Kind.TEXT) if name in types else None
