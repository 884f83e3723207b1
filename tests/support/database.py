"""Migrated databases for tests: SQLite in a file, PostgreSQL on the session's private server.

Migrating takes a while, so each kind is migrated once a session and copied for each test.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from app import db
from tests.support import postgres


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "template.db"
    db.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: postgres.Server) -> str:
    """Name of a migrated database that nobody is connected to."""
    name = f"template_{uuid.uuid4().hex}"
    db.upgrade(postgres_server.create_database(name))
    return name


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "clarion.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def migrated_postgres_url(postgres_server: postgres.Server, postgres_template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(postgres_server.url(), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {postgres_template}"))
    admin.dispose()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    yield from _opened(sqlite_url)


@pytest.fixture
def postgres_engine(migrated_postgres_url: str) -> Iterator[Engine]:
    yield from _opened(migrated_postgres_url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of each kind in turn."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on each kind of database in turn."""
    yield from _opened(database_url)


def _opened(url: str) -> Iterator[Engine]:
    opened = db.make_engine(make_url(url))
    yield opened
    opened.dispose()
