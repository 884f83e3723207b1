"""SQLite's statements: executemany inside one BEGIN IMMEDIATE."""

# ruff: noqa: S608 - the parts are our own constants

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from common.errors import ContractError
from engine.store.base import FinishedAttempt, NewAttempt, Next, Parked, Share
from engine.store.connections import Cursor
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
# Nothing comes between this look and the insert: the write lock is ours.
_TAKEN = """
SELECT organization_id, address FROM attempt WHERE state = 'in_progress' AND (organization_id, address) IN
  (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"""
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
_TRACE = "INSERT INTO attempt_trace (attempt_id, steps) VALUES (?, ?) ON CONFLICT DO NOTHING"
_STARTED_AT = ATTEMPT.split(", ").index("started_at")
_PARK = f"UPDATE job_contact SET {_NEXT} WHERE id = ? AND state = 'leased' AND lease_owner = ?"


@lru_cache(maxsize=256)
def _text(value: datetime | None) -> str | None:
    """As SQLAlchemy writes it, so that text compares as time does. A batch has few different moments."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _to_free_addresses(cursor: Cursor, attempts: Sequence[NewAttempt]) -> list[NewAttempt]:
    """Those to addresses without an attempt in progress; where several have the same address, the first."""
    first = {(attempt.organization_id, attempt.address): attempt for attempt in reversed(attempts)}
    cursor.execute(_TAKEN, (to_json(list(first)),))
    busy = set(cursor.fetchall())
    return [attempt for whom, attempt in first.items() if whom not in busy]


class SqliteDialect:
    def placeholders(self, statement: str) -> str:
        return statement

    def moment(self, value: datetime | None) -> str | None:
        return _text(value)

    def claim(self, cursor: Cursor, limit: int, share: Share, values: Sequence[Any]) -> list[Any]:
        lanes = f" AND lane % {int(share.count)} = {int(share.index)}" if share.count > 1 else ""
        cursor.execute(_CLAIM.format(share=lanes, limit=int(limit)), values)
        return cursor.fetchall()

    def begin(self, cursor: Cursor, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
        free = _to_free_addresses(cursor, attempts)
        keys = to_json([attempt.job_contact_id for attempt in free])
        owner = attempts[0].owner
        cursor.execute(_TAKE, (keys, self.moment(now), owner))
        numbers: dict[int, int] = dict(cursor.fetchall())
        taken = [attempt for attempt in free if attempt.job_contact_id in numbers]
        for attempt in taken:
            if attempt.number != numbers[attempt.job_contact_id] or attempt.owner != owner:
                raise ContractError(f"attempt {attempt.id}: its number or owner is not that of the claim")
        if taken:
            cursor.executemany(_INSERT, [self._attempt(attempt) for attempt in taken])
        return {attempt.id for attempt in taken}

    def finish(self, cursor: Cursor, finished: Sequence[FinishedAttempt], now: datetime) -> None:
        cursor.executemany(_OUTCOME, [self._outcome(item) for item in finished])
        follow = [(*self._next(item.next, now), item.job_contact_id, item.number) for item in finished]
        cursor.executemany(_FOLLOW, follow)
        contacts = [
            (self.moment(item.outcome.ended_at), item.outcome.completion_code, item.contact_id) for item in finished
        ]
        cursor.executemany(_CONTACT, contacts)
        traces = [(item.attempt_id, to_json(list(item.outcome.trace))) for item in finished if item.outcome.trace]
        if traces:
            cursor.executemany(_TRACE, traces)

    def park(self, cursor: Cursor, owner: str, parked: Sequence[Parked], now: datetime) -> None:
        cursor.executemany(_PARK, [(*self._next(item.next, now), item.job_contact_id, owner) for item in parked])

    def _attempt(self, attempt: NewAttempt) -> tuple[Any, ...]:
        values = attempt_values(attempt)
        return (*values[:_STARTED_AT], self.moment(attempt.started_at), *values[_STARTED_AT + 1 :])

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
