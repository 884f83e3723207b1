"""Where contacts of jobs are claimed and attempts are recorded: one port, an in-memory and an SQL adapter."""

from __future__ import annotations

from engine.store.base import (
    EVERYTHING,
    AttemptStore,
    Claimed,
    FinishedAttempt,
    Hold,
    NewAttempt,
    Next,
    Outcome,
    Parked,
    Progress,
    Share,
    Unfinished,
)
from engine.store.memory import MemoryStore
from engine.store.sql import SqlStore

__all__ = [
    "EVERYTHING",
    "AttemptStore",
    "Claimed",
    "FinishedAttempt",
    "Hold",
    "MemoryStore",
    "NewAttempt",
    "Next",
    "Outcome",
    "Parked",
    "Progress",
    "Share",
    "SqlStore",
    "Unfinished",
]
