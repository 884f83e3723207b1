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
from sqlalchemy import ColumnElement, Connection, bindparam, case, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import Address, Contact, ImportReject
from app.services.importing.rows import PreparedContact, Reject

_ROW_KEPT = 2000
_CONTACT_COLUMNS = (
    "id", "organization_id", "contact_list_id", "external_id", "first_name", "last_name", "language", "time_zone",
    "attributes", "last_completion_code", "created_at", "updated_at",
)  # fmt: skip
_ADDRESS_COLUMNS = (
    "organization_id", "contact_id", "kind", "name", "position", "value", "original", "country", "time_zones",
    "disabled_code",
)  # fmt: skip


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
        _update(session, target, changed, now)
    return Written(len(new), len(contacts) - len(new))


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
    if session.get_bind().dialect.name == "sqlite":
        wanted = select(func.json_each(json.dumps(external_ids)).table_valued("value").c.value)
        condition: ColumnElement[bool] = Contact.external_id.in_(wanted)
    else:
        # Two imports into one list take turns, or both would add the same contact.
        session.execute(select(func.pg_advisory_xact_lock(target.contact_list_id)))
        condition = Contact.external_id == func.any(literal(external_ids, postgresql.ARRAY(postgresql.TEXT)))
    rows = session.execute(
        select(Contact.external_id, Contact.id, Contact.attributes).where(
            Contact.contact_list_id == target.contact_list_id, condition
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
                attributes(contact.attributes), "", moment, moment,
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


def _bulk(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """The fastest way in that each driver has; table and column names are ours, never the file's."""
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(rows))  # noqa: S608
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _update(
    session: Session,
    target: Target,
    changed: Sequence[tuple[tuple[int, dict[str, Any]], PreparedContact]],
    now: datetime,
) -> None:
    """Columns that the file has replace what was there, an empty cell included; other values stay."""
    fields = list(changed[0][1].fields)
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in [*fields, "attributes"]}
    statement = update(Contact.__table__).where(Contact.__table__.c.id == bindparam("contact_id"))  # type: ignore[arg-type]
    session.connection().execute(
        statement.values(**values, deleted_at=None, updated_at=now),
        [
            {
                "contact_id": contact_id,
                "new_attributes": {**attributes, **contact.attributes},
                **{f"new_{name}": value for name, value in contact.fields.items()},
            }
            for (contact_id, attributes), contact in changed
        ],
    )
    rows = [
        dict(zip(_ADDRESS_COLUMNS, row, strict=True))
        for (contact_id, _), contact in changed
        for row in _address_rows(target, contact_id, contact)
    ]
    session.connection().execute(_upsert_address(session), rows)
    emptied = [
        {"of_contact": contact_id, "of_name": name} for (contact_id, _), contact in changed for name in contact.emptied
    ]
    if emptied:
        table = Address.__table__
        session.connection().execute(
            delete(table).where(  # type: ignore[arg-type]
                table.c.contact_id == bindparam("of_contact"), table.c.name == bindparam("of_name")
            ),
            emptied,
        )


def _upsert_address(session: Session) -> Any:
    table: Any = Address.__table__
    make: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = make(table)
    new = statement.excluded
    # A new number starts usable; the same one stays switched off.
    disabled_code = case((table.c.value == new.value, table.c.disabled_code), else_="")
    return statement.on_conflict_do_update(
        index_elements=["contact_id", "name"],
        set_={
            "kind": new.kind,
            "position": new.position,
            "value": new.value,
            "original": new.original,
            "country": new.country,
            "time_zones": new.time_zones,
            "disabled_code": disabled_code,
        },
    )
