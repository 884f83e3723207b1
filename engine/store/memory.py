"""The in-memory adapter, for unit tests and simulations."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from engine.store.base import (
    EVERYTHING,
    Claimed,
    FinishedAttempt,
    NewAttempt,
    Next,
    Outcome,
    Parked,
    Progress,
    Share,
    Unfinished,
)


@dataclass(slots=True)
class Row:
    """A job contact."""

    claimed: Claimed
    lane: int
    due_at: datetime
    state: str = "ready"
    owner: str = ""
    until: datetime | None = None
    next: Next | None = None


@dataclass(slots=True)
class Kept:
    """An attempt; `outcome` is None while it is in progress."""

    attempt: NewAttempt
    outcome: Outcome | None = None
    progress: Progress | None = None


@dataclass(slots=True)
class MemoryStore:
    rows: dict[int, Row] = field(default_factory=dict)
    attempts: dict[str, Kept] = field(default_factory=dict)
    #: Jobs that do not run: their attempts are not begun.
    resting_jobs: set[int] = field(default_factory=set)
    #: Contacts who asked for no more, with the attempt they said it in.
    opted_out: dict[int, str] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, contact: Claimed, due_at: datetime, lane: int = 0) -> None:
        self.rows[contact.id] = Row(contact, lane, due_at)

    def claim(
        self, job_id: int, owner: str, now: datetime, until: datetime, limit: int, share: Share = EVERYTHING
    ) -> list[Claimed]:
        with self._lock:
            due = [
                row
                for row in self.rows.values()
                if row.claimed.job_id == job_id
                and row.state == "ready"
                and row.due_at <= now
                and row.lane % share.count == share.index
            ]
            due.sort(key=lambda row: (row.due_at, row.claimed.id))
            for row in due[:limit]:
                row.state, row.owner, row.until = "leased", owner, until
            return [row.claimed for row in due[:limit]]

    def begin(self, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
        with self._lock:
            begun = {attempt.id for attempt in attempts if self._begin(attempt, now)}
        return begun

    def _begin(self, attempt: NewAttempt, now: datetime) -> bool:
        row = self.rows[attempt.job_contact_id]
        ours = row.state == "leased" and row.owner == attempt.owner and row.until is not None and row.until >= now
        if not ours or attempt.job_id in self.resting_jobs:
            return False
        if attempt.number != row.claimed.attempt_count + 1:
            return False
        if any(kept.outcome is None and _whom(kept.attempt) == _whom(attempt) for kept in self.attempts.values()):
            return False
        row.state, row.owner, row.until = "attempting", "", None
        row.claimed = replace(row.claimed, attempt_count=attempt.number)
        self.attempts[attempt.id] = Kept(attempt)
        return True

    def progress(self, steps: Sequence[Progress]) -> None:
        with self._lock:
            for step in steps:
                self.attempts[step.attempt_id].progress = step

    def finish(self, finished: Sequence[FinishedAttempt], now: datetime) -> None:
        with self._lock:
            for item in finished:
                kept, row = self.attempts[item.attempt_id], self.rows[item.job_contact_id]
                if kept.outcome is None:
                    kept.outcome = item.outcome
                    if item.opts_out:
                        self.opted_out[item.contact_id] = item.attempt_id
                if row.state == "attempting" and row.claimed.attempt_count == item.number:
                    _apply(row, item.next)

    def park(self, owner: str, parked: Sequence[Parked], now: datetime) -> None:
        with self._lock:
            for item in parked:
                row = self.rows[item.job_contact_id]
                if row.state == "leased" and row.owner == owner:
                    _apply(row, item.next)

    def release(self, owner: str, job_contact_ids: Collection[int] | None = None) -> int:
        with self._lock:
            rows = [
                row
                for row in self.rows.values()
                if row.state == "leased"
                and row.owner == owner
                and (job_contact_ids is None or row.claimed.id in job_contact_ids)
            ]
            return _give_back(rows)

    def reap(self, now: datetime, dead_owners: Collection[str] = (), limit: int = 1000) -> int:
        with self._lock:
            rows = [
                row
                for row in self.rows.values()
                if row.state == "leased" and row.until is not None and (row.until < now or row.owner in dead_owners)
            ]
            return _give_back(rows[:limit])

    def owners(self) -> set[str]:
        with self._lock:
            holding = {row.owner for row in self.rows.values() if row.state == "leased"}
            return holding | {kept.attempt.owner for kept in self.attempts.values() if kept.outcome is None}

    def adopt(self, dead_owners: Collection[str], owner: str, limit: int = 200) -> list[Unfinished]:
        with self._lock:
            orphans = [
                kept for kept in self.attempts.values() if kept.outcome is None and kept.attempt.owner in dead_owners
            ]
            adopted = []
            for kept in orphans[:limit]:
                kept.attempt = replace(kept.attempt, owner=owner)
                state: Mapping[str, Any] = self.rows[kept.attempt.job_contact_id].claimed.strategy_state
                adopted.append(Unfinished(kept.attempt, state))
            return adopted


def _whom(attempt: NewAttempt) -> tuple[int, str]:
    return attempt.organization_id, attempt.address


def _apply(row: Row, following: Next) -> None:
    row.state, row.owner, row.until, row.next = following.state, "", None, following
    row.due_at = following.due_at
    row.claimed = replace(
        row.claimed,
        strategy_state=following.strategy_state,
        last_code=following.last_code or row.claimed.last_code,
    )


def _give_back(rows: list[Row]) -> int:
    for row in rows:
        row.state, row.owner, row.until = "ready", "", None
    return len(rows)
