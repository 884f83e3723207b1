from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app import db
from app.db import is_away
from app.models import Organization
from common.clock import utcnow
from common.errors import ConfigError


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = db.make_engine(f"sqlite:///{tmp_path / 'deep' / 'clarion.db'}")
    Organization.__table__.create(opened)
    yield opened
    opened.dispose()


def organization(name: str) -> Organization:
    return Organization(name=name, created_at=utcnow())


def names(engine: Engine) -> list[str]:
    with db.read_transaction(engine) as session:
        return list(session.scalars(select(Organization.name).order_by(Organization.name)))


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10000)],
)
def test_sqlite_is_opened_durable_and_strict(engine: Engine, pragma: str, value: object) -> None:
    with engine.connect() as connection:
        assert connection.scalar(text(f"PRAGMA {pragma}")) == value


def test_a_writing_transaction_holds_the_lock_from_its_first_statement(engine: Engine) -> None:
    with db.write_transaction(engine) as session:
        session.scalars(select(Organization)).all()
        other = sqlite3.connect(str(engine.url.database), timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_readers_and_a_writer_do_not_wait_for_each_other(engine: Engine) -> None:
    with db.write_transaction(engine) as session:
        session.add(organization("first"))
        session.flush()
        assert names(engine) == []
    assert names(engine) == ["first"]


def test_an_exception_rolls_back(engine: Engine) -> None:
    with pytest.raises(ValueError), db.write_transaction(engine) as session:
        session.add(organization("never"))
        session.flush()
        raise ValueError
    assert names(engine) == []


def test_writers_in_many_threads_take_turns(engine: Engine) -> None:
    def write(worker: int) -> None:
        for number in range(10):
            with db.write_transaction(engine) as session:
                count = len(session.scalars(select(Organization.id)).all())
                session.add(organization(f"{worker}-{number}-{count}"))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(name.rpartition("-")[2]) for name in names(engine)) == list(range(40))


def test_chunks_cover_every_item_once_and_stop_when_told(engine: Engine) -> None:
    chunks: list[int] = []

    def write(session: Session, chunk: Sequence[int]) -> None:
        chunks.append(len(chunk))
        session.add_all(organization(f"{number:05d}") for number in chunk)

    assert db.write_in_chunks(engine, range(500), write, first=50, largest=100) == 500
    assert len(names(engine)) == 500
    assert max(chunks) <= 100
    assert db.write_in_chunks(engine, range(500), write, go_on=lambda: False) == 0


def test_a_failing_chunk_leaves_the_earlier_ones(engine: Engine) -> None:
    earlier: list[str] = []

    def write(session: Session, chunk: Sequence[int]) -> None:
        session.add_all(organization(str(number)) for number in chunk)
        session.flush()
        if 5 in chunk:
            raise ValueError
        earlier.extend(map(str, chunk))

    with pytest.raises(ValueError):
        db.write_in_chunks(engine, range(9), write, first=3, largest=3)
    assert names(engine) == earlier
    assert earlier[:3] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("size", "held", "expected"),
    [(100, db.CHUNK_BUDGET, 100), (100, db.CHUNK_BUDGET * 4, 25), (100, 0.0, 151), (4000, 0.0, 5000), (1, 9.0, 1)],
)
def test_the_chunk_size_follows_the_time_held(size: int, held: float, expected: int) -> None:
    assert db.next_chunk_size(size, held, 5000) == expected


def test_statements_in_errors_show_no_values(engine: Engine) -> None:
    with pytest.raises(Exception, match="UNIQUE") as caught, db.write_transaction(engine) as session:
        session.add_all([organization("+12025550100"), organization("+12025550100")])
    assert "+12025550100" not in str(caught.value)


def test_refuses_other_databases() -> None:
    with pytest.raises(ConfigError, match="use sqlite or postgresql"):
        db.make_engine("oracle://x")


def test_asks_for_a_migration_before_anything_starts(engine: Engine) -> None:
    with pytest.raises(ConfigError, match="clarion db upgrade"):
        db.require_current(engine)


def test_a_waiting_writer_gets_its_turn_between_chunks(engine: Engine) -> None:
    waits: list[float] = []
    done = threading.Event()

    def small_writes() -> None:
        while not done.is_set():
            asked = time.monotonic()
            with db.write_transaction(engine) as session:
                session.connection()
                waits.append(time.monotonic() - asked)
            time.sleep(0.005)

    def write(session: Session, chunk: Sequence[int]) -> None:
        session.add_all(organization(str(number)) for number in chunk)

    thread = threading.Thread(target=small_writes)
    thread.start()
    db.write_in_chunks(engine, range(3000), write)
    done.set()
    thread.join()
    assert len(waits) > 3


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("SELECT", {}, Exception("gone")), True),
        (PoolTimeout(), True),
        (sqlite3.OperationalError("database or disk is full"), True),
        (psycopg.errors.AdminShutdown("terminating connection"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (IntegrityError("INSERT", {}, Exception("twice")), False),
        (psycopg.errors.UndefinedColumn("no such column"), False),
        (KeyError("a defect"), False),
    ],
)
def test_a_database_that_is_away_is_told_from_what_would_fail_again(error: Exception, away: bool) -> None:
    assert is_away(error) is away
