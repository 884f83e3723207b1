"""Whatever claims, attempts, outcomes, deaths and pauses come in whichever order: an address has one attempt in
progress at most, no contact is lost, and the stores agree step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text, update

from app.db import make_engine
from app.models import JobContact
from engine.store import AttemptStore, Claimed, MemoryStore, NewAttempt, SqlStore
from tests.contract.store.test_store import NOW, UNTIL, attempt_of, finish_of
from tests.support.job_rows import START, make_job

CONTACTS = 8
#: Contacts share addresses in pairs and more.
ADDRESSES = ("+12025550101", "+12025550102", "+12025550103")
ENGINES = ("one", "two")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.sampled_from(ENGINES), st.integers(1, 5)),
        st.tuples(st.just("finish"), st.integers(0, 20)),
        st.tuples(st.just("die"), st.sampled_from(ENGINES)),
    ),
    max_size=14,
)


class Play:
    """One engine's worth of steps against a store; every step answers what can be compared."""

    def __init__(self, store: AttemptStore, job_id: int) -> None:
        self.store, self.job_id = store, job_id
        self.in_progress: dict[str, NewAttempt] = {}

    def begin(self, owner: str, limit: int) -> list[int]:
        claims = self.store.claim(self.job_id, owner, NOW, UNTIL, limit)
        attempts = [_attempt(contact, owner) for contact in claims]
        begun = self.store.begin(attempts, NOW)
        self.in_progress |= {attempt.id: attempt for attempt in attempts if attempt.id in begun}
        self.store.release(owner, [attempt.job_contact_id for attempt in attempts if attempt.id not in begun])
        return sorted(attempt.job_contact_id for attempt in attempts if attempt.id in begun)

    def finish(self, which: int) -> str:
        if not self.in_progress:
            return ""
        key = sorted(self.in_progress)[which % len(self.in_progress)]
        attempt = self.in_progress.pop(key)
        self.store.finish([finish_of(attempt)], NOW)
        return key

    def die(self, owner: str) -> list[str]:
        """Its attempts are adopted and end, its claims come back."""
        survivor = next(name for name in ENGINES if name != owner)
        self.store.reap(NOW, {owner})
        adopted = self.store.adopt({owner}, survivor)
        self.store.finish([finish_of(item.attempt, "OUTCOME_UNKNOWN") for item in adopted], NOW)
        for item in adopted:
            del self.in_progress[item.attempt.id]
        return sorted(item.attempt.id for item in adopted)


def _attempt(contact: Claimed, owner: str) -> NewAttempt:
    return attempt_of(contact, owner, address=ADDRESSES[contact.contact_id % len(ADDRESSES)])


def _memory() -> MemoryStore:
    store = MemoryStore()
    for key in range(1, CONTACTS + 1):
        store.add(Claimed(key, 1, 1, key, 0, {}), START + timedelta(milliseconds=key), lane=key % 64)
    return store


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Callable[[], tuple[SqlStore, int, Engine]]]:
    """The store with a job in which nothing has happened yet."""
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "migrated_postgres_url")
    engine = make_engine(url)
    job_id = make_job(engine, CONTACTS)
    store = SqlStore(engine)

    def made() -> tuple[SqlStore, int, Engine]:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM attempt"))
            connection.execute(
                update(JobContact).values(
                    state="ready",
                    attempt_count=0,
                    lease_owner="",
                    lease_until=None,
                    due_at=START,
                    strategy_state={},
                    last_code="",
                )
            )
        return store, job_id, engine

    yield made
    store.close()
    engine.dispose()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_stores_agree_and_never_let_two_attempts_to_an_address(
    fresh: Callable[[], tuple[SqlStore, int, Engine]], steps: list[tuple[Any, ...]]
) -> None:
    store, job_id, engine = fresh()
    ours, model = Play(store, job_id), Play(_memory(), 1)
    for name, *values in steps:
        assert getattr(ours, name)(*values) == getattr(model, name)(*values)
        busy = Counter(attempt.address for attempt in ours.in_progress.values())
        assert not busy or max(busy.values()) == 1
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT id FROM attempt WHERE state = 'in_progress'")).scalars()
            assert set(rows) == set(ours.in_progress)
            states = connection.execute(text("SELECT state, count(*) FROM job_contact GROUP BY state")).all()
        assert sum(count for _, count in states) == CONTACTS
        assert dict(tuple(row) for row in states).get("attempting", 0) == len(ours.in_progress)
