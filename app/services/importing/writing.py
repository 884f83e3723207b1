"""Write one chunk of prepared contacts: new ones are added, known ones (by external id) updated in place.

Statements are few and each takes the whole chunk, because this runs under SQLite's write lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine, func, insert, select, text
from sqlalchemy.orm import Session

from app.db import among
from app.models import Contact, ImportReject
from app.services.importing.rows import PreparedContact, Reject

_ROW_KEPT = 2000
_CONTACT_COLUMNS = (
    "id", "organization_id", "contact_list_id", "external_id", "first_name", "last_name", "language", "time_zone",
    "customer_id", "attributes", "last_completion_code", "created_at", "updated_at",
)  # fmt: skip
_ADDRESS_COLUMNS = (
    "organization_id", "contact_id", "kind", "name", "position", "value", "original", "country", "time_zones",
    "disabled_code",
)  # fmt: skip
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


@dataclass(frozen=True, slots=True)
class Target:
    organization_id: int
    contact_list_id: int


@dataclass(frozen=True, slots=True)
class Written:
    added: int
    updated: int


def write_contacts(session: Session, target: Target, contacts: Sequence[PreparedContact], now: datetime) -> Written:
    """Where an external id comes twice the later row counts, as an update of the earlier."""
    if not contacts:
        return Written(0, 0)
    last = {contact.external_id: contact for contact in contacts}
    known = _known(session, target, list(last))
    new = [contact for contact in last.values() if contact.external_id not in known]
    changed = [(known[contact.external_id], contact) for contact in last.values() if contact.external_id in known]
    if new:
        _add(session.connection(), target, new, now)
    if changed:
        _update(session.connection(), target, changed, now)
    return Written(len(new), len(contacts) - len(new))


def refresh_statistics(engine: Engine) -> None:
    """Tell PostgreSQL that the tables have grown: plans made while they were empty read them whole for every row."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE contact, address"))


def write_rejects(session: Session, run_id: int, rejects: Iterable[Reject]) -> None:
    rows = [
        {
            "import_run_id": run_id,
            "line": reject.line,
            "field": reject.field[:120],
            "reason": reject.reason[:500],
            # PostgreSQL keeps no NUL in text.
            "row": reject.text[:_ROW_KEPT].rstrip("\r\n").replace("\0", "\u2400"),
        }
        for reject in rejects
    ]
    if rows:
        session.execute(insert(ImportReject), rows)


def _known(session: Session, target: Target, external_ids: list[str]) -> dict[str, tuple[int, dict[str, Any]]]:
    """External id to (contact id, attributes), for those that the list holds already."""
    if session.get_bind().dialect.name == "postgresql":
        # Two imports into one list take turns, or both would add the same contact.
        session.execute(select(func.pg_advisory_xact_lock(target.contact_list_id)))
    rows = session.execute(
        select(Contact.external_id, Contact.id, Contact.attributes).where(
            Contact.contact_list_id == target.contact_list_id, among(session, Contact.external_id, external_ids)
        )
    )
    return {external_id: (contact_id, attributes) for external_id, contact_id, attributes in rows}


def _add(connection: Connection, target: Target, contacts: Sequence[PreparedContact], now: datetime) -> None:
    first = _reserve_ids(connection, len(contacts))
    moment, attributes = _adapters(connection, now)
    people, addresses = [], []
    for contact_id, contact in zip(first, contacts, strict=True):
        get = contact.fields.get
        people.append(
            (
                contact_id, target.organization_id, target.contact_list_id, contact.external_id,
                get("first_name", ""), get("last_name", ""), get("language", ""), get("time_zone", ""),
                get("customer_id", ""), attributes(contact.attributes), "", moment, moment,
            )
        )  # fmt: skip
        addresses += _address_rows(target, contact_id, contact)
    _bulk(connection, "contact", _CONTACT_COLUMNS, people)
    _bulk(connection, "address", _ADDRESS_COLUMNS, addresses)


def _address_rows(target: Target, contact_id: int, contact: PreparedContact) -> list[tuple[Any, ...]]:
    return [
        (
            target.organization_id, contact_id, address.kind, address.name, address.position, address.value,
            address.original, address.country, address.time_zones, "",
        )
        for address in contact.addresses
    ]  # fmt: skip


def _reserve_ids(connection: Connection, count: int) -> Sequence[int]:
    if connection.dialect.name == "sqlite":
        # The write lock is ours, so nobody else adds a contact before the commit.
        top = connection.scalar(select(func.coalesce(func.max(Contact.id), 0))) or 0
        return range(top + 1, top + 1 + count)
    sequence = text("SELECT nextval(pg_get_serial_sequence('contact', 'id')) FROM generate_series(1, :count)")
    return connection.scalars(sequence, {"count": count}).all()


def _adapters(connection: Connection, now: datetime) -> tuple[Any, Any]:
    """The moment, and a function for JSON, as the bare driver takes them (and UtcDateTime and JSON read them)."""
    if connection.dialect.name == "sqlite":
        return now.replace(tzinfo=None).isoformat(" ", "microseconds"), json.dumps
    return now, Jsonb


def _bulk(connection: Connection, table: str, columns: Sequence[str], rows: Rows) -> None:
    """The fastest way in that each driver has; table and column names are ours, never the file's."""
    if connection.dialect.name == "sqlite":
        _many(connection, _insert(table, columns), rows)
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _many(connection: Connection, statement: str, rows: Rows) -> None:
    """Straight to SQLite's driver: SQLAlchemy's own work for each row would take longer than the row."""
    if rows:
        connection.exec_driver_sql(statement, list(rows))


def _update(
    connection: Connection,
    target: Target,
    changed: Sequence[tuple[tuple[int, dict[str, Any]], PreparedContact]],
    now: datetime,
) -> None:
    """Columns that the file has replace what was there, an empty cell included; other values stay."""
    fields = list(changed[0][1].fields)
    people = [
        (*(contact.fields[name] for name in fields), {**attributes, **contact.attributes}, known_id)
        for (known_id, attributes), contact in changed
    ]
    addresses = [row for (known_id, _), contact in changed for row in _address_rows(target, known_id, contact)]
    emptied = [(known_id, name) for (known_id, _), contact in changed for name in contact.emptied]
    apply = _update_sqlite if connection.dialect.name == "sqlite" else _update_postgresql
    apply(connection, fields, people, addresses, emptied, now)


def _update_sqlite(
    connection: Connection, fields: list[str], people: Rows, addresses: Rows, emptied: Rows, now: datetime
) -> None:
    moment, as_json = _adapters(connection, now)
    columns = "".join(f"{name} = ?, " for name in fields)
    _many(
        connection,
        f"UPDATE contact SET {columns}attributes = ?, deleted_at = NULL, updated_at = '{moment}' WHERE id = ?",
        [(*values, as_json(attributes), known_id) for *values, attributes, known_id in people],
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
