"""PostgreSQL's statements: each batch is one, and so a transaction by itself.

The rows travel as one JSON document: arrays of columns cost the driver more than the database needs for the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engine.store.base import FinishedAttempt, Hold, NewAttempt, Next, Parked, Share
from engine.store.connections import Cursor
from engine.store.sql import ATTEMPT, ATTEMPT_CONSTANT_VALUES, ATTEMPT_CONSTANTS, CLAIMED, to_json

_CLAIM = f"""
WITH due AS (
  SELECT id AS due_id FROM job_contact WHERE job_id = %s AND state = 'ready' AND due_at <= %s{{share}}
  ORDER BY due_at, id LIMIT {{limit}} FOR UPDATE SKIP LOCKED)
UPDATE job_contact SET state = 'leased', lease_owner = %s, lease_until = %s, updated_at = %s
FROM due WHERE id = due_id RETURNING {CLAIMED}, due_at"""

_ATTEMPT_ROW = (
    "id text, organization_id bigint, job_id bigint, job_contact_id bigint, contact_id bigint, address_id bigint,"
    " number int, channel text, action text, address text, sender text, owner text, started_at timestamptz,"
    " media_server text, boot_id text, digest text, dialled text"
)
# Where a row is looked up by its key, its state is written as an expression: a partial index over the state alone
# would lead through every row of that state instead. Addresses are entered in one order, so that two engines that
# begin attempts to the same ones wait for each other and cannot block each other for ever; of two contacts of one
# address the first given goes, who has been due the longest.
_BEGIN = f"""
WITH fresh AS (SELECT * FROM ROWS FROM (json_to_recordset(%s::json) AS ({_ATTEMPT_ROW})) WITH ORDINALITY AS fresh),
mine AS (
  SELECT fresh.* FROM fresh JOIN job_contact j ON j.id = fresh.job_contact_id
  WHERE j.state || '' = 'leased' AND j.lease_owner = fresh.owner
    AND j.lease_until >= %s AND j.attempt_count = fresh.number - 1
    AND EXISTS (SELECT 1 FROM job WHERE job.id = j.job_id AND job.state = 'running')
  FOR UPDATE OF j),
begun AS (
  INSERT INTO attempt ({ATTEMPT}, {ATTEMPT_CONSTANTS})
  SELECT {ATTEMPT}, {ATTEMPT_CONSTANT_VALUES.format(false="false")} FROM mine
  ORDER BY organization_id, address, ordinality
  ON CONFLICT (organization_id, address) WHERE state = 'in_progress' DO NOTHING
  RETURNING id, job_contact_id, number)
UPDATE job_contact j SET state = 'attempting', attempt_count = begun.number, lease_owner = '', lease_until = NULL,
       hold_code = '', hold_detail = '', hold_until = NULL, updated_at = %s
FROM begun WHERE j.id = begun.job_contact_id RETURNING begun.id"""

_NEXT_ROW = (
    "job_contact_id bigint, state text, due_at timestamptz, strategy_state jsonb, last_code text, final_code text"
)
_HOLD_ROW = "hold_code text, hold_detail text, hold_until timestamptz"
_OUTCOME_ROW = (
    "attempt_id text, contact_id bigint, number int, completion_code text, ended_at timestamptz, disposition text,"
    " sip_status int, reason text, provider_id text, nuisance bool, ringing_at timestamptz, answered_at timestamptz,"
    " result jsonb, steps jsonb"
)
_NEXT = """
UPDATE job_contact j SET state = n.state, due_at = n.due_at, strategy_state = n.strategy_state,
       last_code = CASE WHEN n.last_code = '' THEN j.last_code ELSE n.last_code END, final_code = n.final_code,
       updated_at = %s{more}
