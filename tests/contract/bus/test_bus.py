"""What every Bus promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.db import make_engine
from app.models import OutboxEvent
from common.clock import utcnow
from engine.bus import Bus, Hint, MemoryBus, SqlBus
from engine.bus.sql import purge


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def make_bus(request: pytest.FixtureRequest) -> Iterator[Callable[[], Bus]]:
    """Buses that hear each other."""
    if request.param == "memory":
        shared = MemoryBus()
        yield lambda: shared
        return
    name = "sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"
    engine = make_engine(request.getfixturevalue(name))
    yield lambda: SqlBus(engine, interval=0.01)
    engine.dispose()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_subscriber_hears_its_topics_in_order(make_bus: Callable[[], Bus]) -> None:
    async def scenario() -> None:
        here, there = make_bus(), make_bus()
        await there.start()
        heard: list[Hint] = []
        there.subscribe(["job"], heard.append)
        for number in range(3):
            await here.publish(Hint("other", {"number": number}))
            await here.publish(Hint("job", {"number": number}))
        await until(lambda: len(heard) == 3)
        await there.close()
        assert [hint.payload["number"] for hint in heard] == [0, 1, 2]
        assert {hint.topic for hint in heard} == {"job"}

    asyncio.run(scenario())


def test_what_was_said_before_is_not_heard(make_bus: Callable[[], Bus]) -> None:
    async def scenario() -> None:
        bus = make_bus()
        await bus.publish(Hint("job", {"number": 1}))
        await bus.start()
        heard: list[Hint] = []
        end = bus.subscribe(["job"], heard.append)
        await bus.publish(Hint("job", {"number": 2}))
        await until(lambda: bool(heard))
        end()
        end()
        await bus.publish(Hint("job", {"number": 3}))
        await asyncio.sleep(0.05)
        await bus.close()
        assert [hint.payload["number"] for hint in heard] == [2]

    asyncio.run(scenario())


def test_old_hints_are_purged(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    asyncio.run(SqlBus(engine).publish(Hint("job", {})))
    with engine.connect() as connection:
        before = connection.scalar(select(func.count()).select_from(OutboxEvent))
    purge(engine, utcnow())
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(OutboxEvent)) == before == 1
    purge(engine, utcnow() + timedelta(hours=2))
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(OutboxEvent)) == 0
    engine.dispose()
