"""What a file changes of contacts who are in the list already, and the history of it.

Only what differs is written: of a file that comes every night most rows change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from app.db import among, insert_missing
from app.intake.chunks import escaped
from app.intake.columns import ADDRESS, as_json
from app.intake.mapping import FIELDS
from app.models import Address, Contact, ImportSeen
from app.services.importing import bulk
from app.services.masked import MASK

_ADDRESS_COLUMNS = ("organization_id", "contact_id", *ADDRESS, "disabled_code")
_LONGEST = 1000
# A new number starts usable; the same one stays switched off.
_REPLACE_ADDRESS = (
    " ON CONFLICT (contact_id, name) DO UPDATE SET "
    + ", ".join(
        f"{name} = excluded.{name}"
        for name in ("kind", "position", "value", "original", "country", "time_zones", "number_type")
    )
    + ", disabled_code = CASE WHEN address.value = excluded.value THEN address.disabled_code ELSE '' END"
)


@dataclass(frozen=True, slots=True)
class Target:
    """The list, and what the file says of a contact: the `PERSON` columns and the addresses' names."""

    organization_id: int
    contact_list_id: int
    fields: tuple[str, ...]
    address_names: tuple[str, ...]
    #: Leave who is known as they are.
    skip_known: bool = False
    run_id: int | None = None
    #: The program that hands contacts over, for their history.
    via: str = ""
    #: Keep who of the list is in the file (`ImportSeen`).
    remembers: bool = False
    #: Empty what the file has no column for.
    whole: bool = False
    #: Attributes whose values no history holds.
    private: frozenset[str] = frozenset()

    @property
    def replaced(self) -> tuple[str, ...]:
        """The fields that a row replaces."""
        return FIELDS if self.whole else self.fields


class Known(NamedTuple):
    """A contact of the list, with what a row may change; addresses are `ADDRESS` tuples by their names."""

    id: int
    deleted: bool
    fields: tuple[str, ...]
    attributes: Mapping[str, Any]
    addresses: dict[str, tuple[Any, ...]]


@dataclass(slots=True)
class Changes:
    """All that is to be written of a few hundred rows."""

    people: list[tuple[Any, ...]] = field(default_factory=list)
    #: Attributes and id of those whose fields stay.
    valued: list[tuple[Any, int]] = field(default_factory=list)
    #: Of those who were deleted.
    returning: list[tuple[Any, ...]] = field(default_factory=list)
    addresses: list[tuple[Any, ...]] = field(default_factory=list)
    emptied: list[tuple[int, str]] = field(default_factory=list)
    #: Contact, field, old and new.
    history: list[tuple[int, str, str, str]] = field(default_factory=list)


def look_up(session: Session, target: Target, external_ids: Sequence[str]) -> dict[str, Known]:
    """Those of them that the list holds, deleted ones too, by their external ids."""
    columns = [getattr(Contact, name) for name in target.replaced]
    rows = session.execute(
        select(Contact.external_id, Contact.id, Contact.deleted_at, Contact.attributes, *columns).where(
            Contact.contact_list_id == target.contact_list_id, among(session, Contact.external_id, external_ids)
        )
    )
    found = {row[0]: Known(row[1], row[2] is not None, tuple(row[4:]), row[3], {}) for row in rows}
    by_id = {known.id: known.addresses for known in found.values() if known.deleted or not target.skip_known}
    if by_id:
        wanted = select(Address.contact_id, *(getattr(Address, name) for name in ADDRESS))
        for contact_id, *address in session.execute(wanted.where(among(session, Address.contact_id, list(by_id)))):
            by_id[contact_id][address[1]] = tuple(address)
    return found


def remember(session: Session, target: Target, contact_ids: Iterable[int], refused_ids: Sequence[str]) -> None:
    """Who was in the file, rejected rows included: what is wrong with a row does not take its contact out."""
    ids = set(contact_ids)
    if refused_ids:
        mine = (Contact.contact_list_id == target.contact_list_id, among(session, Contact.external_id, refused_ids))
        ids.update(session.scalars(select(Contact.id).where(*mine)))
    if ids:
        rows = [{"import_run_id": target.run_id, "contact_id": contact_id} for contact_id in sorted(ids)]
        session.execute(insert_missing(session, ImportSeen), rows)


def begin_anew(session: Session, target: Target, contact_ids: Sequence[int], now: datetime) -> None:
    """Who was deleted comes back as somebody new; what was tried before stays known, for rules that count it."""
    empty = {name: "" for name in FIELDS if name not in target.replaced}
    anew = update(Contact).where(among(session, Contact.id, contact_ids))
    session.execute(anew.values(**empty, created_at=now))


