"""PostgreSQL's statements: one per batch, rows as arrays, claims by FOR UPDATE SKIP LOCKED."""

# ruff: noqa: S608 - the parts are our own constants

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from engine.store.base import FinishedAttempt, NewAttempt, Next, Parked, Share
from engine.store.sql import ATTEMPT, ATTEMPT_CONSTANT_VALUES, ATTEMPT_CONSTANTS, CLAIMED, attempt_values, to_json

_ATTEMPT_TYPES = (
    "text, bigint, bigint, bigint, bigint, bigint, int, text, text, text, text, text, timestamptz, text, text"
)


def _arrays(types: str) -> str:
    """`%s::text[], %s::int[] ...`: one array a column."""
    return ", ".join(f"%s::{name}[]" for name in types.split(", "))


_CLAIM = f"""
WITH due AS (
  SELECT id AS due_id FROM job_contact WHERE job_id = %s AND state = 'ready' AND due_at <= %s{{share}}
  ORDER BY due_at, id LIMIT {{limit}} FOR UPDATE SKIP LOCKED)
UPDATE job_contact SET state = 'leased', lease_owner = %s, lease_until = %s, updated_at = %s
FROM due WHERE id = due_id RETURNING {CLAIMED}, due_at"""

_BEGIN = f"""
WITH fresh ({ATTEMPT}) AS (SELECT * FROM unnest({_arrays(_ATTEMPT_TYPES)})),
mine AS (
  UPDATE job_contact j SET state = 'attempting', attempt_count = fresh.number, lease_owner = '', lease_until = NULL,
         hold_code = '', hold_detail = '', hold_until = NULL, updated_at = %s
  FROM fresh WHERE j.id = fresh.job_contact_id AND j.state = 'leased' AND j.lease_owner = fresh.owner
    AND j.lease_until >= %s AND j.attempt_count = fresh.number - 1
    AND EXISTS (SELECT 1 FROM job WHERE job.id = j.job_id AND job.state = 'running')
  RETURNING j.id)
INSERT INTO attempt ({ATTEMPT}, {ATTEMPT_CONSTANTS})
SELECT {ATTEMPT}, {ATTEMPT_CONSTANT_VALUES.format(false="false")} FROM fresh
WHERE job_contact_id IN (SELECT mine.id FROM mine) RETURNING id"""

_OUTCOME_COLUMNS = (
    "completion_code, ended_at, disposition, sip_status, reason, provider_id, nuisance, ringing_at, answered_at,"
    " result, id"
)
_OUTCOME_TYPES = "text, timestamptz, text, int, text, text, bool, timestamptz, timestamptz, text, text"
_OUTCOME = f"""
UPDATE attempt a SET state = 'done', completion_code = n.completion_code, ended_at = n.ended_at,
       disposition = n.disposition, sip_status = n.sip_status, reason = n.reason, provider_id = n.provider_id,
       nuisance = n.nuisance, ringing_at = coalesce(n.ringing_at, a.ringing_at),
       answered_at = coalesce(n.answered_at, a.answered_at), result = n.result::jsonb
FROM unnest({_arrays(_OUTCOME_TYPES)}) n ({_OUTCOME_COLUMNS})
WHERE a.id = n.id AND a.state = 'in_progress'"""

_NEXT_COLUMNS = "id, state, due_at, strategy_state, last_code, final_code, hold_code, hold_detail, hold_until, number"
_NEXT_TYPES = "bigint, text, timestamptz, text, text, text, text, text, timestamptz, int"
_NEXT = f"""
UPDATE job_contact j SET state = n.state, due_at = n.due_at, strategy_state = n.strategy_state::jsonb,
       last_code = CASE WHEN n.last_code = '' THEN j.last_code ELSE n.last_code END, final_code = n.final_code,
       hold_code = n.hold_code, hold_detail = n.hold_detail, hold_until = n.hold_until, lease_owner = '',
       lease_until = NULL, updated_at = %s
FROM unnest({_arrays(_NEXT_TYPES)}) n ({_NEXT_COLUMNS}) WHERE j.id = n.id"""
_FOLLOW = f"{_NEXT} AND j.state = 'attempting' AND j.attempt_count = n.number"
_PARK = f"{_NEXT} AND j.state = 'leased' AND j.lease_owner = %s"
_CONTACT = """
UPDATE contact c SET last_attempt_at = n.at, last_completion_code = n.code
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) n (id, at, code) WHERE c.id = n.id"""


class PostgresDialect:
    def placeholders(self, statement: str) -> str:
        return statement.replace("?", "%s")

    def moment(self, value: datetime | None) -> datetime | None:
        return value

    def claim(self, connection: Connection, limit: int, share: Share, values: Sequence[Any]) -> list[Any]:
        lanes = f" AND lane %% {int(share.count)} = {int(share.index)}" if share.count > 1 else ""
        statement = _CLAIM.format(share=lanes, limit=int(limit))
        return list(connection.exec_driver_sql(statement, tuple(values)).fetchall())

    def begin(self, connection: Connection, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
        columns = _columns([attempt_values(attempt, attempt.started_at) for attempt in attempts])
        return set(connection.exec_driver_sql(_BEGIN, (*columns, now, now)).scalars())

    def finish(self, connection: Connection, finished: Sequence[FinishedAttempt], now: datetime) -> None:
        # One order in every transaction, so that two engines cannot block each other for ever.
        items = sorted(finished, key=lambda item: item.contact_id)
        connection.exec_driver_sql(_OUTCOME, _columns([_outcome(item) for item in items]))
        following = [_next(item.job_contact_id, item.next, item.number) for item in items]
        connection.exec_driver_sql(_FOLLOW, (now, *_columns(following)))
        contacts = [(item.contact_id, item.outcome.ended_at, item.outcome.completion_code) for item in items]
        connection.exec_driver_sql(_CONTACT, _columns(contacts))

    def park(self, connection: Connection, owner: str, parked: Sequence[Parked], now: datetime) -> None:
        rows = [_next(item.job_contact_id, item.next, 0) for item in parked]
        connection.exec_driver_sql(_PARK, (now, *_columns(rows), owner))


def _columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))


def _outcome(item: FinishedAttempt) -> tuple[Any, ...]:
    outcome = item.outcome
    return (
        outcome.completion_code,
        outcome.ended_at,
        outcome.disposition,
        outcome.sip_status,
        outcome.reason[:255],
        outcome.provider_id,
        outcome.nuisance,
        outcome.ringing_at,
        outcome.answered_at,
        None if outcome.result is None else to_json(outcome.result),
        item.attempt_id,
    )


def _next(key: int, following: Next, number: int) -> tuple[Any, ...]:
    return (
        key,
        following.state,
        following.due_at,
        to_json(following.strategy_state),
        following.last_code,
        following.final_code,
        following.hold_code,
        following.hold_detail[:255],
        following.hold_until,
        number,
    )
