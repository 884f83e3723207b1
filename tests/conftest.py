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


#: Parts whose tests share one worker, so that they never compete with their like, in the order in which they begin.
#: Those that take long come first and mostly wait; the many short ones of tests/unit fill the gaps at the end.
TOGETHER = {
    # Whole installations at work: most of the time a job runs its course.
    "installation": ("tests/integration/end_to_end/", "tests/integration/crash/", "tests/integration/conformance/"),
    # Calls by the clock.
    "real-time": ("tests/integration/mediaserver/", "tests/integration/sip/", "tests/integration/fetching/"),
    "browser": ("tests/browser/",),
    # They read and parse the same files, once in a worker.
    "repository": ("tests/unit/repository/",),
}
#: Beginnings of the paths of all other tests, in the order in which they begin. One file stays on one worker.
APART = ("tests/integration/", "tests/contract/", "tests/conformance/", "tests/unit/")
_ORDER = [part for parts in (*TOGETHER.values(), APART) for part in parts]


def _place(path: str) -> int:
    return next((place for place, part in enumerate(_ORDER) if path.startswith(part)), len(_ORDER))


_GIVING_WAY = pytest.StashKey[bool]()


def _by_the_clock(item: pytest.Item) -> bool:
    return item.nodeid.startswith((*TOGETHER["installation"], *TOGETHER["real-time"]))


class ByPart(LoadScopeScheduling):
    """Not `--dist loadgroup`: with pytest 9.2 and xdist 3.8 the groups have no effect."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((name for name, parts in TOGETHER.items() if path.startswith(parts)), path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(item.nodeid))
    config.stash[_GIVING_WAY] = any(map(_by_the_clock, items))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Everything else gives way to what runs by the clock, and comes after it on each worker."""
    if item.config.stash[_GIVING_WAY] and not _by_the_clock(item):
        item.config.stash[_GIVING_WAY] = False
        os.nice(5)


def pytest_configure(config: pytest.Config) -> None:
    # xdist would begin with the parts of most tests instead of the longest.
    config.option.loadscopereorder = False


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
