"""Parts of trunks' limits in both databases: together never more than the limits, whoever asks at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, text

from app.db import make_engine, write_transaction
from app.models import Attempt, JobContact
from engine.share_table import give_back, lease
from engine.shares import NOTHING, Part, Place
from tests.support.job_rows import START, make_job

LATER = START + timedelta(seconds=8)


@pytest.fixture(params=["sqlite_url", "migrated_postgres_url"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = make_engine(request.getfixturevalue(request.param))
    make_job(made, 3)
    with made.begin() as connection:
        connection.execute(text("UPDATE trunk SET max_channels = 10, calls_per_second = 4"))
    yield made
    made.dispose()


def trunk_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT min(id) FROM trunk")).scalar_one())


def ask(engine: Engine, owner: str, now: datetime = START, **wanted: Part) -> Part:
    trunk = trunk_of(engine)
    places: dict[Place, Part] = {(trunk, server): part for server, part in wanted.items()}
    return sum(lease(engine, owner, places, now, now + timedelta(seconds=8)).values(), NOTHING)


def test_who_asks_gets_what_others_leave(engine: Engine) -> None:
    assert ask(engine, "a", m0=Part(6, 2), m1=Part(1, 1)) == Part(7, 3)
    assert ask(engine, "b", m0=Part(10, 4)) == Part(3, 1)
    # Less is given back at once, and another may have it then.
    assert ask(engine, "a", m0=Part(2, 1), m1=NOTHING) == Part(2, 1)
    assert ask(engine, "b", m0=Part(10, 4)) == Part(8, 3)


def test_what_ran_out_is_free_and_renewing_keeps(engine: Engine) -> None:
    assert ask(engine, "a", m0=Part(10, 4)) == Part(10, 4)
    assert ask(engine, "a", START + timedelta(seconds=4), m0=Part(10, 4)) == Part(10, 4)
    assert ask(engine, "b", LATER, m0=Part(10, 4)) == NOTHING
    give_back(engine, "a", LATER + timedelta(seconds=1))
    assert ask(engine, "b", LATER, m0=Part(10, 4)) == NOTHING
    assert ask(engine, "b", LATER + timedelta(seconds=1), m0=Part(10, 4)) == Part(10, 4)


def test_calls_of_an_engine_that_is_gone_keep_their_channels(engine: Engine) -> None:
    assert ask(engine, "gone", m0=Part(10, 4)) == Part(10, 4)
    with write_transaction(engine) as session:
        for number, row in enumerate(session.scalars(select(JobContact).order_by(JobContact.id))):
            attempt = Attempt(id=f"a{number}", organization_id=row.organization_id, job_id=row.job_id, number=1)
            attempt.job_contact_id, attempt.contact_id, attempt.channel = row.id, row.contact_id, "voice"
            attempt.address, attempt.owner, attempt.media_server, attempt.started_at = f"+{number}", "gone", "m0", START
            session.add(attempt)
    assert ask(engine, "b", LATER, m0=Part(10, 4)) == Part(7, 4)
    with engine.begin() as connection:
        connection.execute(text("UPDATE attempt SET owner = 'b'"))
    assert ask(engine, "b", LATER, m0=Part(10, 4)) == Part(10, 4)


def test_engines_that_ask_at_the_same_moment_get_no_more_than_there_is(engine: Engine) -> None:
    got: list[Part] = []

    def greedy(name: str) -> None:
        got.append(ask(engine, name, m0=Part(4, 2), m1=Part(4, 2)))

    threads = [threading.Thread(target=greedy, args=(f"e{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert sum(got, NOTHING) == Part(10, 4)
