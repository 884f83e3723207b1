"""A batch of records at a time, column by column, to what the database is given.

What is plainly right is taken here; a row with anything else goes through `rows.Preparer`, which alone refuses and
says why. Both ways give the same contacts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from app.core.phone import PLAIN, Numbering, reader_for
from app.core.terms import AddressKind, AttributeType
from app.intake.batches import Batch
from app.intake.reading import Record
from app.intake.rows import LONGEST, LONGEST_ATTRIBUTE, PreparedAddress, PreparedContact, Preparer, Reject
from common.errors import Refused

PERSON = ("external_id", "first_name", "last_name", "language", "time_zone", "customer_id", "attributes")
ADDRESS = ("kind", "name", "position", "value", "original", "country", "time_zones", "number_type")
_CHECKED_BY_TABLE = ("language", "time_zone")
_LOCAL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_PLAIN_ORIGINAL = 254
_JSON = json.JSONEncoder(ensure_ascii=False)
#: Values remembered of a column of few values, and of all columns of one file together.
_MOST_KNOWN = 10_000
_MOST_OF_ALL = 40_000

Person = tuple[str, str, str, str, str, str, str]
#: The place of its person among the people, then `ADDRESS`.
Address = tuple[int, str, str, int, str, str, str, str, str]
Doubts = set[int]


class Prepared(NamedTuple):
    """Contacts of one batch, each external id once, and what was refused. `rows` counts all of its records."""

    rows: int
    people: list[Person]
    addresses: list[Address]
    #: Rows whose id comes again in the batch, of which one counts.
    repeated: int
    rejects: list[Reject]
    #: The ids of those rejects that have one, and whether the last row of all has none.
    refused_ids: list[str]
    ends_unread: bool


class ColumnPreparer:
    """Does what `Preparer` does, for many rows at once."""

    def __init__(
        self,
        columns: Sequence[str],
        mapping: Mapping[str, str],
        types: Mapping[str, str],
        home_country: str,
        *,
        first_counts: bool = False,
        numbering: Numbering = PLAIN,
        as_jsonb: bool = False,
    ) -> None:
        """`first_counts`: of rows with one id the first is kept, not the last. `as_jsonb`: attributes in the order in
        which PostgreSQL's jsonb shows them, so that the texts of equal ones are equal."""
        self._first_counts = first_counts
        self._careful = Preparer(columns, mapping, types, home_country, numbering)
        self._doubt = numbering.doubt
        self._types = types
        self._phones = reader_for(home_country)
        self._known: dict[str, dict[str, str]] = {name: {"": ""} for name in _CHECKED_BY_TABLE}
        self._domains: set[str] = set()
        #: Of attributes other than text, by their names: values in JSON, so many of each.
        self._converted: dict[str, dict[str, str]] = {}
        self._most_converted = min(_MOST_KNOWN, _MOST_OF_ALL // max(len(self._careful.attributes), 1))
        if as_jsonb:
            self._careful.attributes.sort(key=lambda attribute: (len(attribute[1]), attribute[1]))
        names = [name for _, name, _ in self._careful.attributes]
        self._json = "{" + ", ".join(f'"{name}": %s' for name in names) + "}"

    def prepare(self, batch: Batch) -> Prepared:
        rejects = [Reject(bad.line, "", bad.reason, bad.text) for bad in batch.bad]
        last_bad = batch.bad[-1].line if batch.bad else 0
        if not batch.rows:
            return Prepared(len(batch), [], [], 0, rejects, [], bool(batch.bad))
        doubts: Doubts = set()
        cells = list(zip(*batch.rows, strict=True))
        people = self._people(cells, len(batch.rows), doubts)
        addresses = self._addresses(cells, len(batch.rows), doubts)
        kept, refused_ids = [True] * len(batch.rows), list[str]()
        for at in sorted(doubts):
            contact = self._careful.prepare(Record(batch.lines[at], batch.rows[at], batch.texts[at]))
            if isinstance(contact, Reject):
                rejects.append(contact)
                kept[at] = False
                if contact.field != self._careful.id_column:
                    refused_ids.append(people[0][at])
            else:
                self._put(at, contact, people, addresses)
        repeated = _drop_repeated(people[0], kept, first_counts=self._first_counts)
        persons: list[Person] = list(zip(*(compress(column, kept) for column in people), strict=True))
        rejects.sort(key=lambda reject: reject.line)
        ends_unread = last_bad > batch.lines[-1]
        return Prepared(len(batch), persons, _placed(addresses, kept), repeated, rejects, refused_ids, ends_unread)

    def _people(self, cells: Sequence[Sequence[str]], rows: int, doubts: Doubts) -> list[list[str]]:
        """The columns of `PERSON`."""
        columns = {name: [""] * rows for name in PERSON}
        columns["external_id"] = ids = _short(cells[self._careful.id], LONGEST["id"], doubts)
        if "" in ids:
            doubts.update(at for at, value in enumerate(ids) if not value)
        for index, name in self._careful.fields:
            if name in _CHECKED_BY_TABLE:
                columns[name] = _looked_up(cells[index], self._known[name], doubts)
            else:
                columns[name] = _short(cells[index], LONGEST[name], doubts)
        values = [self._attribute(cells[index], name, read, doubts) for index, name, read in self._careful.attributes]
        columns["attributes"] = [self._json % row for row in zip(*values, strict=True)] if values else ["{}"] * rows
        return [columns[name] for name in PERSON]

    def _attribute(self, cells: Sequence[str], name: str, read: Callable[[str], Any], doubts: Doubts) -> Sequence[str]:
        """The column in JSON."""
        values = [cell.strip() for cell in cells]
        if self._types.get(name, AttributeType.STRING) != AttributeType.STRING:
            known = self._converted.setdefault(name, {})
            return _converted(values, read, doubts, known, self._most_converted)
        joined = "".join(values)
        if not joined.isprintable() or max(map(len, values)) > LONGEST_ATTRIBUTE:
            doubts.update(at for at, v in enumerate(values) if not v.isprintable() or len(v) > LONGEST_ATTRIBUTE)
        if '"' in joined or "\\" in joined or not joined.isprintable():
            return [encode_basestring(value) if value else "null" for value in values]
        return [f'"{value}"' if value else "null" for value in values]

    def _addresses(self, cells: Sequence[Sequence[str]], rows: int, doubts: Doubts) -> list[list[Address | None]]:
        """Each column's addresses at their rows' places."""
        columns: list[list[Address | None]] = []
        for index, kind, name, position in self._careful.addresses:
            read = self._email if kind == AddressKind.EMAIL else self._phone
            columns.append(read(name, position, cells[index], doubts))
        if not all(map(any, zip(*columns, strict=True))):
            doubts.update(at for at, found in enumerate(zip(*columns, strict=True)) if not any(found))
        return columns

    def _phone(self, name: str, position: int, cells: Sequence[str], doubts: Doubts) -> list[Address | None]:
        find, column, kind = self._phones.find, list[Address | None](), AddressKind.PHONE.value
        doubt = self._doubt
        for at, cell in enumerate(cells):
            if not cell:
                column.append(None)
                continue
            found = find(cell)
            if found is not None and not found[1].refusal and not (doubt and doubt(found[0], found[1].country)):
                value, block = found
                column.append(
                    (at, kind, name, position, value, cell.strip(), block.country, block.zones_text, block.type)
                )
            else:
                column.append(None)
                doubts.add(at)
        return column

    def _email(self, name: str, position: int, cells: Sequence[str], doubts: Doubts) -> list[Address | None]:
        column, kind, domains = list[Address | None](), AddressKind.EMAIL.value, self._domains
        for at, cell in enumerate(cells):
            if not cell:
                column.append(None)
                continue
            original = cell.strip()
            value = original.lower()
            local, _, domain = value.rpartition("@")
            if domain in domains and len(original) <= _PLAIN_ORIGINAL and _LOCAL.fullmatch(local):
                column.append((at, kind, name, position, value, original, "", "", ""))
            else:
                column.append(None)
                doubts.add(at)
        return column

    def _put(
        self, at: int, contact: PreparedContact, people: list[list[str]], addresses: list[list[Address | None]]
    ) -> None:
        """Put what the careful way made of a row where the quick one has its own, and learn from it."""
        values = {**contact.fields, "external_id": contact.external_id, "attributes": as_json(contact.attributes)}
        for column, name in zip(people, PERSON, strict=True):
            column[at] = values.get(name, "")
        by_name = {address.name: address for address in contact.addresses}
        for places, (_, _, name, _) in zip(addresses, self._careful.addresses, strict=True):
            found = by_name.get(name)
            places[at] = (at, *_row(found)) if found else None
            if found and found.kind == AddressKind.EMAIL and len(self._domains) < _MOST_KNOWN:
                self._domains.add(found.value.rpartition("@")[2])
        for name, known in self._known.items():
            value = contact.fields.get(name, "")
            if value and len(known) < _MOST_KNOWN:
                known[value] = value


def as_json(value: Any) -> str:
    return _JSON.encode(value)


def _row(address: PreparedAddress) -> tuple[str, str, int, str, str, str, str, str]:
    return (
        address.kind, address.name, address.position, address.value, address.original, address.country,
        address.time_zones, address.number_type,
    )  # fmt: skip


def _short(cells: Sequence[str], longest: int, doubts: Doubts) -> list[str]:
    values = [cell.strip(" \t") for cell in cells]
    if not "".join(values).isprintable() or max(map(len, values)) > longest:
        doubts.update(at for at, value in enumerate(values) if not value.isprintable() or len(value) > longest)
    return values


def _looked_up(cells: Sequence[str], known: Mapping[str, str], doubts: Doubts) -> list[str]:
    doubts.update(at for at, cell in enumerate(cells) if cell not in known)
    return [known.get(cell, "") for cell in cells]


def _converted(
    values: Sequence[str], read: Callable[[str], Any], doubts: Doubts, known: dict[str, str], most: int
) -> list[str]:
    found = []
    for at, value in enumerate(values):
        text = known.get(value)
        if text is None:
            try:
                text = as_json(read(value)) if value else "null"
            except Refused:
                text = ""
                doubts.add(at)
            else:
                if len(known) < most:
                    known[value] = text
        found.append(text)
    return found


def _drop_repeated(ids: Sequence[str], kept: list[bool], *, first_counts: bool) -> int:
    """Keep one of the rows that have one id; how many were dropped."""
    if len(set(ids)) == len(ids):
        return 0
    seen, dropped = set[str](), 0
    for at in range(len(ids)) if first_counts else reversed(range(len(ids))):
        if kept[at] and ids[at] in seen:
            kept[at] = False
            dropped += 1
        elif kept[at]:
            seen.add(ids[at])
    return dropped


def _placed(columns: Iterable[list[Address | None]], kept: list[bool]) -> list[Address]:
    """All addresses, each with the place of its person among those that are kept."""
    if all(kept):
        return [address for column in columns for address in column if address]
    places, place = [], 0
    for keeps in kept:
        places.append(place)
        place += keeps
    return [
        (places[at], *address[1:]) for column in columns for at, address in enumerate(column) if address and kept[at]
    ]