def compare(
    target: Target, known: Known, person: Mapping[str, Any], addresses: Sequence[tuple[Any, ...]], changes: Changes
) -> bool:
    """Whether the row changes the contact; how is added to `changes`. An empty cell empties, what the file has no
    column for stays unless it is the whole truth, as it is of who was deleted."""
    given, whole = person["attributes"], target.whole or known.deleted
    attributes = given if whole else {**known.attributes, **given}
    values = tuple(person[name] for name in target.replaced)
    theirs = {address[1]: _in_its_place(known, address) for address in addresses}
    gone = [name for name in known.addresses if name not in theirs and (whole or name in target.address_names)]
    fresh = [address for name, address in theirs.items() if known.addresses.get(name) != address]
    notes = [*_differences(target, known, values, attributes), *_moved(known, fresh, gone)]
    if not (notes or fresh or gone or known.deleted):
        return False
    if known.deleted:
        notes.append(("deleted", "yes", ""))
    if known.deleted or values != known.fields:
        (changes.returning if known.deleted else changes.people).append((*values, attributes, known.id))
    else:
        changes.valued.append((attributes, known.id))
    changes.addresses += [(target.organization_id, known.id, *address, "") for address in fresh]
    changes.emptied += [(known.id, name) for name in gone]
    changes.history += [(known.id, *note) for note in notes]
    return True


def _in_its_place(known: Known, address: tuple[Any, ...]) -> tuple[Any, ...]:
    """A file says which address is which, and nothing of the order that somebody has given them."""
    kind, name, _, *others = address
    there = known.addresses.get(name)
    return address if there is None else (kind, name, there[2], *others)


def _differences(
    target: Target, known: Known, values: tuple[str, ...], attributes: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    if values != known.fields:
        for name, old, new in zip(target.replaced, known.fields, values, strict=True):
            if old != new:
                yield name, old, new
    if attributes != known.attributes:
        for name in {**known.attributes, **attributes}:
            held, given = known.attributes.get(name), attributes.get(name)
            if held == given:
                continue
            old, new = _text(held), _text(given)
            if old != new:
                yield name, *((MASK if each else "" for each in (old, new)) if name in target.private else (old, new))


def _moved(known: Known, fresh: Sequence[tuple[Any, ...]], gone: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for _, name, _, value, *_ in fresh:
        old = known.addresses[name][3] if name in known.addresses else ""
        if old != value:
            yield name, old, value
    for name in gone:
        yield name, known.addresses[name][3], ""


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def write_changes(session: Session, target: Target, changes: Changes, now: datetime) -> None:
    connection = session.connection()
    apply = _update_sqlite if connection.dialect.name == "sqlite" else _update_postgresql
    apply(connection, list(target.replaced), changes, now)
    if changes.history:
        _write_history(connection, target, changes.history, now)


def _write_history(
    connection: Connection, target: Target, history: Sequence[tuple[int, str, str, str]], now: datetime
) -> None:
    rows = [(key, name[:120], old[:_LONGEST], new[:_LONGEST]) for key, name, old, new in history]
    common = ("organization_id", "at", "import_run_id", "via")
    if connection.dialect.name == "sqlite":
        ends = (target.organization_id, bulk.moment(now), target.run_id, target.via)
        statement = bulk.insertion("contact_change", ("contact_id", "field", "old", "new", *common))
        bulk.many(connection, statement, [(*row, *ends) for row in rows])
        return
    lines = ["\t".join((str(key), *map(escaped, texts))) for key, *texts in rows]
    run = "\\N" if target.run_id is None else target.run_id
    end = f"\t{target.organization_id}\t{now.isoformat()}\t{run}\t{escaped(target.via)}\n"
    bulk.copy(connection, "contact_change", f"contact_id, field, old, new, {', '.join(common)}", lines, end)


def _update_sqlite(connection: Connection, fields: list[str], changes: Changes, now: datetime) -> None:
    columns = "".join(f"{name} = ?, " for name in fields)
    # Two of the indexes hang on `deleted_at`: they are written anew wherever it is named.
    for people, changed in (
        (changes.valued, ""),
        (changes.people, columns),
        (changes.returning, columns + "deleted_at = NULL, "),
    ):
        bulk.many(
            connection,
            f"UPDATE contact SET {changed}attributes = ?, updated_at = '{bulk.moment(now)}' WHERE id = ?",
            [(*values, as_json(attributes), known_id) for *values, attributes, known_id in people],
        )
    bulk.many(connection, bulk.insertion("address", _ADDRESS_COLUMNS) + _REPLACE_ADDRESS, changes.addresses)
    bulk.many(connection, "DELETE FROM address WHERE contact_id = ? AND name = ?", changes.emptied)


def _update_postgresql(connection: Connection, fields: list[str], changes: Changes, now: datetime) -> None:
    columns = "".join(f"{name} = data.{name}, " for name in fields)
    for names, people, changed in (
        ([], changes.valued, ""),
        (fields, [*changes.people, *changes.returning], columns + "deleted_at = NULL, "),
    ):
        bulk.joined(
            connection,
            f"UPDATE contact SET {changed}attributes = data.attributes, updated_at = :now "
            "FROM {data} WHERE contact.id = data.id",
            [*names, "attributes", "id"],
            people,
            now=now,
        )
    columns = ", ".join(_ADDRESS_COLUMNS)
    # The WHERE keeps ON CONFLICT from being read as part of a join.
    statement = f"INSERT INTO address ({columns}) SELECT {columns} FROM {{data}} WHERE true" + _REPLACE_ADDRESS
    bulk.joined(connection, statement, _ADDRESS_COLUMNS, changes.addresses)
    statement = (
        "DELETE FROM address USING {data} WHERE address.contact_id = data.contact_id AND address.name = data.name"
    )
    bulk.joined(connection, statement, ["contact_id", "name"], changes.emptied)
