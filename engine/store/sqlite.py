"""SQLite's statements: executemany inside one BEGIN IMMEDIATE."""

# ruff: noqa: S608 - the parts are our own constants

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from common.errors import ContractError
from engine.store.base import FinishedAttempt, NewAttempt, Next, Parked, Share
from engine.store.sql import ATTEMPT, ATTEMPT_CONSTANT_VALUES, ATTEMPT_CONSTANTS, CLAIMED, attempt_values, to_json

_NEXT = (
    "state = ?, due_at = ?, strategy_state = ?, last_code = CASE WHEN ? = '' THEN last_code ELSE ? END,"
    " final_code = ?, hold_code = ?, hold_detail = ?, hold_until = ?, lease_owner = '', lease_until = NULL,"
    " updated_at = ?"
)
_CLAIM = f"""
UPDATE job_contact SET state = 'leased', lease_owner = ?3, lease_until = ?4, updated_at = ?5
WHERE id IN (SELECT id FROM job_contact WHERE job_id = ?1 AND state = 'ready' AND due_at <= ?2{{share}}
             ORDER BY due_at, id LIMIT {{limit}})
RETURNING {CLAIMED}, due_at"""
_TAKE = """
UPDATE job_contact SET state = 'attempting', attempt_count = attempt_count + 1, lease_owner = '', lease_until = NULL,
       hold_code = '', hold_detail = '', hold_until = NULL, updated_at = ?2
WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'leased' AND lease_owner = ?3 AND lease_until >= ?2
  AND job_id IN (SELECT id FROM job WHERE state = 'running')
RETURNING id, attempt_count"""
_INSERT = (
    f"INSERT INTO attempt ({ATTEMPT}, {ATTEMPT_CONSTANTS})"
    f" VALUES ({', '.join('?' * len(ATTEMPT.split(', ')))}, {ATTEMPT_CONSTANT_VALUES.format(false=0)})"
)
_OUTCOME = """
UPDATE attempt SET state = 'done', completion_code = ?, ended_at = ?, disposition = ?, sip_status = ?, reason = ?,
       provider_id = ?, nuisance = ?, ringing_at = coalesce(?, ringing_at), answered_at = coalesce(?, answered_at),
       result = ?
WHERE id = ? AND state = 'in_progress'"""
_FOLLOW = f"UPDATE job_contact SET {_NEXT} WHERE id = ? AND state = 'attempting' AND attempt_count = ?"
_CONTACT = "UPDATE contact SET last_attempt_at = ?, last_completion_code = ? WHERE id = ?"
_PARK = f"UPDATE job_contact SET {_NEXT} WHERE id = ? AND state = 'leased' AND lease_owner = ?"


@lru_cache(maxsize=256)
def _text(value: datetime) -> str:
    """As SQLAlchemy writes it, so that text compares as time does. A batch has few different moments."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class SqliteDialect:
    def placeholders(self, statement: str) -> str:
        return statement

    def moment(self, value: datetime | None) -> str | None:
        return None if value is None else _text(value)

    def claim(self, connection: Connection, limit: int, share: Share, values: Sequence[Any]) -> list[Any]:
        lanes = f" AND lane % {int(share.count)} = {int(share.index)}" if share.count > 1 else ""
        statement = _CLAIM.format(share=lanes, limit=int(limit))
        return list(connection.exec_driver_sql(statement, tuple(values)).fetchall())

    def begin(self, connection: Connection, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
        keys = to_json([attempt.job_contact_id for attempt in attempts])
        owner = attempts[0].owner
        rows = connection.exec_driver_sql(_TAKE, (keys, self.moment(now), owner)).fetchall()
        numbers = {row[0]: row[1] for row in rows}
        taken = [attempt for attempt in attempts if attempt.job_contact_id in numbers]
        for attempt in taken:
            if attempt.number != numbers[attempt.job_contact_id] or attempt.owner != owner:
                raise ContractError(f"attempt {attempt.id}: its number or owner is not that of the claim")
        if taken:
            rows_in = [attempt_values(attempt, self.moment(attempt.started_at)) for attempt in taken]
            connection.exec_driver_sql(_INSERT, rows_in)
        return {attempt.id for attempt in taken}

    def finish(self, connection: Connection, finished: Sequence[FinishedAttempt], now: datetime) -> None:
        connection.exec_driver_sql(_OUTCOME, [self._outcome(item) for item in finished])
        follow = [(*self._next(item.next, now), item.job_contact_id, item.number) for item in finished]
        connection.exec_driver_sql(_FOLLOW, follow)
        contacts = [
            (self.moment(item.outcome.ended_at), item.outcome.completion_code, item.contact_id) for item in finished
        ]
        connection.exec_driver_sql(_CONTACT, contacts)

    def park(self, connection: Connection, owner: str, parked: Sequence[Parked], now: datetime) -> None:
        rows = [(*self._next(item.next, now), item.job_contact_id, owner) for item in parked]
        connection.exec_driver_sql(_PARK, rows)

    def _outcome(self, item: FinishedAttempt) -> tuple[Any, ...]:
        outcome = item.outcome
        return (
            outcome.completion_code,
            self.moment(outcome.ended_at),
            outcome.disposition,
            outcome.sip_status,
            outcome.reason[:255],
            outcome.provider_id,
            int(outcome.nuisance),
            self.moment(outcome.ringing_at),
            self.moment(outcome.answered_at),
            None if outcome.result is None else to_json(outcome.result),
            item.attempt_id,
        )

    def _next(self, following: Next, now: datetime) -> tuple[Any, ...]:
        return (
            following.state,
            self.moment(following.due_at),
            to_json(following.strategy_state),
            following.last_code,
            following.last_code,
            following.final_code,
            following.hold_code,
            following.hold_detail[:255],
            self.moment(following.hold_until),
            self.moment(now),
        )
