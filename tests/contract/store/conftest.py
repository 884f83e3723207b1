from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.db import make_engine
from engine.store import AttemptStore, Claimed, MemoryStore, SqlStore
from tests.support.database import (  # noqa: F401
    migrated_postgres_url,
    postgres_template,
    sqlite_template,
    sqlite_url,
)
from tests.support.job_rows import START, make_job

CONTACTS = 20


@dataclass
class World:
    """A store with a running job of CONTACTS contacts, and how to look into it."""

    store: AttemptStore
    job_id: int
    engine: Engine | None = None

    def contact(self, key: int) -> tuple[str, str]:
        """State and final code."""
        if isinstance(self.store, MemoryStore):
            row = self.store.rows[key]
            return row.state, row.next.final_code if row.next else ""
        return self._row("SELECT state, final_code FROM job_contact WHERE id = :key", key)

    def attempt(self, key: str) -> tuple[str, str]:
        """State and completion code."""
        if isinstance(self.store, MemoryStore):
            outcome = self.store.attempts[key].outcome
            return ("done", outcome.completion_code) if outcome else ("in_progress", "ATTEMPT_IN_PROGRESS")
        return self._row("SELECT state, completion_code FROM attempt WHERE id = :key", key)

    def rest(self) -> None:
        """Pause the job."""
        if isinstance(self.store, MemoryStore):
            self.store.resting_jobs.add(self.job_id)
        else:
            assert self.engine is not None
            with self.engine.begin() as connection:
                connection.execute(text("UPDATE job SET state = 'pausing'"))

    def _row(self, statement: str, key: Any) -> tuple[str, str]:
        assert self.engine is not None
        with self.engine.connect() as connection:
            first, second = connection.execute(text(statement), {"key": key}).one()
        return str(first), str(second)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        store = MemoryStore()
        for key in range(1, CONTACTS + 1):
            store.add(Claimed(key, 1, 1, key, 0, {}), START, lane=key % 64)
        yield World(store, 1)
        return
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "migrated_postgres_url")
    engine = make_engine(url)
    job_id = make_job(engine, CONTACTS)
    store = SqlStore(engine)
    yield World(store, job_id, engine)
    store.close()
    engine.dispose()
