"""Write chunks of prepared contacts: new ones are added, known ones (by external id) updated in place.

Statements are few and each takes the whole chunk, because this runs under SQLite's write lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, text
from sqlalchemy.orm import Session

from app.db import among
from app.models import Contact, ImportReject
from app.services.importing.chunks import Chunk, unescaped
from app.services.importing.columns import ADDRESS, PERSON

_ROW_KEPT = 2000
_ADDRESS_COLUMNS = ("organization_id", "contact_id", *ADDRESS, "disabled_code")
# A new number starts usable; the same one stays switched off.
_REPLACE_ADDRESS = (
    " ON CONFLICT (contact_id, name) DO UPDATE SET "
    + ", ".join(
        f"{name} = excluded.{name}" for name in ("kind", "position", "value", "original", "country", "time_zones")
    )
    + ", disabled_code = CASE WHEN address.value = excluded.value THEN address.disabled_code ELSE '' END"
)
_TYPES = {
    "id": "bigint",
    "organization_id": "bigint",
    "contact_id": "bigint",
    "position": "integer",
    "attributes": "jsonb",
}
Rows = Sequence[tuple[Any, ...]]
#: Contact id and attributes of somebody who is in the list.
Known = tuple[int, dict[str, Any]]
#: Who is known, what the file has of the person, and the addresses.
Changed = tuple[Known, dict[str, str], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Target:
    """The list, and what the file says of a contact: the `PERSON` columns and the addresses' names."""

    organization_id: int
    contact_list_id: int
    fields: tuple[str, ...]
    address_names: tuple[str, ...]
    #: Leave who is known as they are.
    skip_known: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    added: int
    updated: int
    skipped: int = 0


def write_contacts(session: Session, target: Target, chunks: Sequence[Chunk], now: datetime) -> Written:
    """Where an external id comes twice the later row counts, as an update of the earlier: no two of the chunks may
    hold one id. With `skip_known` the earlier counts and nobody is changed."""
    connection = session.connection()
    known = _known(session, target, [name for chunk in chunks for name in chunk.external_ids])
    again = sum(chunk.repeated for chunk in chunks)
    if known:
        split = [_split(chunk, known) for chunk in chunks]
        chunks = [new for new, _ in split]
        changed = [change for _, changes in split for change in changes]
        again += len(changed)
        if not target.skip_known:
            _update(connection, target, changed, now)
    added = sum(len(chunk.people) for chunk in chunks)
    if added:
        add = _add_sqlite if connection.dialect.name == "sqlite" else _add_postgresql
        add(connection, target, chunks, now)
    return Written(added, 0, again) if target.skip_known else Written(added, again)


def refresh_statistics(engine: Engine) -> None:
    """Tell PostgreSQL that the tables have grown: plans made while they were empty read them whole for every row."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE contact, address"))


def write_rejects(session: Session, run_id: int, rejects: Iterable[tuple[int, str, str, str]]) -> None:
    """Line, field, reason and the row as it was."""
    rows = [
        {
            "import_run_id": run_id,
            "line": line,
            "field": field[:120],
            "reason": reason[:500],
            # PostgreSQL keeps no NUL in text.
            "row": row[:_ROW_KEPT].rstrip("\r\n").replace("\0", "\u2400"),
        }
        for line, field, reason, row in rejects
    ]
    if rows:
        session.execute(insert(ImportReject), rows)


def _known(session: Session, target: Target, external_ids: list[str]) -> dict[str, Known]:
    """External id to (contact id, attributes), for those that the list holds already."""
    rows = session.execute(
        select(Contact.external_id, Contact.id, Contact.attributes).where(
            Contact.contact_list_id == target.contact_list_id, among(session, Contact.external_id, external_ids)
        )
    )
    return {external_id: (contact_id, attributes) for external_id, contact_id, attributes in rows}


def _split(chunk: Chunk, known: Mapping[str, Known]) -> tuple[Chunk, list[Changed]]:
    """The chunk without those who are known, and these."""
    places = [place for place, name in enumerate(chunk.external_ids) if name in known]
    if not places:
        return chunk, []
    addresses: dict[int, list[tuple[Any, ...]]] = {place: [] for place in places}
    kept = []
    for at, owner in enumerate(chunk.owners):
        if owner in addresses:
            addresses[owner].append(_address(chunk.addresses[at]))
        else:
            kept.append(at)
    changed = [(known[chunk.external_ids[place]], _person(chunk.people[place]), addresses[place]) for place in places]
    gone = set(places)
    renumbered = {place: at for at, place in enumerate(set(range(len(chunk.people))) - gone)}
    new = chunk._replace(
        external_ids=[name for name in chunk.external_ids if name not in known],
        people=[person for place, person in enumerate(chunk.people) if place not in gone],
        owners=[renumbered[chunk.owners[at]] for at in kept],
        addresses=[chunk.addresses[at] for at in kept],
    )
    return new, changed


def _person(row: Any) -> dict[str, str]:
    """By the names of `PERSON`."""
    cells = unescaped(row) if isinstance(row, str) else row[1:]
    return dict(zip(PERSON, cells, strict=True))


def _address(row: Any) -> tuple[Any, ...]:
    if not isinstance(row, str):
        return tuple(row[1:])
    kind, name, position, *others = unescaped(row)
    return (kind, name, int(position), *others)


def _add_sqlite(connection: Connection, target: Target, chunks: Sequence[Chunk], now: datetime) -> None:
    """The ids are counted by SQLite itself, from the first of the chunk on."""
    moment, organization = _moment(now), target.organization_id
    # The write lock is ours, so nobody else adds a contact before the commit.
    top = connection.scalar(select(func.coalesce(func.max(Contact.id), 0))) or 0
    for chunk in chunks:
        _many(
            connection,
            f"INSERT INTO contact (id, organization_id, contact_list_id, {', '.join(PERSON)}, last_completion_code,"
            f" created_at, updated_at) VALUES ({top + 1} + ?, {organization}, {target.contact_list_id},"
            f" {', '.join('?' * len(PERSON))}, '', '{moment}', '{moment}')",
            chunk.people,
        )
        _many(
            connection,
            f"INSERT INTO address (organization_id, contact_id, {', '.join(ADDRESS)}, disabled_code)"
            f" VALUES ({organization}, {top + 1} + ?, {', '.join('?' * len(ADDRESS))}, '')",
            chunk.addresses,
        )
        top += max((person[0] for person in chunk.people), default=-1) + 1


def _add_postgresql(connection: Connection, target: Target, chunks: Sequence[Chunk], now: datetime) -> None:
    ids = _reserve_ids(connection, sum(len(chunk.people) for chunk in chunks))
    driver: Any = connection.connection.driver_connection
    moment, organization = now.isoformat(), target.organization_id
    people, addresses, first = [], [], 0
    for chunk in chunks:
        people += [f"{number}\t{line}" for number, line in zip(ids[first:], chunk.people, strict=False)]
        addresses += [
            f"{ids[first + owner]}\t{line}" for owner, line in zip(chunk.owners, chunk.addresses, strict=True)
        ]
        first += len(chunk.people)
    columns = f"id, {', '.join(PERSON)}, organization_id, contact_list_id, last_completion_code, created_at, updated_at"
    _copy(driver, "contact", columns, people, f"\t{organization}\t{target.contact_list_id}\t\t{moment}\t{moment}\n")
    columns = f"contact_id, {', '.join(ADDRESS)}, organization_id, disabled_code"
    _copy(driver, "address", columns, addresses, f"\t{organization}\t\n")


def _copy(driver: Any, table: str, columns: str, lines: list[str], end: str) -> None:
    """Each line is completed with what all have in common; table and column names are ours, never the file's."""
    lines.append("")
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        copy.write(end.join(lines))


