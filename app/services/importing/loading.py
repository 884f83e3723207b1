"""Reads the file of a run and writes it in short transactions, each with its own progress and rejects.

On SQLite one transaction follows the other: short ones while anybody else writes, up to `ALONE_BUDGET` while nobody
does. On PostgreSQL two are under way at a time, since one connection keeps one core of the server busy; they are
committed in the file's order all the same, so that a run always stands at one row.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg.errors import UniqueViolation
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import (
    ALONE_BUDGET,
    bulk_engine,
    chunk_budget,
    foreign_commits,
    next_chunk_size,
    read_transaction,
    timed_write,
)
from app.intake.chunks import Chunk, Job
from app.models import ImportRun
from app.services import dnc
from app.services.importing.changing import Target
from app.services.importing.newcomers import Newcomers, newcomers
from app.services.importing.readers import chunks_of
from app.services.importing.writing import Written, prepare_for_many, refresh_statistics, write_contacts, write_rejects
from common.clock import utcnow

#: Rejects kept for one run; further ones are counted only, since a wrong file has nothing else.
MOST_REJECTS = 50_000
#: Rows after which the database's statistics are out of date.
_GROWN = 10_000
#: Rows of one transaction at most.
_LARGEST = 20_000
#: At least while nobody else writes on SQLite: of fewer rows a transaction's time is what a busy disk takes to commit
#: any, and would be no shorter for fewer still.
_LEAST_ALONE = 4_000
#: Transactions under way at a time on PostgreSQL; one more is made ready meanwhile.
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
    #: As `ImportRun.numbers`.
    numbers: Counter[str] = field(default_factory=Counter)
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
    """Chunks that are written together, in groups no two of which hold one external id: where it comes again, the
    next group finds it in the list. `before` is the one whose commit comes first."""

    groups: list[list[Chunk]] = field(default_factory=list)
    external_ids: set[str] = field(default_factory=set)
    rows: int = 0
    before: Future[float] | None = None

    @property
    def chunks(self) -> list[Chunk]:
        return [chunk for group in self.groups for chunk in group]

    def add(self, chunk: Chunk) -> None:
        if not self.groups or not self.external_ids.isdisjoint(chunk.external_ids):
            self.groups.append([])
        self.groups[-1].append(chunk)
        self.external_ids.update(chunk.external_ids)
        self.rows += chunk.rows


class Loader:
    def __init__(self, engine: Engine, run_id: int, target: Target, position: Position) -> None:
        self._engine = engine
        self._run_id = run_id
        self._target = target
        self._position = position
        self._bulk = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._lanes = 1 if self._sqlite else _LANES
        self._size = 1
        self._newcomers: Newcomers | None = None
        #: Of SQLite: what `foreign_commits` said last, and whether that has changed.
        self._seen, self._alone = -1, False
        self._grown = position.rows_read + _GROWN

    def load(self, job: Job, afterwards: Callable[[], None]) -> None:
        """Raise TakenOver; where the run was cancelled the position says so. `afterwards` is called at the file's end,
        before any other import may write into the list."""
        with _turn(self._engine, self._target.contact_list_id, self.is_cancelled) as mine:
            if not mine:
                self._position.cancelled = True
                return
            self._position.report()
            with read_transaction(self._engine) as session:
                self._newcomers = newcomers(session, self._target.contact_list_id, self._position.bytes_total)
            with (
                bulk_engine(self._engine) as self._bulk,
                chunks_of(job, self._position.bytes_total) as source,
                ThreadPoolExecutor(self._lanes) as pool,
            ):
                self._load(source, pool)
            if not self._position.cancelled:
                afterwards()

    def _load(self, source: Iterator[Chunk], pool: ThreadPoolExecutor) -> None:
        under_way: list[tuple[_Transaction, Future[float]]] = []
        most = 0 if self._sqlite else _LANES
        for transaction in self._transactions(source):
            while not all(other.external_ids.isdisjoint(transaction.external_ids) for other, _ in under_way):
                self._finish(under_way)
            transaction.before = under_way[-1][1] if under_way else None
            under_way.append((transaction, pool.submit(self._write, transaction)))
            if len(under_way) > most:
                self._finish(under_way)
            if self._position.cancelled:
                break
        while under_way:
            self._finish(under_way)

    def _finish(self, under_way: list[tuple[_Transaction, Future[float]]]) -> None:
        held = under_way.pop(0)[1].result()
        budget, least = (ALONE_BUDGET, _LEAST_ALONE) if self._alone else (chunk_budget(self._engine), 1)
        self._size = max(least, next_chunk_size(self._size, held, _LARGEST, budget))
        if self._position.rows_read >= self._grown:
            refresh_statistics(self._engine)
            self._grown = self._position.rows_read * 10
        self._position.report()

    def _transactions(self, source: Iterator[Chunk]) -> Iterator[_Transaction]:
        """Of about as many rows as one shall have now."""
        transaction = _Transaction()
        for chunk in source:
            if transaction.rows and transaction.rows + chunk.rows > self._size:
                yield transaction
                transaction = _Transaction()
            transaction.add(chunk)
            self._size = max(self._size, chunk.rows)
        if transaction.rows:
            yield transaction

    def _write(self, transaction: _Transaction) -> float:
        """The seconds it took. The position moves on once it is committed."""
        chunks = transaction.chunks
        for left in reversed(range(_TRIES)):
            try:
                with timed_write(self._bulk) as (session, held):
                    self._look_around(session)
                    written = [
                        write_contacts(session, self._target, group, utcnow(), self._newcomers)
                        for group in transaction.groups
                    ]
                    if transaction.before is not None:
                        transaction.before.result()
                    if self._position.cancelled:
                        session.rollback()
                        return 0.0
                    blocked = listed(session, self._target.organization_id, chunks)
                    cancelled = self._account(session, chunks, written, blocked)
            except (UniqueViolation, IntegrityError):
                # Somebody has added a contact of the same id since the list was empty, or it was looked for.
                if not left:
                    raise
                self._newcomers = None
                continue
            break
        position = self._position
        position.rows_read += transaction.rows
        position.rejected += sum(len(chunk.rejects) for chunk in chunks)
        position.bytes_read = chunks[-1].position
        position.cancelled = position.cancelled or cancelled
        position.numbers += _numbers(transaction.chunks)
        return held()

    def _look_around(self, session: Session) -> None:
        if self._sqlite:
            seen, self._seen = self._seen, foreign_commits(session)
            self._alone = seen == self._seen
        else:
            prepare_for_many(session)

    def _account(self, session: Session, chunks: Sequence[Chunk], written: Sequence[Written], blocked: int) -> bool:
        counts = {
            "rows_added": sum(each.added for each in written),
            "rows_updated": sum(each.updated for each in written),
            "rows_unchanged": sum(each.unchanged for each in written),
            "rows_skipped": sum(each.skipped for each in written),
            "rows_unread": sum(chunk.unread for chunk in chunks),
            "rows_listed": blocked,
        }
        rejects = [reject for chunk in chunks for reject in chunk.rejects]
        rows, cut_off = sum(chunk.rows for chunk in chunks), chunks[-1].ends_unread
        numbers = dict(self._position.numbers + _numbers(chunks))
        stop = account(session, self._run_id, self._position, rows, chunks[-1].position, counts, rejects, cut_off)
        session.execute(update(ImportRun).where(ImportRun.id == self._run_id).values(numbers=numbers))
        return stop

    def is_cancelled(self) -> bool:
        """Whether somebody wants it to stop."""
        with read_transaction(self._engine) as session:
            return bool(session.scalar(select(ImportRun.cancel_requested).where(ImportRun.id == self._run_id)))


def _numbers(chunks: Sequence[Chunk]) -> Counter[str]:
    return sum((Counter(chunk.numbers) for chunk in chunks), Counter[str]())


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


def listed(session: Session, organization_id: int, chunks: Sequence[Chunk]) -> int:
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
