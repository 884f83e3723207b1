from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.db import make_engine
from app.services.dnc import OWN_LIST
from engine.store import AttemptStore, Claimed, MemoryStore, SqlStore
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

    def opt_outs(self) -> set[tuple[str, ...]]:
        """Contact and attempt of each opt-out; with a database, the do-not-call entries they made."""
        if isinstance(self.store, MemoryStore):
            return {(str(contact), attempt) for contact, attempt in self.store.opted_out.items()}
        assert self.engine is not None
        with self.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT e.kind, e.value, e.source, e.proof, l.name FROM dnc_entry e"
                    " JOIN dnc_list l ON l.id = e.dnc_list_id WHERE e.organization_id = l.organization_id"
                )
            ).all()
        assert {row.name for row in rows} <= {OWN_LIST}
        assert {(row.kind, row.source) for row in rows} <= {("phone", "call"), ("contact_id", "call")}
        persons = {(row.value, row.proof) for row in rows if row.kind == "contact_id"}
        numbers = {(row.value, row.proof) for row in rows if row.kind == "phone"}
        assert numbers == {(f"+120255501{int(person):02d}", proof) for person, proof in persons}
        return persons

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
