"""SQLite's statements: groups of rows, inside one BEGIN IMMEDIATE."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any

from app.db import take_turn
from common.errors import ContractError
from engine.store.base import FinishedAttempt, NewAttempt, Next, Parked, Share
from engine.store.connections import Cursor
from engine.store.sql import ATTEMPT, ATTEMPT_CONSTANT_VALUES, ATTEMPT_CONSTANTS, CLAIMED, to_json

_NEXT_ROW = "id, state, due_at, strategy_state, last_code, final_code, updated_at"
_NEXT = (
    "state = n.state, due_at = n.due_at, strategy_state = n.strategy_state,"
    " last_code = coalesce(nullif(n.last_code, ''), job_contact.last_code), final_code = n.final_code,"
    " updated_at = n.updated_at"
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
_INSERT = f"""
INSERT INTO attempt ({ATTEMPT}, {ATTEMPT_CONSTANTS})
SELECT *, {ATTEMPT_CONSTANT_VALUES.format(false=0)} FROM (VALUES {{rows}})"""
# Moments not known come as '': the driver takes four times as long over None as over text.
_OUTCOME = """
WITH o (id, completion_code, ended_at, disposition, sip_status, reason, provider_id, nuisance, ringing_at, answered_at,
        result) AS (VALUES {rows})
UPDATE attempt SET state = 'done', completion_code = o.completion_code, ended_at = o.ended_at,
       disposition = o.disposition, sip_status = o.sip_status, reason = o.reason, provider_id = o.provider_id,
       nuisance = o.nuisance, ringing_at = coalesce(nullif(o.ringing_at, ''), attempt.ringing_at),
       answered_at = coalesce(nullif(o.answered_at, ''), attempt.answered_at), result = o.result
FROM o WHERE attempt.id = o.id AND attempt.state = 'in_progress'"""
_FOLLOW = f"""
WITH n ({_NEXT_ROW}, number) AS (VALUES {{rows}})
UPDATE job_contact SET {_NEXT}
FROM n WHERE job_contact.id = n.id AND job_contact.state = 'attempting' AND job_contact.attempt_count = n.number"""
_CONTACT = """
WITH n (id, ended_at, completion_code) AS (VALUES {rows})
UPDATE contact SET last_attempt_at = n.ended_at, last_completion_code = n.completion_code
FROM n WHERE contact.id = n.id"""
_TRACE = "INSERT INTO attempt_trace (attempt_id, steps) VALUES {rows} ON CONFLICT DO NOTHING"
_PARK = f"""
WITH n ({_NEXT_ROW}, owner, hold_code, hold_detail, hold_until) AS (VALUES {{rows}})
UPDATE job_contact SET {_NEXT}, hold_code = n.hold_code, hold_detail = n.hold_detail, hold_until = n.hold_until,
       lease_owner = '', lease_until = NULL
FROM n WHERE job_contact.id = n.id AND job_contact.state = 'leased' AND job_contact.lease_owner = n.owner"""
#: Rows a statement. To open the trees of a table and its indexes costs about as much as to write one row; few sizes
#: keep the statements prepared.
_SIZES = (50, 10, 1)
#: Of an attempt, in the order of ATTEMPT: all but the last, which is written as text.
_plain_values = attrgetter(*ATTEMPT.removesuffix(", started_at").split(", "))


@lru_cache(maxsize=256)
def _text(value: datetime | None) -> str | None:
    """As SQLAlchemy writes it, so that text compares as time does. A batch has few different moments."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@cache
def _for_rows(statement: str, count: int, width: int) -> str:
    row = f"({', '.join('?' * width)})"
    return statement.format(rows=", ".join([row] * count))


