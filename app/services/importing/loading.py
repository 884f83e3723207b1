"""Reads the file of a run and writes it in short transactions, each with its own progress and rejects.

On SQLite one transaction follows the other. On PostgreSQL two are under way at a time, since one connection keeps one
core of the server busy; they are committed in the file's order all the same, so that a run always stands at one row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg.errors import UniqueViolation
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from app.db import chunk_budget, next_chunk_size, read_transaction, timed_write
from app.models import ImportRun
from app.services import dnc
from app.services.importing.changing import Target
from app.services.importing.chunks import Chunk, Job, chunks_of
from app.services.importing.writing import Written, plan_by_size, refresh_statistics, write_contacts, write_rejects
from common.clock import utcnow

#: Rejects kept for one run; further ones are counted only, since a wrong file has nothing else.
MOST_REJECTS = 50_000
#: Rows after which the database's statistics are out of date.
_GROWN = 1000
#: Rows of one transaction at most.
_LARGEST = 20_000
#: Transactions under way at a time on PostgreSQL.
_LANES = 2
#: Seconds between two looks for the end of another import into the same list.
_LOOK = 0.2
#: Times a transaction is begun that finds a contact added by somebody else meanwhile.
_TRIES = 3


class TakenOver(Exception):
    """Another process has gone on with this run: it is left to it."""


@dataclass(frozen=True, slots=True)
class Progress:
    rows_read: int
    percent: float


@dataclass(slots=True)
class Position:
    """Where the run stands, kept beside what the database holds."""

    rows_read: int
    rejected: int
    bytes_total: int
    bytes_read: int = 0
    on_progress: Callable[[Progress], None] | None = None
    cancelled: bool = False
    #: What is to be said of the run beside its counts.
    words: str = ""

    @property
    def note(self) -> str:
        cut = f"only the first {MOST_REJECTS:,} rejected rows are kept" if self.rejected > MOST_REJECTS else ""
        return "; ".join(filter(None, (self.words, cut)))

    def report(self) -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(self.rows_read, 100.0 * self.bytes_read / max(self.bytes_total, 1)))


@dataclass(slots=True)
class _Transaction:
    """Chunks that are written together; `before` is the one whose commit comes first."""

    chunks: Sequence[Chunk]
    external_ids: set[str]
    before: Future[float] | None = field(default=None)


class Loader:
    def __init__(self, engine: Engine, run_id: int, target: Target, position: Position) -> None:
        self._engine = engine
        self._run_id = run_id
        self._target = target
        self._position = position
        self._lanes = 1 if engine.dialect.name == "sqlite" else _LANES
        self._size = 1
        self._grown = position.rows_read + _GROWN

    def load(self, job: Job, afterwards: Callable[[], None]) -> None:
        """Raise TakenOver; where the run was cancelled the position says so. `afterwards` is called at the file's end,
        before any other import may write into the list."""
        with _turn(self._engine, self._target.contact_list_id, self.is_cancelled) as mine:
            if not mine:
                self._position.cancelled = True
                return
            self._position.report()
            with chunks_of(job, self._position.bytes_total) as source, ThreadPoolExecutor(self._lanes) as pool:
                self._load(source, pool)
            if not self._position.cancelled:
                afterwards()

    def _load(self, source: Iterator[Chunk], pool: ThreadPoolExecutor) -> None:
        under_way: list[tuple[_Transaction, Future[float]]] = []
        for transaction in self._transactions(source):
            while under_way and not under_way[-1][0].external_ids.isdisjoint(transaction.external_ids):
                self._finish(under_way)
            transaction.before = under_way[-1][1] if under_way else None
            under_way.append((transaction, pool.submit(self._write, transaction)))
            if len(under_way) == self._lanes:
                self._finish(under_way)
            if self._position.cancelled:
                break
        while under_way:
            self._finish(under_way)

    def _finish(self, under_way: list[tuple[_Transaction, Future[float]]]) -> None:
        held = under_way.pop(0)[1].result()
        self._size = next_chunk_size(self._size, held, _LARGEST, chunk_budget(self._engine))
        if self._position.rows_read >= self._grown:
            refresh_statistics(self._engine)
            self._grown = self._position.rows_read * 10
        self._position.report()

    def _transactions(self, source: Iterator[Chunk]) -> Iterator[_Transaction]:
        """Of about as many rows as one shall have now, and no external id twice."""
        chunks, external_ids, rows = list[Chunk](), set[str](), 0
        for chunk in source:
            if chunks and (rows + chunk.rows > self._size or not external_ids.isdisjoint(chunk.external_ids)):
                yield _Transaction(chunks, external_ids)
                chunks, external_ids, rows = [], set(), 0
            chunks.append(chunk)
            external_ids.update(chunk.external_ids)
            rows += chunk.rows
            self._size = max(self._size, rows if len(chunks) == 1 else 0)
        if chunks:
            yield _Transaction(chunks, external_ids)

    def _write(self, transaction: _Transaction) -> float:
        """The seconds it took. The position moves on once it is committed."""
        for left in reversed(range(_TRIES)):
            try:
                with timed_write(self._engine) as (session, held):
                    plan_by_size(session)
                    written = write_contacts(session, self._target, transaction.chunks, utcnow())
                    if transaction.before is not None:
                        transaction.before.result()
                    if self._position.cancelled:
                        session.rollback()
                        return 0.0
                    listed = _listed(session, self._target.organization_id, transaction.chunks)
                    cancelled = self._account(session, transaction.chunks, written, listed)
            except UniqueViolation:
                # Somebody has added a contact of the same id since it was looked for: now it is known.
                if not left:
                    raise
                continue
            break
        position = self._position
        position.rows_read += sum(chunk.rows for chunk in transaction.chunks)
        position.rejected += sum(len(chunk.rejects) for chunk in transaction.chunks)
        position.bytes_read = transaction.chunks[-1].position
        position.cancelled = position.cancelled or cancelled
        return held()

    def _account(self, session: Session, chunks: Sequence[Chunk], written: Written, listed: int) -> bool:
        counts = {
            "rows_added": written.added,
            "rows_updated": written.updated,
            "rows_unchanged": written.unchanged,
            "rows_skipped": written.skipped,
            "rows_unread": sum(chunk.unread for chunk in chunks),
            "rows_listed": listed,
        }
        rejects = [reject for chunk in chunks for reject in chunk.rejects]
        rows, cut_off = sum(chunk.rows for chunk in chunks), chunks[-1].ends_unread
        return account(session, self._run_id, self._position, rows, chunks[-1].position, counts, rejects, cut_off)

    def is_cancelled(self) -> bool:
        """Whether somebody wants it to stop."""
        with read_transaction(self._engine) as session:
            return bool(session.scalar(select(ImportRun.cancel_requested).where(ImportRun.id == self._run_id)))


def account(
    session: Session,
    run_id: int,
    position: Position,
    rows: int,
    end: int,
    counts: Mapping[str, int],
    rejects: Sequence[tuple[int, str, str, str]],
    cut_off: bool = False,
) -> bool:
    """Progress up to byte `end`, and rejects; whether the run shall stop. Whoever finds the progress moved on leaves
    the run (TakenOver)."""
    values = {name: getattr(ImportRun, name) + count for name, count in counts.items() if count}
    claimed = session.execute(
        update(ImportRun)
        .where(ImportRun.id == run_id, ImportRun.rows_read == position.rows_read)
        .values(
            rows_read=position.rows_read + rows,
            bytes_read=min(end, position.bytes_total),
            rows_rejected=ImportRun.rows_rejected + len(rejects),
            cut_off=cut_off,
            **values,
        )
        .returning(ImportRun.cancel_requested)
    ).one_or_none()
    if claimed is None:
        raise TakenOver
    write_rejects(session, run_id, rejects[: max(0, MOST_REJECTS - position.rejected)])
    return bool(claimed.cancel_requested)


def _listed(session: Session, organization_id: int, chunks: Sequence[Chunk]) -> int:
    """How many of the rows are on a do-not-call list now. They are kept: the gate looks at every attempt."""
    subjects = {(kind, value) for chunk in chunks for _, kind, value in chunk.suspects}
    held = {(found.kind, found.value) for found in dnc.blocked(session, organization_id, subjects)} if subjects else ()
    return sum(len({place for place, *subject in chunk.suspects if tuple(subject) in held}) for chunk in chunks)


@contextmanager
def _turn(engine: Engine, contact_list_id: int, is_cancelled: Callable[[], bool]) -> Iterator[bool]:
    """Imports into one list take turns on PostgreSQL, or both would add the same contact; on SQLite the write lock
    sees to it. False for an import that was cancelled while it waited."""
    if engine.dialect.name == "sqlite":
        yield True
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(select(func.pg_try_advisory_lock(contact_list_id))):
            if is_cancelled():
                yield False
                return
            time.sleep(_LOOK)
        try:
            yield True
        finally:
            connection.scalar(select(func.pg_advisory_unlock(contact_list_id)))
