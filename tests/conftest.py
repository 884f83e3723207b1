"""Fixtures for every test, and how tests are spread over xdist's workers."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from typing import Any

# Where an environment forbids to keep bytecode, each of the hundred processes that tests start would compile Clarion
# anew, and each worker every test.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Nothing that imports make is garbage: looking for some takes a fifth of the time of collecting (until
# pytest_collection_finish).
gc.disable()

# ruff: noqa: E402 - what follows is imported under these rules
import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.support import postgres

pytest_plugins = ("tests.support.database",)

# No wall-clock limit for one example: on a busy machine it would fail at random.
settings.register_profile("clarion", deadline=None, max_examples=50)
settings.load_profile("clarion")


#: What measures time or starts many processes shares one worker, so that it never competes with its like.
REAL_TIME = ("sip", "mediaserver", "crash", "end_to_end", "conformance", "fetching")


class ByPart(LoadScopeScheduling):
    """A test file stays on one worker; the real-time parts stay together on one, and those about the repository.

    Not `--dist loadgroup`: with pytest 9.2 and xdist 3.8 the groups have no effect.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        parts = path.split("/")
        if parts[1:2] == ["integration"] and parts[2] in REAL_TIME:
            return "real-time"
        if parts[1:3] == ["unit", "repository"]:
            # They read and parse the same files, once in a worker.
            return "repository"
        return path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPart:
    return ByPart(config, log)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


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
