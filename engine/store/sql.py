"""The SQL adapter: what SQLite and PostgreSQL share. Batches go to the driver as they are, without the ORM.

Statements are written with `?` and literal states, so that the partial indexes of `job_contact` and `attempt` match.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from sqlalchemy import Connection, Engine

from app.db import writer
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

CLAIMED = "id, job_id, organization_id, contact_id, attempt_count, strategy_state, last_code"
ATTEMPT = (
    "id, organization_id, job_id, job_contact_id, contact_id, address_id, number, channel, action, address, sender, "
    "owner, started_at, media_server, boot_id"
)
#: Columns of a new attempt that the database would not fill in by itself.
ATTEMPT_CONSTANTS = "state, completion_code, disposition, reason, nuisance, provider_id"
ATTEMPT_CONSTANT_VALUES = "'in_progress', 'ATTEMPT_IN_PROGRESS', '', '', {false}, ''"


class Dialect(Protocol):
    """What differs: placeholders, values, and the statements that carry the load."""

    def placeholders(self, statement: str) -> str: ...

    def moment(self, value: datetime | None) -> Any: ...

    def claim(self, connection: Connection, limit: int, share: Share, values: Sequence[Any]) -> list[Any]: ...

    def begin(self, connection: Connection, attempts: Sequence[NewAttempt], now: datetime) -> set[str]: ...

    def finish(self, connection: Connection, finished: Sequence[FinishedAttempt], now: datetime) -> None: ...

    def park(self, connection: Connection, owner: str, parked: Sequence[Parked], now: datetime) -> None: ...


class SqlStore:
    """`AttemptStore` over the database."""

    def __init__(self, engine: Engine) -> None:
        from engine.store.postgresql import PostgresDialect
        from engine.store.sqlite import SqliteDialect

        self._engine = engine
        self._writer = writer(engine)
        self._dialect: Dialect = PostgresDialect() if engine.dialect.name == "postgresql" else SqliteDialect()

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._writer.begin()

    def claim(
        self, job_id: int, owner: str, now: datetime, until: datetime, limit: int, share: Share = EVERYTHING
    ) -> list[Claimed]:
        moment = self._dialect.moment
        values = (job_id, moment(now), owner, moment(until), moment(now))
        with self._writing() as connection:
            rows = self._dialect.claim(connection, limit, share, values)
        # RETURNING keeps no order; the longest due was leased first all the same.
        return [
            Claimed(row[0], row[1], row[2], row[3], row[4], from_json(row[5]), row[6])
            for row in sorted(rows, key=lambda row: (row[7], row[0]))
        ]

    def begin(self, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
        if not attempts:
            return set()
        with self._writing() as connection:
            return self._dialect.begin(connection, attempts, now)

    def progress(self, steps: Sequence[Progress]) -> None:
        if not steps:
            return
        statement = self._dialect.placeholders(
            "UPDATE attempt SET ringing_at = coalesce(?, ringing_at), answered_at = coalesce(?, answered_at)"
            " WHERE id = ? AND state = 'in_progress'"
        )
        moment = self._dialect.moment
        rows = [(moment(step.ringing_at), moment(step.answered_at), step.attempt_id) for step in steps]
        with self._writing() as connection:
            connection.exec_driver_sql(statement, rows)

    def finish(self, finished: Sequence[FinishedAttempt], now: datetime) -> None:
        if not finished:
            return
        with self._writing() as connection:
            self._dialect.finish(connection, finished, now)
            self._keep_traces(connection, finished)

    def _keep_traces(self, connection: Connection, finished: Sequence[FinishedAttempt]) -> None:
        rows = [(item.attempt_id, to_json(list(item.outcome.trace))) for item in finished if item.outcome.trace]
        if rows:
            statement = "INSERT INTO attempt_trace (attempt_id, steps) VALUES (?, ?) ON CONFLICT DO NOTHING"
            connection.exec_driver_sql(self._dialect.placeholders(statement), rows)

    def park(self, owner: str, parked: Sequence[Parked], now: datetime) -> None:
        if parked:
            with self._writing() as connection:
                self._dialect.park(connection, owner, parked, now)

    def release(self, owner: str, job_contact_ids: Collection[int] | None = None) -> int:
        statement = (
            "UPDATE job_contact SET state = 'ready', lease_owner = '', lease_until = NULL"
            " WHERE state = 'leased' AND lease_owner = ?"
        )
        with self._writing() as connection:
            if job_contact_ids is None:
                return connection.exec_driver_sql(self._dialect.placeholders(statement), (owner,)).rowcount
            if not job_contact_ids:
                return 0
            statement = self._dialect.placeholders(f"{statement} AND id = ?")
            return connection.exec_driver_sql(statement, [(owner, key) for key in sorted(job_contact_ids)]).rowcount

    def reap(self, now: datetime, dead_owners: Collection[str] = (), limit: int = 1000) -> int:
        over = f"(lease_until < ? OR lease_owner IN ({_marks(dead_owners)}))"
        statement = (
            "UPDATE job_contact SET state = 'ready', lease_owner = '', lease_until = NULL WHERE id IN"  # noqa: S608
            f" (SELECT id FROM job_contact WHERE state = 'leased' AND {over} ORDER BY lease_until LIMIT ?)"
            f" AND state = 'leased' AND {over}"
        )
        values = (self._dialect.moment(now), *dead_owners)
        with self._writing() as connection:
            filled = (*values, limit, *values)
            return connection.exec_driver_sql(self._dialect.placeholders(statement), filled).rowcount

    def owners(self) -> set[str]:
        with self._engine.connect() as connection:
            holding = connection.exec_driver_sql("SELECT DISTINCT lease_owner FROM job_contact WHERE state = 'leased'")
            owners = set(holding.scalars())
            busy = connection.exec_driver_sql("SELECT DISTINCT owner FROM attempt WHERE state = 'in_progress'")
            return owners | set(busy.scalars())

    def adopt(self, dead_owners: Collection[str], owner: str, limit: int = 200) -> list[Unfinished]:
        if not dead_owners:
            return []
        orphans = (
            f"SELECT id FROM attempt WHERE state = 'in_progress' AND owner IN ({_marks(dead_owners)})"  # noqa: S608
            " ORDER BY owner, id LIMIT ?"
        )
        taking = (
            f"UPDATE attempt SET owner = ? WHERE id IN ({orphans}) AND state = 'in_progress'"  # noqa: S608
            f" AND owner IN ({_marks(dead_owners)}) RETURNING id"
        )
        columns = ", ".join(f"a.{name}" for name in ATTEMPT.split(", "))
        reading = (
            f"SELECT {columns}, j.strategy_state FROM attempt a JOIN job_contact j ON j.id = a.job_contact_id"  # noqa: S608
            " WHERE a.id = ?"
        )
        values = (owner, *dead_owners, limit, *dead_owners)
        with self._writing() as connection:
            taken = connection.exec_driver_sql(self._dialect.placeholders(taking), values).scalars().all()
            statement = self._dialect.placeholders(reading)
            rows = [connection.exec_driver_sql(statement, (key,)).one() for key in sorted(taken)]
        return [_unfinished(row) for row in rows]


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values)) or "NULL"


def _unfinished(row: Sequence[Any]) -> Unfinished:
    values = dict(zip(ATTEMPT.split(", "), row, strict=False))
    values["started_at"] = aware(values["started_at"])
    return Unfinished(NewAttempt(**values), from_json(row[-1]))


def attempt_values(attempt: NewAttempt, started_at: Any) -> tuple[Any, ...]:
    """In the order of ATTEMPT."""
    return (
        attempt.id,
        attempt.organization_id,
        attempt.job_id,
        attempt.job_contact_id,
        attempt.contact_id,
        attempt.address_id,
        attempt.number,
        attempt.channel,
        attempt.action,
        attempt.address,
        attempt.sender,
        attempt.owner,
        started_at,
        attempt.media_server,
        attempt.boot_id,
    )


def to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def from_json(value: Any) -> Mapping[str, Any]:
    """What the driver gave for a JSON column: text on SQLite, a dict on PostgreSQL."""
    decoded: Mapping[str, Any] = orjson.loads(value) if isinstance(value, str | bytes) else value
    return decoded or {}


def aware(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    assert isinstance(moment, datetime)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