def _write(cursor: Cursor, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Execute `statement` for all rows, a group at a time; `{rows}` is where they stand in it."""
    done = 0
    for size in _SIZES:
        while len(rows) - done >= size:
            group = rows[done : done + size]
            cursor.execute(_for_rows(statement, size, len(group[0])), tuple(chain.from_iterable(group)))
            done += size


class SqliteDialect:
    moment = staticmethod(_text)

    def placeholders(self, statement: str) -> str:
        return statement

    def claim(self, cursor: Cursor, limit: int, share: Share, values: Sequence[Any]) -> list[Any]:
        lanes = f" AND lane % {int(share.count)} = {int(share.index)}" if share.count > 1 else ""
        cursor.execute(_CLAIM.format(share=lanes, limit=int(limit)), values)
        return cursor.fetchall()

    def begin(self, cursor: Cursor, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
        """Two attempts to one address are rare, so they are looked for when the index has refused one."""
        try:
            return _begin(cursor, attempts, now)
        except sqlite3.IntegrityError:
            # The transaction anew: a savepoint would cost every batch a copy of each page it touches.
            cursor.execute("ROLLBACK")
            take_turn(cursor.connection)
            return _begin(cursor, _to_free_addresses(cursor, attempts), now)

    def finish(self, cursor: Cursor, finished: Sequence[FinishedAttempt], now: datetime) -> None:
        written = _text(now)
        _write(cursor, _OUTCOME, [_outcome(item) for item in finished])
        _write(cursor, _FOLLOW, [(*_next(item.job_contact_id, item.next, written), item.number) for item in finished])
        contacts = [(item.contact_id, _text(item.outcome.ended_at), item.outcome.completion_code) for item in finished]
        _write(cursor, _CONTACT, contacts)
        traces = [(item.attempt_id, to_json(list(item.outcome.trace))) for item in finished if item.outcome.trace]
        _write(cursor, _TRACE, traces)

    def park(self, cursor: Cursor, owner: str, parked: Sequence[Parked], now: datetime) -> None:
        _write(cursor, _PARK, [_parked(item, owner, _text(now)) for item in parked])


def _begin(cursor: Cursor, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
    if not attempts:
        return set()
    owner = attempts[0].owner
    cursor.execute(_TAKE, (to_json([attempt.job_contact_id for attempt in attempts]), _text(now), owner))
    numbers: dict[int, int] = dict(cursor.fetchall())
    taken = [attempt for attempt in attempts if attempt.job_contact_id in numbers]
    for attempt in taken:
        if attempt.number != numbers[attempt.job_contact_id] or attempt.owner != owner:
            raise ContractError(f"attempt {attempt.id}: its number or owner is not that of the claim")
    _write(cursor, _INSERT, [(*_plain_values(attempt), _text(attempt.started_at)) for attempt in taken])
    return {attempt.id for attempt in taken}


def _to_free_addresses(cursor: Cursor, attempts: Sequence[NewAttempt]) -> list[NewAttempt]:
    """Those to addresses without an attempt in progress; where several have the same address, the first."""
    first = {(attempt.organization_id, attempt.address): attempt for attempt in reversed(attempts)}
    cursor.execute(_TAKEN, (to_json(list(first)),))
    busy = set(cursor.fetchall())
    return [attempt for whom, attempt in first.items() if whom not in busy]


def _outcome(item: FinishedAttempt) -> tuple[Any, ...]:
    outcome = item.outcome
    return (
        item.attempt_id,
        outcome.completion_code,
        _text(outcome.ended_at),
        outcome.disposition,
        outcome.sip_status,
        outcome.reason[:255],
        outcome.provider_id,
        int(outcome.nuisance),
        _text(outcome.ringing_at) or "",
        _text(outcome.answered_at) or "",
        None if outcome.result is None else to_json(outcome.result),
    )


def _next(key: int, following: Next, now: str | None) -> tuple[Any, ...]:
    return (
        key,
        following.state,
        _text(following.due_at),
        to_json(following.strategy_state),
        following.last_code,
        following.final_code,
        now,
    )


def _parked(item: Parked, owner: str, now: str | None) -> tuple[Any, ...]:
    hold = item.hold
    return (*_next(item.job_contact_id, item.next, now), owner, hold.code, hold.detail[:255], _text(hold.until))
