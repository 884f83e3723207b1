"""Statements over many rows, as each database takes them fastest. Table and column names are ours, never a file's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

Rows = Sequence[tuple[Any, ...]]
_TYPES = {
    "id": "bigint",
    "organization_id": "bigint",
    "contact_id": "bigint",
    "position": "integer",
    "attributes": "jsonb",
}


def many(connection: Connection, statement: str, rows: Rows) -> None:
    """Straight to SQLite's driver: SQLAlchemy's own work for each row would take longer than the row."""
    if rows:
        connection.exec_driver_sql(statement, list(rows))


def insertion(table: str, columns: Sequence[str]) -> str:
    """For SQLite's driver."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def moment(now: datetime) -> str:
    """As SQLite's bare driver takes it, and UtcDateTime reads it."""
    return now.replace(tzinfo=None).isoformat(" ", "microseconds")


def copy(connection: Connection, table: str, columns: str, lines: list[str], end: str) -> None:
    """Lines of COPY's text format to PostgreSQL, each completed with what all have in common."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copying:
        copying.write(end.join([*lines, ""]))


def joined(connection: Connection, statement: str, columns: Sequence[str], rows: Rows, **values: Any) -> None:
    """On PostgreSQL: the rows go over as one JSON value, which the statement joins as `{data}`."""
    if rows:
        types = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in columns)
        data = f"jsonb_to_recordset(CAST(:rows AS jsonb)) AS data({types})"
        items = json.dumps([dict(zip(columns, row, strict=True)) for row in rows])
        connection.execute(text(statement.format(data=data)), {"rows": items, **values})
