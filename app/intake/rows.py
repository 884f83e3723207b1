"""From a record of the file to a contact: typed, normalised, or rejected with field and reason. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from app.core.calendars import is_known_zone
from app.core.phone import PLAIN, Numbering, PhoneNumber
from app.core.terms import AddressKind, AttributeType
from app.intake.mapping import ADDRESS, FIELDS, ID
from app.intake.reading import Record
from common.clock import utcnow
from common.errors import Refused

_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+"
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?")
LONGEST = {ID: 120, "first_name": 120, "last_name": 120, "language": 16, "time_zone": 64, "customer_id": 120}
LONGEST_ATTRIBUTE = 1000
_TRUE = frozenset({"true", "yes", "y", "1"})
_FALSE = frozenset({"false", "no", "n", "0"})


class BadField(Refused):
    """A cell that cannot be taken."""


@dataclass(frozen=True, slots=True)
class PreparedAddress:
    kind: str
    name: str
    position: int
    value: str
    original: str
    country: str
    time_zones: str
    number_type: str = ""


@dataclass(frozen=True, slots=True)
class PreparedContact:
    """`fields` and `attributes` hold what the file has a column for; `emptied` names addresses whose cell is empty."""

    line: int
    text: str
    external_id: str
    fields: dict[str, str]
    attributes: dict[str, Any]
    addresses: tuple[PreparedAddress, ...]
    emptied: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reject:
    line: int
    field: str
    reason: str
    text: str


class Preparer:
    """Turns records into contacts by one mapping; `types` are the attributes' definitions."""

    def __init__(
        self,
        columns: Sequence[str],
        mapping: Mapping[str, str],
        types: Mapping[str, str],
        home_country: str,
        numbering: Numbering = PLAIN,
    ) -> None:
        self._columns = columns
        self._numbering = numbering
        self._now = utcnow()
        self._home_country = home_country
        self.id, self.id_column = -1, ""
        self.fields: list[tuple[int, str]] = []
        self.addresses: list[tuple[int, str, str, int]] = []
        self.attributes: list[tuple[int, str, Callable[[str], Any]]] = []
        for index, column in enumerate(columns):
            target = mapping.get(column, "")
            address = ADDRESS.fullmatch(target)
            if target == ID:
                self.id, self.id_column = index, column
            elif target in FIELDS:
                self.fields.append((index, target))
            elif address:
                self.addresses.append((index, address[1], target, int(address[2] or 1)))
            elif target:
                self.attributes.append((index, target, self._converter(types.get(target, AttributeType.STRING))))

    def prepare(self, record: Record) -> PreparedContact | Reject:
        index = self.id
        try:
            external_id = _short(record.cells[index], ID)
            if not external_id:
                raise BadField("is empty; every contact needs its id")
            fields = {}
            for index, name in self.fields:
                fields[name] = _field(name, record.cells[index])
            attributes = {}
            for index, name, convert in self.attributes:
                cell = record.cells[index].strip()
                attributes[name] = convert(cell) if cell else None
            addresses, emptied = [], []
            for index, kind, name, position in self.addresses:
                cell = record.cells[index]
                if cell.strip(" \t"):
                    addresses.append(self._address(kind, name, position, cell))
                else:
                    emptied.append(name)
        except Refused as error:
            return Reject(record.line, self._columns[index], str(error), record.text)
        if not addresses:
            return Reject(record.line, "", "has neither phone nor email", record.text)
        return PreparedContact(
            record.line, record.text, external_id, fields, attributes, tuple(addresses), tuple(emptied)
        )

    def _address(self, kind: str, name: str, position: int, cell: str) -> PreparedAddress:
        if kind == AddressKind.EMAIL:
            return PreparedAddress(kind, name, position, email(cell), cell.strip()[:254], "", "")
        number = self._number(cell)
        zones = ",".join(number.time_zones)
        return PreparedAddress(
            kind, name, position, number.e164, cell.strip()[:254], number.country, zones, number.type
        )

    def _converter(self, kind: str) -> Callable[[str], Any]:
        if kind == AttributeType.PHONE:
            return lambda cell: self._number(cell).e164
        return _CONVERTERS[AttributeType(kind)]

    def _number(self, cell: str) -> PhoneNumber:
        return self._numbering.read(cell, self._home_country, self._now)


def convert(kind: AttributeType, cell: str) -> Any:
    """A cell as a value of a type other than phone, which needs a country. Raise BadField."""
    return _CONVERTERS[kind](cell)


def email(cell: str) -> str:
    value = cell.strip().lower()
    if len(value) > 254 or not _EMAIL.fullmatch(value):
        raise BadField("is not an email address; write name@domain")
    return value


def text_of(target: str, cell: str) -> str:
    """A field that is neither id nor address, as a contact keeps it. Raise BadField."""
    return _field(target, cell)


def _short(cell: str, target: str) -> str:
    value = cell.strip(" \t")
    if _CONTROL.search(value):
        raise BadField("holds a line break or control character")
    if len(value) > LONGEST[target]:
        raise BadField(f"is longer than {LONGEST[target]} characters")
    return value


def _field(target: str, cell: str) -> str:
    value = _short(cell, target)
    if target == "time_zone" and value and not is_known_zone(value):
        raise BadField("is not a known time zone; write one such as America/New_York, or leave it empty")
    if target == "language" and value:
        if not _LANGUAGE.fullmatch(value):
            raise BadField("is not a language; write one such as en or es-US")
        value = value.replace("_", "-")
    return value


def _string(cell: str) -> str:
    if len(cell) > LONGEST_ATTRIBUTE:
        raise BadField(f"is longer than {LONGEST_ATTRIBUTE} characters")
    if _CONTROL.search(cell):
        raise BadField("holds a line break or control character")
    return cell


def _integer(cell: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", cell):
        raise BadField("is not a whole number; write digits only")
    return int(cell)


def _decimal(cell: str) -> str:
    """Kept as text: exact, with the digits that were written."""
    if not _DECIMAL.fullmatch(cell):
        raise BadField("is not a number; write it such as 1234.50, without thousands signs")
    return cell.removeprefix("+")


def _boolean(cell: str) -> bool:
    if cell.lower() in _TRUE | _FALSE:
        return cell.lower() in _TRUE
    raise BadField("is neither true nor false; write true, false, yes, no, 1 or 0")


def _date(cell: str) -> str:
    try:
        if len(cell) != 10:
            raise ValueError
        return date.fromisoformat(cell).isoformat()
    except ValueError:
        raise BadField("is not a date; write year-month-day, such as 2026-03-31") from None


def _datetime(cell: str) -> str:
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise BadField("is not a date and time; write it such as 2026-03-31T14:30:00-05:00") from None
    if moment.tzinfo is None:
        raise BadField("says no time zone; add an offset such as -05:00, or Z")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _sip(_cell: str) -> str:
    raise BadField("SIP addresses come from administrators only, on the contact's page; leave the column out")


_CONVERTERS: Mapping[AttributeType, Callable[[str], Any]] = {
    AttributeType.STRING: _string,
    AttributeType.INTEGER: _integer,
    AttributeType.DECIMAL: _decimal,
    AttributeType.BOOLEAN: _boolean,
    AttributeType.DATE: _date,
    AttributeType.DATETIME: _datetime,
    AttributeType.EMAIL: email,
    AttributeType.SIP: _sip,
}
