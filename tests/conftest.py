"""Fixtures for every test, and how tests are spread over xdist's workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgres

TESTS = Path(__file__).parent
#: What measures time or starts many processes shares one worker, so that it never competes with its like.
REAL_TIME = ("sip", "mediaserver", "crash", "end_to_end")


def _group(path: Path) -> str:
    parts = path.relative_to(TESTS).parts
    if parts[0] == "integration" and parts[1] in REAL_TIME:
        return "real-time"
    return "/".join(parts)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """The session's own PostgreSQL, started when the first test asks for it."""
    with postgres.private_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """SQLAlchemy URL of an empty database, dropped after the test."""
    name = f"test_{abs(hash(request.node.nodeid)):x}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)
