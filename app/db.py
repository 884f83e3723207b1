"""The database: engines for SQLite and PostgreSQL, transactions, migrations, and bulk work in short chunks.

SQLite has one writer at a time. A transaction that will write says so at its start (`write_transaction`), which is
BEGIN IMMEDIATE there: it waits for its turn, and can then neither deadlock nor fail on its first write. Bulk work goes
through `write_in_chunks`, or `app.bulk` for rows that are there, which keep each transaction far under the 100 ms that
others may be kept waiting.
"""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Engine, create_engine, event, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import InstrumentedAttribute, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from common.errors import ConfigError, RemoteError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
#: Seconds a writer waits for its turn on SQLite.
BUSY_TIMEOUT = 10.0
#: Seconds a bulk transaction aims to hold the write lock, far below what is allowed: commits stall now and then.
CHUNK_BUDGET = 0.04
#: The same on PostgreSQL, where a bulk transaction keeps nobody waiting but only ages its snapshot.
_LONG_BUDGET = 0.5
#: Seconds for a bulk transaction on SQLite while nobody else writes: whoever comes waits for this one once.
ALONE_BUDGET = 0.1
#: Seconds left free after it, so that waiting writers (who look every 2 ms) find the lock open.
_BREATH = 0.004
_WRITE = "clarion_write"
#: SQLite's own wait for a lock is switched off.
NO_WAIT = "PRAGMA busy_timeout = 0"
#: What every connection to SQLite is set to.
SQLITE_PRAGMAS = (
    f"busy_timeout = {int(BUSY_TIMEOUT * 1000)}",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "cache_size = -16000",
    # What is deleted is overwritten: an erased person is in no page that was given up.
    "secure_delete = ON",
    "journal_size_limit = 67108864",
    "wal_autocheckpoint = 4000",
)

#: Between texts that go over as one: a control character, which no number, email or id has.
_UNIT = "\x1f"

T = TypeVar("T")


#: What bulk work adds: pages touched again and again stay in memory, and reach the database file once for many
#: transactions.
SQLITE_BULK = ("cache_size = -40960", "wal_autocheckpoint = 40000")


#: A server whose machine is gone, or the network to it, sends no word: without these a thread waits for it for hours.
#: Seconds, but for tcp_user_timeout (milliseconds). One that is merely slow, or stopped, still acknowledges.
_NOTICE_ITS_DEATH = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}


def make_engine(url: str | URL, *, pool_size: int = 5) -> Engine:
    """An engine for `sqlite:///PATH`, `sqlite://` (memory, for tests) or `postgresql://...`.

    Parameters of statements are personal data, so they stay out of error messages.
    """
    target = make_url(url)
    if target.drivername in ("postgresql", "postgres"):
        target = target.set(drivername="postgresql+psycopg")
    if target.get_backend_name() == "sqlite":
        return _sqlite_engine(target, pool_size)
    if target.drivername != "postgresql+psycopg":
        raise ConfigError(f"CLARION_DATABASE_URL: {target.drivername} is not supported; use sqlite or postgresql")
    return create_engine(
        target,
        pool_size=pool_size,
        max_overflow=pool_size * 2,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"application_name": "clarion", "connect_timeout": 10, **_NOTICE_ITS_DEATH},
    )


def is_away(error: BaseException) -> bool:
    """The database does not answer, or not now (gone, restarting, full, locked): the same may be asked again later.

    By the names that PEP 249 gives such errors: SQLAlchemy's, and drivers' own where they come from a bulk write.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, PoolTimeout) or not names.isdisjoint(("OperationalError", "InterfaceError"))


def _sqlite_engine(target: URL, pool_size: int) -> Engine:
    if target.database in (None, "", ":memory:"):
        engine = create_engine(
            target, poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True
        )
    else:
        directory = Path(str(target.database)).resolve().parent
        directory.mkdir(parents=True, exist_ok=True)
        engine = create_engine(target, pool_size=pool_size, max_overflow=pool_size * 2, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: it would begin them deferred, and late.
    connection.isolation_level = None
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    raw: Any = connection.connection.dbapi_connection
    if connection.get_execution_options().get(_WRITE):
        begin_immediate(raw)
    else:
        raw.execute("BEGIN")


def begin_immediate(raw: sqlite3.Connection) -> None:
    """Wait for the write lock by asking every millisecond or two: SQLite's own wait sleeps up to 100 ms between two
    looks, and so would starve beside a bulk writer."""
    raw.execute(NO_WAIT)
    try:
        take_turn(raw)
    finally:
        raw.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")


def take_turn(raw: sqlite3.Connection) -> None:
    """`begin_immediate` on a connection that only ever begins so, and is set to NO_WAIT once."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() >= deadline:
                raise RemoteError(f"database: no turn to write within {BUSY_TIMEOUT:.0f} s") from error
        time.sleep(random.uniform(0.0005, 0.002))  # noqa: S311 - jitter, not secrecy


def writer(engine: Engine) -> Engine:
    """The same database; a transaction of this takes the write lock at its start on SQLite. Make it once, keep it."""
    return engine.execution_options(**{_WRITE: True})