def _reserve_ids(connection: Connection, count: int) -> Sequence[int]:
    sequence = text("SELECT nextval(pg_get_serial_sequence('contact', 'id')) FROM generate_series(1, :count)")
    return connection.scalars(sequence, {"count": count}).all()


def _moment(now: datetime) -> str:
    """As SQLite's bare driver takes it, and UtcDateTime reads it."""
    return now.replace(tzinfo=None).isoformat(" ", "microseconds")


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _many(connection: Connection, statement: str, rows: Rows) -> None:
    """Straight to SQLite's driver: SQLAlchemy's own work for each row would take longer than the row."""
    if rows:
        connection.exec_driver_sql(statement, list(rows))


def _update(connection: Connection, target: Target, changed: Sequence[Changed], now: datetime) -> None:
    """Columns that the file has replace what was there, an empty cell included; other values stay."""
    people, addresses, emptied = [], [], []
    for (known_id, attributes), person, theirs in changed:
        merged = {**attributes, **json.loads(person["attributes"])}
        people.append((*(person[name] for name in target.fields), merged, known_id))
        addresses += [(target.organization_id, known_id, *address, "") for address in theirs]
        names = {address[1] for address in theirs}
        emptied += [(known_id, name) for name in target.address_names if name not in names]
    apply = _update_sqlite if connection.dialect.name == "sqlite" else _update_postgresql
    apply(connection, list(target.fields), people, addresses, emptied, now)


def _update_sqlite(
    connection: Connection, fields: list[str], people: Rows, addresses: Rows, emptied: Rows, now: datetime
) -> None:
    columns = "".join(f"{name} = ?, " for name in fields)
    _many(
        connection,
        f"UPDATE contact SET {columns}attributes = ?, deleted_at = NULL, updated_at = '{_moment(now)}' WHERE id = ?",
        [(*values, json.dumps(attributes), known_id) for *values, attributes, known_id in people],
    )
    _many(connection, _insert("address", _ADDRESS_COLUMNS) + _REPLACE_ADDRESS, addresses)
    _many(connection, "DELETE FROM address WHERE contact_id = ? AND name = ?", emptied)


def _update_postgresql(
    connection: Connection, fields: list[str], people: Rows, addresses: Rows, emptied: Rows, now: datetime
) -> None:
    """One statement for each table: the rows go over as one JSON value and are joined."""
    columns = "".join(f"{name} = data.{name}, " for name in fields)
    _joined(
        connection,
        f"UPDATE contact SET {columns}attributes = data.attributes, deleted_at = NULL, updated_at = :now "
        "FROM {data} WHERE contact.id = data.id",
        [*fields, "attributes", "id"],
        people,
        now=now,
    )
    names = ", ".join(_ADDRESS_COLUMNS)
    # The WHERE keeps ON CONFLICT from being read as part of a join.
    statement = f"INSERT INTO address ({names}) SELECT {names} FROM {{data}} WHERE true" + _REPLACE_ADDRESS
    _joined(connection, statement, _ADDRESS_COLUMNS, addresses)
    statement = (
        "DELETE FROM address USING {data} WHERE address.contact_id = data.contact_id AND address.name = data.name"
    )
    _joined(connection, statement, ["contact_id", "name"], emptied)


def _joined(connection: Connection, statement: str, columns: Sequence[str], rows: Rows, **values: Any) -> None:
    if rows:
        types = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in columns)
        data = f"jsonb_to_recordset(CAST(:rows AS jsonb)) AS data({types})"
        items = json.dumps([dict(zip(columns, row, strict=True)) for row in rows])
        connection.execute(text(statement.format(data=data)), {"rows": items, **values})
