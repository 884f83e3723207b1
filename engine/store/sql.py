"""The SQL adapter: what SQLite and PostgreSQL share. Batches go to the driver as they are, without the ORM.

Statements are written with literal states, so that the partial indexes of `job_contact` and `attempt` match.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Protocol

import orjson
import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from app.db import write_transaction
from app.models import Attempt, AttemptState
from app.services.dnc import opt_out_after
from engine.store.base import (
    EVERYTHING,
    Claimed,
    FinishedAttempt,
    NewAttempt,
    Parked,
    Progress,
    Share,
    Unfinished,
)
from engine.store.connections import Connections, Cursor, as_remote

CLAIMED = "id, job_id, organization_id, contact_id, attempt_count, strategy_state, last_code"
ATTEMPT = (
    "id, organization_id, job_id, job_contact_id, contact_id, address_id, number, channel, action, address, sender, "
    "owner, media_server, boot_id, digest, dialled, started_at"
)
#: Columns of a new attempt that the database would not fill in by itself.
ATTEMPT_CONSTANTS = "state, completion_code, disposition, reason, nuisance, provider_id"
ATTEMPT_CONSTANT_VALUES = "'in_progress', 'ATTEMPT_IN_PROGRESS', '', '', {false}, ''"
#: Of a claimed row: `due_at`, `id`.
_DUE_TIME = itemgetter(7, 0)


class Dialect(Protocol):
    """What differs: placeholders, values, and the statements that carry the load."""

    def placeholders(self, statement: str) -> str:
        """From `?` to the driver's."""
        ...

    def moment(self, value: datetime | None) -> Any: ...

    def claim(self, cursor: Cursor, limit: int, share: Share, values: Sequence[Any]) -> list[Any]: ...

    def begin(self, cursor: Cursor, attempts: Sequence[NewAttempt], now: datetime) -> set[str]: ...

    def finish(self, cursor: Cursor, finished: Sequence[FinishedAttempt], now: datetime) -> None: ...

    def park(self, cursor: Cursor, owner: str, parked: Sequence[Parked], now: datetime) -> None: ...