def session_factory(engine: Engine, *, write: bool = False) -> sessionmaker[Session]:
    """Sessions for reading, or (`write`) whose transactions take the write lock at their start on SQLite.

    Rows stay readable after the commit, so that a view or a worker may use what it just wrote.
    """
    bind = writer(engine) if write else engine
    return sessionmaker(bind, expire_on_commit=False)


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Session]:
    """One short writing transaction: committed at the end, rolled back by an exception."""
    with session_factory(engine, write=True).begin() as session:
        yield session


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Session]:
    """One consistent view of the database; whatever was written in it is rolled back."""
    with session_factory(engine)() as session:
        yield session


def among(
    session: Session,
    column: InstrumentedAttribute[str] | InstrumentedAttribute[int] | Column[Any],
    values: Sequence[str | int],
) -> ColumnElement[bool]:
    """The column is one of `values`, which go over as one parameter: a list of many is built and read once for each
    otherwise."""
    if session.get_bind().dialect.name == "sqlite":
        return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))
    joined = _UNIT.join(map(str, values))
    if column.type.python_type is str and joined and joined.count(_UNIT) == len(values) - 1:
        # The driver quotes each text of an array by itself.
        return column == func.any(func.string_to_array(literal(joined), _UNIT))
    kind = postgresql.BIGINT if column.type.python_type is int else postgresql.TEXT
    return column == func.any(literal(list(values), postgresql.ARRAY(kind)))


def insert_missing(session: Session, model: Any) -> Any:
    """An INSERT for `model` that passes over rows which a unique constraint already holds, on both databases."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(model).on_conflict_do_nothing()
    return postgresql.insert(model).on_conflict_do_nothing()


@contextmanager
def timed_write(engine: Engine) -> Iterator[tuple[Session, Callable[[], float]]]:
    """One transaction of a bulk job: the session, and a function that tells afterwards how long (seconds) the write
    lock was held. A moment passes at the end in which waiting writers find the lock open."""
    held = 0.0
    with session_factory(engine, write=True)() as session:
        session.connection()
        started = time.monotonic()
        yield session, lambda: held
        session.commit()
    held = time.monotonic() - started
    if engine.dialect.name == "sqlite":
        time.sleep(_BREATH)


@contextmanager
def bulk_engine(engine: Engine) -> Iterator[Engine]:
    """The same database for one bulk job: on SQLite a connection of its own that keeps more in memory."""
    if engine.dialect.name != "sqlite" or engine.url.database in (None, "", ":memory:"):
        yield engine
        return
    own = create_engine(
        engine.url, poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True
    )
    event.listen(own, "connect", _prepare_sqlite)
    event.listen(own, "connect", _prepare_bulk)
    event.listen(own, "begin", _begin_sqlite)
    try:
        yield own
    finally:
        own.dispose()


def _prepare_bulk(connection: Any, _entry: ConnectionPoolEntry) -> None:
    for pragma in SQLITE_BULK:
        connection.execute(f"PRAGMA {pragma}")


def write_in_chunks(
    engine: Engine,
    items: Iterable[T],
    write: Callable[[Session, Sequence[T]], None],
    *,
    first: int = 100,
    largest: int = 5000,
    least: int = 1,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Write `items` in transactions of about `CHUNK_BUDGET` seconds, leaving room for other writers in between.

    The chunk size follows the measured time, between `least` and `largest`. `go_on` is asked before each chunk. Answers
    how many were written.
    """
    size, done, source = first, 0, iter(items)
    while go_on() and (chunk := list(islice(source, size))):
        with timed_write(engine) as (session, held):
            write(session, chunk)
        done += len(chunk)
        size = max(least, next_chunk_size(size, held(), largest, chunk_budget(engine)))
    return done


def foreign_commits(session: Session) -> int:
    """Another number than before once another connection has committed. SQLite only."""
    return int(session.connection().exec_driver_sql("PRAGMA data_version").scalar_one())


def chunk_budget(engine: Engine) -> float:
    return CHUNK_BUDGET if engine.dialect.name == "sqlite" else _LONG_BUDGET


def next_chunk_size(size: int, held: float, largest: int, budget: float = CHUNK_BUDGET) -> int:
    """Grow by at most half, shrink at once: the budget is a promise to others."""
    ideal = size * budget / max(held, 1e-6)
    return max(1, min(largest, int(min(ideal, size * 1.5 + 1))))


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to the newest revision and fill in the rows the system itself owns."""
    from alembic import command

    from app.services.system_rows import ensure_system_rows

    command.upgrade(_alembic(url), revision)
    if revision == "head":
        engine = make_engine(url)
        try:
            with write_transaction(engine) as session:
                ensure_system_rows(session)
        finally:
            engine.dispose()


def downgrade(url: str, revision: str) -> None:
    from alembic import command

    command.downgrade(_alembic(url), revision)


def check(url: str) -> None:
    """Raise when the models and the migrations differ."""
    from alembic import command

    command.check(_alembic(url))


def newest_revision() -> str:
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory.from_config(_alembic("")).get_current_head())


def require_current(engine: Engine) -> None:
    """Raise ConfigError when the database is not at this version's revision: every role asks before it starts."""
    from alembic.runtime.migration import MigrationContext

    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise ConfigError(f"CLARION_DATABASE_URL: cannot open the database: {error.orig}") from error
    if found != newest_revision():
        raise ConfigError(
            f"the database is at revision {found or 'none'}, this version needs {newest_revision()}: "
            "run `clarion db upgrade`"
        )


def _alembic(url: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config