FROM n WHERE j.id = n.job_contact_id"""
_GIVEN_BACK = """,
       hold_code = n.hold_code, hold_detail = n.hold_detail, hold_until = n.hold_until,
       lease_owner = '', lease_until = NULL"""
_PARK = f"""
WITH n AS (SELECT * FROM json_to_recordset(%s::json) AS n ({_NEXT_ROW}, {_HOLD_ROW}))
{_NEXT.format(more=_GIVEN_BACK)} AND j.state || '' = 'leased' AND j.lease_owner = %s"""
_FINISH = f"""
WITH n AS (SELECT * FROM json_to_recordset(%s::json) AS n ({_NEXT_ROW}, {_OUTCOME_ROW})),
outcome AS (
  UPDATE attempt a SET state = 'done', completion_code = n.completion_code, ended_at = n.ended_at,
         disposition = n.disposition, sip_status = n.sip_status, reason = n.reason, provider_id = n.provider_id,
         nuisance = n.nuisance, ringing_at = coalesce(n.ringing_at, a.ringing_at),
         answered_at = coalesce(n.answered_at, a.answered_at), result = n.result
  FROM n WHERE a.id = n.attempt_id AND a.state || '' = 'in_progress'),
following AS ({_NEXT.format(more="")} AND j.state || '' = 'attempting' AND j.attempt_count = n.number),
trace AS (
  INSERT INTO attempt_trace (attempt_id, steps) SELECT n.attempt_id, n.steps FROM n WHERE n.steps IS NOT NULL
  ON CONFLICT DO NOTHING)
UPDATE contact c SET last_attempt_at = n.ended_at, last_completion_code = n.completion_code
FROM n WHERE c.id = n.contact_id"""


class PostgresDialect:
    def placeholders(self, statement: str) -> str:
        return statement.replace("?", "%s")

    def moment(self, value: datetime | None) -> datetime | None:
        return value

    def claim(self, cursor: Cursor, limit: int, share: Share, values: Sequence[Any]) -> list[Any]:
        lanes = f" AND lane %% {int(share.count)} = {int(share.index)}" if share.count > 1 else ""
        cursor.execute(_CLAIM.format(share=lanes, limit=int(limit)), values)
        return cursor.fetchall()

    def begin(self, cursor: Cursor, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
        cursor.execute(_BEGIN, (to_json(attempts), now, now))
        return {row[0] for row in cursor.fetchall()}

    def finish(self, cursor: Cursor, finished: Sequence[FinishedAttempt], now: datetime) -> None:
        # One order in every transaction, so that two engines cannot block each other for ever.
        items = sorted(finished, key=lambda item: item.contact_id)
        cursor.execute(_FINISH, (to_json([_finished(item) for item in items]), now))

    def park(self, cursor: Cursor, owner: str, parked: Sequence[Parked], now: datetime) -> None:
        rows = [{**_next(item.job_contact_id, item.next), **_hold(item.hold)} for item in parked]
        cursor.execute(_PARK, (to_json(rows), now, owner))


def _finished(item: FinishedAttempt) -> dict[str, Any]:
    outcome = item.outcome
    return {
        **_next(item.job_contact_id, item.next),
        "attempt_id": item.attempt_id,
        "contact_id": item.contact_id,
        "number": item.number,
        "completion_code": outcome.completion_code,
        "ended_at": outcome.ended_at,
        "disposition": outcome.disposition,
        "sip_status": outcome.sip_status,
        "reason": outcome.reason[:255],
        "provider_id": outcome.provider_id,
        "nuisance": outcome.nuisance,
        "ringing_at": outcome.ringing_at,
        "answered_at": outcome.answered_at,
        "result": outcome.result,
        "steps": list(outcome.trace) or None,
    }


def _next(key: int, following: Next) -> dict[str, Any]:
    return {
        "job_contact_id": key,
        "state": following.state,
        "due_at": following.due_at,
        "strategy_state": following.strategy_state,
        "last_code": following.last_code,
        "final_code": following.final_code,
    }


def _hold(hold: Hold) -> dict[str, Any]:
    return {"hold_code": hold.code, "hold_detail": hold.detail[:255], "hold_until": hold.until}