class SqlStore:
    """`AttemptStore` over the database. Raises RemoteError, `permanent` where values do not fit the tables."""

    def __init__(self, engine: Engine) -> None:
        from engine.store.postgresql import PostgresDialect
        from engine.store.sqlite import SqliteDialect

        self._engine = engine
        self._connections = Connections(engine)
        self._dialect: Dialect = PostgresDialect() if engine.dialect.name == "postgresql" else SqliteDialect()

    def close(self) -> None:
        self._connections.close()

    def claim(
        self, job_id: int, owner: str, now: datetime, until: datetime, limit: int, share: Share = EVERYTHING
    ) -> list[Claimed]:
        moment = self._dialect.moment
        values = (job_id, moment(now), owner, moment(until), moment(now))
        with self._connections.statement() as cursor:
            rows = self._dialect.claim(cursor, limit, share, values)
        # RETURNING keeps no order; the longest due was leased first all the same.
        rows.sort(key=_DUE_TIME)
        return [Claimed(row[0], row[1], row[2], row[3], row[4], from_json(row[5]), row[6]) for row in rows]

    def begin(self, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
        if not attempts:
            return set()
        with self._connections.statement() as cursor:
            return self._dialect.begin(cursor, attempts, now)

    def progress(self, steps: Sequence[Progress]) -> None:
        if not steps:
            return
        statement = self._dialect.placeholders(
            "UPDATE attempt SET ringing_at = coalesce(?, ringing_at), answered_at = coalesce(?, answered_at)"
            " WHERE id = ? AND state = 'in_progress'"
        )
        moment = self._dialect.moment
        rows = [(moment(step.ringing_at), moment(step.answered_at), step.attempt_id) for step in steps]
        with self._connections.transaction() as cursor:
            cursor.executemany(statement, rows)

    def finish(self, finished: Sequence[FinishedAttempt], now: datetime) -> None:
        staying = [item for item in finished if not item.opts_out]
        if staying:
            with self._connections.statement() as cursor:
                self._dialect.finish(cursor, staying, now)
        for item in finished:
            if item.opts_out:
                self._finish_with_opt_out(item, now)

    def _finish_with_opt_out(self, item: FinishedAttempt, now: datetime) -> None:
        """The outcome and the do-not-call entries in one transaction."""
        try:
            with write_transaction(self._engine) as session:
                attempt = session.get(Attempt, item.attempt_id, with_for_update=True)
                if attempt is not None and attempt.state == AttemptState.IN_PROGRESS:
                    opt_out_after(session, attempt)
                cursor: Any = session.connection().connection.cursor()
                self._dialect.finish(cursor, [item], now)
        except DBAPIError as error:
            raise as_remote(error.orig or error) from error
        except (sqlite3.Error, psycopg.Error) as error:
            raise as_remote(error) from error

    def park(self, owner: str, parked: Sequence[Parked], now: datetime) -> None:
        if parked:
            with self._connections.statement() as cursor:
                self._dialect.park(cursor, owner, parked, now)

    def release(self, owner: str, job_contact_ids: Collection[int] | None = None) -> int:
        if job_contact_ids is not None and not job_contact_ids:
            return 0
        named = "" if job_contact_ids is None else f" AND id IN ({_marks(job_contact_ids)})"
        statement = (
            "UPDATE job_contact SET state = 'ready', lease_owner = '', lease_until = NULL"
            f" WHERE state = 'leased' AND lease_owner = ?{named}"
        )
        return self._change(statement, (owner, *(job_contact_ids or ())))

    def reap(self, now: datetime, dead_owners: Collection[str] = (), limit: int = 1000) -> int:
        over = f"(lease_until < ? OR lease_owner IN ({_marks(dead_owners)}))"
        statement = (
            "UPDATE job_contact SET state = 'ready', lease_owner = '', lease_until = NULL WHERE id IN"
            f" (SELECT id FROM job_contact WHERE state = 'leased' AND {over} ORDER BY lease_until LIMIT ?)"
            f" AND state = 'leased' AND {over}"
        )
        values = (self._dialect.moment(now), *dead_owners)
        return self._change(statement, (*values, limit, *values))

    def owners(self) -> set[str]:
        with self._connections.transaction() as cursor:
            cursor.execute("SELECT DISTINCT lease_owner FROM job_contact WHERE state = 'leased'")
            owners = {row[0] for row in cursor.fetchall()}
            cursor.execute("SELECT DISTINCT owner FROM attempt WHERE state = 'in_progress'")
            return owners | {row[0] for row in cursor.fetchall()}

    def adopt(self, dead_owners: Collection[str], owner: str, limit: int = 200) -> list[Unfinished]:
        if not dead_owners:
            return []
        orphans = (
            f"SELECT id FROM attempt WHERE state = 'in_progress' AND owner IN ({_marks(dead_owners)})"
            " ORDER BY owner, id LIMIT ?"
        )
        taking = (
            f"UPDATE attempt SET owner = ? WHERE id IN ({orphans}) AND state = 'in_progress'"
            f" AND owner IN ({_marks(dead_owners)}) RETURNING id"
        )
        columns = ", ".join(f"a.{name}" for name in ATTEMPT.split(", "))
        reading = (
            f"SELECT {columns}, j.strategy_state FROM attempt a JOIN job_contact j ON j.id = a.job_contact_id"
            " WHERE a.id = ?"
        )
        placed = self._dialect.placeholders
        found = []
        with self._connections.transaction() as cursor:
            cursor.execute(placed(taking), (owner, *dead_owners, limit, *dead_owners))
            for (key,) in sorted(cursor.fetchall()):
                cursor.execute(placed(reading), (key,))
                found += cursor.fetchall()
        return [_unfinished(row) for row in found]

    def _change(self, statement: str, values: Sequence[Any]) -> int:
        with self._connections.statement() as cursor:
            cursor.execute(self._dialect.placeholders(statement), values)
            return cursor.rowcount


def _marks(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values)) or "NULL"


def _unfinished(row: Sequence[Any]) -> Unfinished:
    values = dict(zip(ATTEMPT.split(", "), row, strict=False))
    values["started_at"] = aware(values["started_at"])
    return Unfinished(NewAttempt(**values), from_json(row[-1]))


def to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def from_json(value: Any) -> Mapping[str, Any]:
    """What the driver gave for a JSON column: text on SQLite, a dict on PostgreSQL."""
    if value == "{}":
        return {}
    decoded: Mapping[str, Any] = orjson.loads(value) if isinstance(value, str | bytes) else value
    return decoded or {}


def aware(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    assert isinstance(moment, datetime)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
