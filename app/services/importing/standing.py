"""What the list has of the people in a chunk, in the words in which the file says it.

Of a file that comes every night most rows change nothing. For these one text is compared with another, which takes a
third of what it takes to read them; only the others are taken apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal, select
from sqlalchemy.orm import Session

from app.db import among
from app.intake.chunks import Chunk, unescaped
from app.intake.columns import ADDRESS, PERSON
from app.models import Address, Contact
from app.services.importing.changing import Known, Target, look_up

_CONTACT: Any = Contact.__table__
_ADDRESS: Any = Address.__table__
#: All of `PERSON` but the attributes, which come last.
_HEAD = PERSON[:-1]
_AT = {name: at for at, name in enumerate(_HEAD)}
_TABS = len(_HEAD) - 1
_TAB, _LINE = literal("\t"), "\n"

#: A contact, what the file has of the person by the names of `PERSON`, and the addresses.
Changed = tuple[Known, dict[str, Any], list[tuple[Any, ...]]]


class Stored(NamedTuple):
    """A contact as texts: the cells of `_HEAD` that a row replaces (others are empty), the attributes in JSON, and the
    `ADDRESS` cells of each address that the file has a column for."""

    external_id: str
    id: int
    deleted: bool
    head: str
    attributes: str
    addresses: str


class Again(NamedTuple):
    """A contact whom the list has, and the file's row and addresses as the chunk has them."""

    stored: Stored
    person: Any
    addresses: list[Any]


def standing(session: Session, target: Target, external_ids: Sequence[str]) -> dict[str, Stored]:
    """Those of them that the list holds, deleted ones too, by their external ids."""
    contact = _CONTACT.c
    said = {"external_id", *target.replaced}
    head = _joined([contact[name] if name in said else literal("") for name in _HEAD])
    cells = _joined([cast(_ADDRESS.c[name], Text) if name == "position" else _ADDRESS.c[name] for name in ADDRESS])
    theirs = _ADDRESS.c.contact_id == contact.id
    named = theirs if target.whole else and_(theirs, _ADDRESS.c.name.in_(target.address_names))
    addresses: Any = literal("")
    if not target.skip_known:
        addresses = select(func.aggregate_strings(cells, _LINE)).where(named).scalar_subquery()
    statement = select(
        contact.external_id, contact.id, contact.deleted_at.is_not(None), head, cast(contact.attributes, Text),
        func.coalesce(addresses, ""),
    )  # fmt: skip
    mine = contact.contact_list_id == target.contact_list_id
    rows = session.connection().execute(statement.where(mine, among(session, contact.external_id, external_ids)))
    return {row[0]: Stored._make(row) for row in rows.all()}


def _joined(columns: Sequence[ColumnElement[str]]) -> ColumnElement[str]:
    text = columns[0]
    for column in columns[1:]:
        text = text + _TAB + column
    return text


def split_known(chunk: Chunk, known: Mapping[str, Stored]) -> tuple[Chunk, list[Again]]:
    """The chunk without those who are known, and these."""
    if known.keys().isdisjoint(chunk.external_ids):
        return chunk, []
    addresses: list[list[Any]] = [[] for _ in chunk.people]
    for owner, address in zip(chunk.owners, chunk.addresses, strict=True):
        addresses[owner].append(address)
    people = zip(chunk.external_ids, chunk.people, addresses, strict=True)
    again = [Again(known[name], person, theirs) for name, person, theirs in people if name in known]
    if len(again) == len(chunk.people):
        return chunk._replace(external_ids=[], people=[], owners=[], addresses=[]), again
    return _without(chunk, {place for place, name in enumerate(chunk.external_ids) if name in known}), again


def _without(chunk: Chunk, gone: set[int]) -> Chunk:
    """`gone` are places among the people."""
    kept = [at for at, owner in enumerate(chunk.owners) if owner not in gone]
    left = [place for place in range(len(chunk.people)) if place not in gone]
    renumbered = {place: at for at, place in enumerate(left)}
    return chunk._replace(
        external_ids=[chunk.external_ids[place] for place in left],
        people=[chunk.people[place] for place in left],
        owners=[renumbered[chunk.owners[at]] for at in kept],
        addresses=[chunk.addresses[at] for at in kept],
    )


def differing(session: Session, target: Target, people: Iterable[Again]) -> list[Changed]:
    """Without those of whom the list has plainly what the file says. Addresses that do not differ are left out."""
    changed, asked = list[Changed](), dict[str, Again]()
    for again in people:
        stored = again.stored
        head, attributes, addresses = _words(again)
        if stored.deleted or head.count("\t") != _TABS:
            asked[stored.external_id] = again
            continue
        same = _same_lines(addresses, stored.addresses, len(again.addresses))
        if same and head == stored.head and attributes == stored.attributes:
            continue
        known = _known(target, stored, with_addresses=not same)
        if known is None:
            asked[stored.external_id] = again
            continue
        person = _person(again.person)
        if not (same and head == stored.head and _holds(target, known, person["attributes"])):
            changed.append((known, person, [] if same else list(map(_address, again.addresses))))
    if asked:
        for external_id, known in look_up(session, target, list(asked)).items():
            again = asked[external_id]
            changed.append((known, _person(again.person), list(map(_address, again.addresses))))
    return changed


def _words(again: Again) -> tuple[str, str, str]:
    """The file's row, in the order of `Stored`."""
    person = again.person
    if isinstance(person, str):
        head, _, attributes = person.rpartition("\t")
        lines = again.addresses
    else:
        head, attributes = "\t".join(person[1:-1]), person[-1]
        lines = ["\t".join(map(str, row[1:])) for row in again.addresses]
    return head, attributes, _LINE.join(sorted(lines))


def _same_lines(one: str, other: str, count: int) -> bool:
    """The one is sorted, the other nearly always. Where a cell held what stands between cells there would be more."""
    if one.count("\t") != count * (len(ADDRESS) - 1):
        return False
    return one == other or (len(one) == len(other) and one.split(_LINE) == sorted(other.split(_LINE)))


def _holds(target: Target, known: Known, given: Mapping[str, Any]) -> bool:
    """Whether the attributes are the same, however they are written."""
    return known.attributes == (given if target.whole else {**known.attributes, **given})


def _known(target: Target, stored: Stored, *, with_addresses: bool) -> Known | None:
    """None for one whose cells hold what stands between cells."""
    cells = stored.head.split("\t")
    lines = stored.addresses.split(_LINE) if with_addresses and stored.addresses else []
    rows = [line.split("\t") for line in lines]
    if len(cells) != len(_HEAD) or any(len(row) != len(ADDRESS) for row in rows):
        return None
    fields = tuple([cells[_AT[name]] for name in target.replaced])
    addresses = {name: (kind, name, int(position), *others) for kind, name, position, *others in rows}
    return Known(stored.id, False, fields, json.loads(stored.attributes), addresses)


def _person(row: Any) -> dict[str, Any]:
    """By the names of `PERSON`; the attributes are taken out of JSON."""
    cells = unescaped(row) if isinstance(row, str) else row[1:]
    person: dict[str, Any] = dict(zip(PERSON, cells, strict=True))
    person["attributes"] = json.loads(person["attributes"])
    return person


def _address(row: Any) -> tuple[Any, ...]:
    if not isinstance(row, str):
        return tuple(row[1:])
    kind, name, position, *others = unescaped(row)
    return (kind, name, int(position), *others)
