"""Deletion by filter, its undoing, emptying and the purge of a list of a million contacts by the served web role; how
long somebody who writes a row every few milliseconds waits meanwhile, and what the panel's pages take. Beside it a bare
UPDATE of the same rows in one statement, beside which nobody else could write on SQLite. A change that does not end
completed, with as many contacts as it was to take, is not met, and the benchmark then ends with 1.

    python -m benchmarks.list_changes [--contacts N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, func, select, text, update

from app.core.audience import Condition, Filter, Group, Operator
from app.db import make_engine, read_transaction, upgrade, write_transaction
from app.models import Contact, ListChange, ListChangeState, Organization
from app.security.access import Actor
from app.services import list_changes, lists
from benchmarks.job_start import served
from benchmarks.support.on_both import on_both
from benchmarks.support.people import fill
from benchmarks.support.visitor import Visitor, Watch
from common.clock import utcnow
from tests.support import panel

MOST_MILLISECONDS, MOST_WAIT = 500.0, 100.0
#: Seconds after which a change counts as stuck: a minute, and one for each so many contacts.
PATIENCE, CONTACTS_PER_SECOND = 60.0, 2_000
ROOT = Actor.system()
#: Half of the contacts.
HALF = Filter((Group((Condition("attribute.balance", Operator.AT_LEAST, "200000"),)),))


class Writer:
    """Writes a row over and over, and notes how long each commit took with its wait for the lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.taken: list[float] = []

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.02):
            started = time.monotonic()
            with write_transaction(self._engine) as session:
                session.execute(update(Organization).values(name=Organization.name))
            self.taken.append((time.monotonic() - started) * 1000)


def prepare(engine: Engine, contacts: int) -> int:
    world = panel.build(engine, contacts=3)
    with write_transaction(engine) as session:
        big = lists.create_list(session, ROOT, "Million")
        lists.define_attribute(session, ROOT, "balance", "integer")
    fill(engine, world.organization_id, big.id, contacts, first=world.contact_id + 1000)
    enter(engine)
    return big.id


def enter(engine: Engine) -> None:
    """The names, as an import's are entered: triggers follow what is deleted."""
    first, last = (
        f"SELECT organization_id, lower({name}), id FROM contact WHERE {name} <> ''"
        for name in ("first_name", "last_name")
    )
    names = f"{first} UNION {last}"
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM contact_name"))
        connection.execute(text(f"INSERT INTO contact_name SELECT * FROM ({names}) AS named ORDER BY 1, 2, 3"))


def deletion(engine: Engine, list_id: int, made: Filter) -> int:
    with read_transaction(engine) as session:
        started = time.monotonic()
        seen = list_changes.look(session, ROOT, list_id, made, utcnow())
        print(f"  {seen.preview.counted:,} contacts counted in {time.monotonic() - started:.1f} s before the question")
    with write_transaction(engine) as session:
        counted = seen.preview.counted
        return list_changes.start_deletion(session, ROOT, list_id, made, expected=counted, last_id=seen.last_id).id


def undoing(engine: Engine, change_id: int) -> int:
    with write_transaction(engine) as session:
        return list_changes.undo(session, ROOT, change_id).id


def until(engine: Engine, reached: Callable[[ListChange], bool], change_id: int) -> ListChange:
    """The change as it is then: when it is stuck, not as it should be."""
    started = time.monotonic()
    while True:
        with read_transaction(engine) as session:
            change = session.get_one(ListChange, change_id)
        if reached(change) or time.monotonic() - started > PATIENCE + change.expected / CONTACTS_PER_SECOND:
            return change
        time.sleep(0.2)


def timed(
    engine: Engine, visitor: Visitor, paths: Sequence[str], name: str, change_id: int, *, purge: bool = False
) -> bool:
    """Print how long it took and what others felt; whether the limits are kept. A change that did not do what it was
    asked for ends the benchmark: what comes after it would measure something else."""
    started = time.monotonic()
    with Watch(visitor, paths) as watch, Writer(engine) as writer:
        change = until(engine, lambda it: (it.purged_at if purge else it.ended_at) is not None, change_id)
    if fault := missing(engine, change, purge=purge):
        print(f"  {name}: {fault}: NOT MET", flush=True)
        sys.exit(1)
    seconds = time.monotonic() - started
    waits = np.percentile(writer.taken, [50, 99])
    print(f"  {name}: {change.done:,} contacts in {seconds:.1f} s, {change.done / seconds:,.0f}/s; panel p95"
          f" {watch.p95():.0f} ms; a writer beside it p50 {waits[0]:.0f}, p99 {waits[1]:.0f}, worst"
          f" {max(writer.taken):.0f} ms of {len(writer.taken):,}", flush=True)  # fmt: skip
    if watch.p95() >= MOST_MILLISECONDS:
        print(*watch.lines(), sep="\n")
    return watch.p95() < MOST_MILLISECONDS and float(waits[1]) < MOST_WAIT


def missing(engine: Engine, change: ListChange, *, purge: bool) -> str:
    """What the change has not done of what it was to do, in words; empty when all is done."""
    if change.state != ListChangeState.COMPLETED or change.done != change.expected:
        return f"{change.state}, {change.done:,} of {change.expected:,} contacts {change.detail}".rstrip()
    if not purge:
        return ""
    marked = (Contact.contact_list_id == change.contact_list_id, Contact.deleted_at == change.created_at)
    with read_transaction(engine) as session:
        left = session.scalars(select(func.count()).select_from(Contact).where(*marked)).one()
    return f"{left:,} contacts are not removed" if left or change.purged_at is None else ""


def bare(engine: Engine, list_id: int) -> float:
    started = time.monotonic()
    with engine.begin() as connection:
        statement = "UPDATE contact SET deleted_at = created_at WHERE contact_list_id = :it"
        connection.execute(text(statement), {"it": list_id})
        taken = time.monotonic() - started
        connection.rollback()
    return taken


def report(backend: str, home: Path, database_url: str, contacts: int) -> None:
    upgrade(database_url)
    engine = make_engine(database_url)
    list_id = prepare(engine, contacts)
    print(f"\n{backend}: a list of {contacts:,} contacts; bare UPDATE of all {bare(engine, list_id):.1f} s")
    paths = ("/", f"/lists/{list_id}", "/lists/", "/contacts/", "/jobs/")
    with served(home, database_url) as visitor:
        for path in paths:
            visitor.get(path)
        half = deletion(engine, list_id, HALF)
        kept = [timed(engine, visitor, paths, "deletion by filter", half)]
        kept.append(timed(engine, visitor, paths, "undoing it", undoing(engine, half)))
        everybody = deletion(engine, list_id, Filter())
        kept.append(timed(engine, visitor, paths, "emptying", everybody))
        with write_transaction(engine) as session:
            over = update(ListChange).where(ListChange.id == everybody)
            session.execute(over.values(undo_until=utcnow() - timedelta(days=1)))
        kept.append(timed(engine, visitor, paths, "purge", everybody, purge=True))
    engine.dispose()
    print(f"  limits: panel p95 {MOST_MILLISECONDS:.0f} ms, a writer's p99 {MOST_WAIT:.0f} ms:"
          f" {'met' if all(kept) else 'NOT MET'}", flush=True)  # fmt: skip


if __name__ == "__main__":
    on_both(__doc__, report)
