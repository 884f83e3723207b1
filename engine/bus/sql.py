"""The bus over the `outbox` table, read by polling: works the same on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from app.db import read_transaction, write_transaction
from app.models import OutboxEvent
from common.clock import utcnow
from common.tasks import keep_going
from engine.bus.base import Hint, Listener
from engine.bus.memory import Subscriptions

log = structlog.get_logger()

#: The most hints read at one time; more are older than anybody cares for.
_PAGE = 500


class SqlBus:
    """`interval`: seconds between two looks."""

    def __init__(self, engine: Engine, interval: float = 0.25) -> None:
        self._engine = engine
        self._interval = interval
        self._subscriptions = Subscriptions()
        self._seen = 0
        self._task: asyncio.Task[None] | None = None

    async def publish(self, hint: Hint) -> None:
        await asyncio.to_thread(self._write, hint)

    def subscribe(self, topics: Collection[str], listener: Listener) -> Callable[[], None]:
        return self._subscriptions.add(topics, listener)

    async def start(self) -> None:
        self._seen = await asyncio.to_thread(self._newest)
        self._task = asyncio.create_task(keep_going("bus", self._poll))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                hints = await asyncio.to_thread(self._read)
            except SQLAlchemyError as error:
                # Hints may be lost; the next look comes anyway.
                log.warning("bus_not_read", error=type(error).__name__)
                continue
            for hint in hints:
                self._subscriptions.tell(hint)

    def _newest(self) -> int:
        with read_transaction(self._engine) as session:
            return session.scalar(select(func.max(OutboxEvent.id))) or 0

    def _read(self) -> list[Hint]:
        with read_transaction(self._engine) as session:
            rows = session.scalars(
                select(OutboxEvent).where(OutboxEvent.id > self._seen).order_by(OutboxEvent.id).limit(_PAGE)
            ).all()
        if rows:
            self._seen = rows[-1].id
        return [Hint(row.topic, row.payload) for row in rows]

    def _write(self, hint: Hint) -> None:
        with write_transaction(self._engine) as session:
            session.execute(
                insert(OutboxEvent).values(topic=hint.topic, payload=dict(hint.payload), created_at=utcnow())
            )


def purge(engine: Engine, now: datetime, keep: timedelta = timedelta(hours=1), limit: int = 1000) -> None:
    """Remove hints that nobody waits for any more, a short transaction at a time."""
    with write_transaction(engine) as session:
        old = select(OutboxEvent.id).where(OutboxEvent.created_at < now - keep).order_by(OutboxEvent.id).limit(limit)
        session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(old)))
