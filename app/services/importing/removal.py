"""Taking out of a list who is not in the file that is the whole list: softly, and only where the file can be trusted.

Who was in the file is kept in the database (`ImportSeen`), row by row in the transactions that count the rows, so that
a run that died goes on with it. What is taken out is marked with the run's own moment, by which it is put back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, case, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.core.retention import UNDO_FOR
from app.db import chunk_budget, next_chunk_size, read_transaction, timed_write, write_transaction
from app.models import Contact, ImportMode, ImportRun, ImportSeen, ImportState, Removal
from app.security.access import Actor, Permission, get_scoped
from app.services.audit import record
from common.clock import utcnow
from common.errors import Refused

_FIRST, _LARGEST, _FEW = 200, 5000, 20_000
_HOLDS_NOBODY = "import {} holds nobody back that could be taken out"
_OPEN = (ImportState.QUEUED, ImportState.RUNNING)


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a file: rows taken, rejected, and of those unread (not even their id is known); of its list: contacts that
    were in it before, and those of them that are not in the file."""

    mode: str
    taken: int
    rejected: int
    unread: int
    cut_off: bool
    before: int
    missing: int
    most_removed: int


def decide(facts: Facts) -> tuple[Removal, str]:
    """What becomes of those who are not in the file, and why in words. Pure."""
    if not facts.taken:
        return Removal.REFUSED, "the file has no row that could be taken, so nobody was taken out of the list"
    if facts.cut_off:
        return Removal.REFUSED, (
            "the file's last row cannot be read, as if it had been cut off, so nobody was taken out of the list; "
            "send it again"
        )
    if facts.rejected > facts.taken:
        return Removal.REFUSED, "more rows were rejected than taken, so nobody was taken out of the list; mend the file"
    if not facts.missing:
        return Removal.DONE, ""
    if facts.unread:
        return Removal.HELD, (
            f"{facts.missing:,} contacts of the list are not in the file, but of {facts.unread:,} rejected rows the id "
            "could not be read, and they may be among them; say whether they shall be taken out"
        )
    if facts.mode == ImportMode.FULL and facts.missing * 100 > facts.before * facts.most_removed:
        share = 100 * facts.missing / facts.before
        return Removal.HELD, (
            f"{facts.missing:,} of {facts.before:,} contacts of the list are not in the file ({share:.1f} %); more "
            f"than {facts.most_removed} % are only taken out when somebody says so"
        )
    return Removal.DONE, ""


def take_out(engine: Engine, run_id: int, is_cancelled: Callable[[], bool]) -> str:
    """At the end of the run's file: decide and do it; words for the report. Again after a crash it goes on. A run that
    is cancelled while it does puts back whom it took out."""
    with read_transaction(engine) as session:
        run = session.get_one(ImportRun, run_id)
    if run.removal == Removal.NONE:
        verdict, words = decide(_facts(engine, run))
        if verdict is Removal.DONE:
            _move(engine, run_id, Removal.NONE, Removal.TAKING, removed_at=utcnow())
        else:
            _move(engine, run_id, Removal.NONE, verdict, detail=words)
        # Another process may have decided first.
        return take_out(engine, run_id, is_cancelled)
    if run.removal == Removal.TAKING:
        _take(engine, run_id, is_cancelled)
    if run.removal != Removal.HELD:
        _forget(engine, run_id)
    return run.detail if run.removal in (Removal.HELD, Removal.REFUSED) else ""


def _take(engine: Engine, run_id: int, is_cancelled: Callable[[], bool]) -> None:
    try:
        whole = _remove(engine, run_id, is_cancelled)
    except Exception:
        _put_back(engine, run_id)
        raise
    if whole:
        _move(engine, run_id, Removal.TAKING, Removal.DONE)
    elif is_cancelled():
        _put_back(engine, run_id)


def confirm_removal(engine: Engine, actor: Actor, run_id: int) -> int:
    """Take out those of a run that was held; how many. What a process that died has begun goes on. Refused once the
    list was imported into again."""
    with write_transaction(engine) as session:
        actor.require(Permission.LISTS_EDIT)
        run = get_scoped(session, actor, ImportRun, run_id)
        held = (ImportRun.id == run_id, ImportRun.removal == Removal.HELD, ImportRun.state.not_in(_OPEN))
        claim = update(ImportRun).where(*held).values(removal=Removal.TAKING.value, removed_at=utcnow())
        claimed = session.execute(claim.returning(ImportRun.id)).one_or_none() is not None
        session.refresh(run)
        if run.removal != Removal.TAKING or run.state in _OPEN:
            raise Refused(_HOLDS_NOBODY.format(run_id))
        if claimed:
            _refuse_later(session, run)
            record(session, actor, "import.remove", run)
    return _complete(engine, run_id)


def dismiss_removal(engine: Engine, actor: Actor, run_id: int) -> None:
    """Leave in the list whom a run that was held would take out; what it held them by is forgotten."""
    with write_transaction(engine) as session:
        actor.require(Permission.LISTS_EDIT)
        run = get_scoped(session, actor, ImportRun, run_id)
        held = (ImportRun.id == run_id, ImportRun.removal == Removal.HELD, ImportRun.state.not_in(_OPEN))
        left = update(ImportRun).where(*held).values(removal=Removal.LEFT.value, detail="")
        if session.execute(left.returning(ImportRun.id)).one_or_none() is None:
            raise Refused(_HOLDS_NOBODY.format(run_id))
        session.refresh(run)
        record(session, actor, "import.leave_in", run)
    _forget(engine, run_id)


def _refuse_later(session: Session, run: ImportRun) -> None:
    mine = (ImportRun.contact_list_id == run.contact_list_id, ImportRun.dry.is_(False), ImportRun.id > run.id)
    later = select(ImportRun.id).where(*mine, or_(ImportRun.rows_read > 0, ImportRun.state.in_(_OPEN)))
    if session.scalar(later.limit(1)) is not None:
        raise Refused("the list was imported into again since; import the whole file anew")


def _complete(engine: Engine, run_id: int) -> int:
    """Do what was confirmed, or the rest of it; how many are out."""
    if _remove(engine, run_id, lambda: False):
        _move(engine, run_id, Removal.TAKING, Removal.DONE, detail="")
        _forget(engine, run_id)
    with read_transaction(engine) as session:
        return session.get_one(ImportRun, run_id).rows_removed


def undo_removal(engine: Engine, actor: Actor, run_id: int) -> int:
    """Put back whom the run took out, as they were; how many. Who was erased since, or is back already, is left. What
    was only confirmed and is still being done stops. Refused once they may be removed for good."""
    with write_transaction(engine) as session:
        actor.require(Permission.LISTS_EDIT)
        run = get_scoped(session, actor, ImportRun, run_id)
        if not may_put_back(run, utcnow()):
            days = f"for {UNDO_FOR.days} days"
            raise Refused(f"import {run_id} has taken nobody out that could be put back, which is possible {days}")
        run.removal = Removal.DONE
        record(session, actor, "import.put_back", run)
    restored = _put_back(engine, run_id)
    _forget(engine, run_id)
    return restored


def may_put_back(run: ImportRun, now: datetime) -> bool:
    """Whether there is anybody whom it took out, and who is not removed for good yet."""
    if run.state in _OPEN or run.removed_at is None:
        return False
    done = run.removal == Removal.DONE and run.rows_removed > 0
    return run.removal == Removal.TAKING or (done and now < run.removed_at + UNDO_FOR)


def give_up_earlier(engine: Engine, run: ImportRun) -> None:
    """What earlier runs into the list still hold back cannot be decided any more once this one begins; what was decided
    is done before."""
    mine = (ImportRun.contact_list_id == run.contact_list_id, ImportRun.id < run.id)
    undecided = or_(
        ImportRun.removal == Removal.HELD, (ImportRun.removal == Removal.TAKING) & ImportRun.state.not_in(_OPEN)
    )
    with read_transaction(engine) as session:
        ids = session.scalars(select(ImportRun.id).where(*mine, undecided)).all()
    words = f"nobody was taken out: import {run.id} came before that was said"
    for run_id in ids:
        if _move(engine, run_id, Removal.HELD, Removal.REFUSED, detail=words):
            _forget(engine, run_id)
        else:
            _complete(engine, run_id)


def abandon(engine: Engine, run_id: int) -> None:
    """Of a run that ends before its file is done with: it takes nobody out."""
    with read_transaction(engine) as session:
        removal = session.get_one(ImportRun, run_id).removal
    if removal == Removal.TAKING:
        _put_back(engine, run_id)
    _move(engine, run_id, Removal.HELD, Removal.REFUSED)
    _forget(engine, run_id)


def _move(engine: Engine, run_id: int, old: Removal, new: Removal, **values: Any) -> bool:
    """Whether the run was at `old`, and is at `new` now."""
    moved = update(ImportRun).where(ImportRun.id == run_id, ImportRun.removal == old)
    with write_transaction(engine) as session:
        found = session.execute(moved.values(removal=new.value, **values).returning(ImportRun.id)).one_or_none()
    return found is not None


def _absent(run: ImportRun) -> tuple[ColumnElement[bool], ...]:
    """Who is in the list and not in the file. Whoever came since the run was begun is of no file yet."""
    seen = exists().where(ImportSeen.import_run_id == run.id, ImportSeen.contact_id == Contact.id)
    return (*was_before(run), ~seen)


def was_before(run: ImportRun) -> tuple[ColumnElement[bool], ...]:
    """Who is in the list, and was before the run was begun."""
    return (
        Contact.contact_list_id == run.contact_list_id,
        Contact.deleted_at.is_(None),
        Contact.created_at < run.started_at,
        or_(Contact.import_run_id.is_(None), Contact.import_run_id != run.id),
    )


def _facts(engine: Engine, run: ImportRun) -> Facts:
    seen = exists().where(ImportSeen.import_run_id == run.id, ImportSeen.contact_id == Contact.id)
    with read_transaction(engine) as session:
        counted = select(func.count(), func.coalesce(func.sum(case((seen, 0), else_=1)), 0)).select_from(Contact)
        before, missing = session.execute(counted.where(*was_before(run))).one()
    taken = run.rows_added + run.rows_updated + run.rows_unchanged + run.rows_skipped
    return Facts(
        run.mode, taken, run.rows_rejected, run.rows_unread, run.cut_off, before, int(missing), run.most_removed
    )


def _remove(engine: Engine, run_id: int, is_cancelled: Callable[[], bool]) -> bool:
    """Whether it came to its end. It needs all who were seen: they are forgotten only after the run has left the
    state, and from then on nobody is marked."""
    with read_transaction(engine) as session:
        run = session.get_one(ImportRun, run_id)
    moment = run.removed_at

    def mark(ids: list[int]) -> Any:
        return update(Contact).where(Contact.id.in_(ids), *_absent(run)).values(deleted_at=moment, updated_at=moment)

    return _walk(engine, run_id, (Removal.TAKING,), _absent(run), mark, 1, is_cancelled)


def _put_back(engine: Engine, run_id: int) -> int:
    with read_transaction(engine) as session:
        run = session.get_one(ImportRun, run_id)
        removed, moment = run.rows_removed, run.removed_at
    gone = (
        Contact.contact_list_id == run.contact_list_id,
        Contact.deleted_at == moment,
        Contact.erased_at.is_(None),
    )

    def restore(ids: list[int]) -> Any:
        return update(Contact).where(Contact.id.in_(ids), *gone).values(deleted_at=None, updated_at=utcnow())

    _walk(engine, run_id, (Removal.TAKING, Removal.DONE), gone, restore, -1, lambda: False)
    with write_transaction(engine) as session:
        run = session.get_one(ImportRun, run_id)
        run.removal = Removal.UNDONE
        return removed - run.rows_removed


def _walk(
    engine: Engine,
    run_id: int,
    during: tuple[Removal, ...],
    which: tuple[ColumnElement[bool], ...],
    change: Callable[[list[int]], Any],
    step: int,
    is_cancelled: Callable[[], bool],
) -> bool:
    """Change contacts in short transactions, each of which counts them on the run by `step`, and is undone where the
    run is in none of the states `during`. Whether none is left."""
    after, size = 0, _FIRST
    while not is_cancelled():
        with read_transaction(engine) as session:
            page = select(Contact.id).where(*which, Contact.id > after).order_by(Contact.id).limit(size)
            ids = list(session.scalars(page))
        if not ids:
            return True
        with timed_write(engine) as (session, held):
            changed = session.connection().execute(change(ids))
            counted = ImportRun.rows_removed + step * changed.rowcount
            mine = update(ImportRun).where(ImportRun.id == run_id, ImportRun.removal.in_(during))
            if session.execute(mine.values(rows_removed=counted).returning(ImportRun.id)).one_or_none() is None:
                session.rollback()
                return False
        after = ids[-1]
        size = next_chunk_size(size, held(), _LARGEST, chunk_budget(engine))
    return False


def forget_leftovers(engine: Engine) -> None:
    """Who was seen by runs that have failed, were cancelled, or are gone with their list: nobody decides by it."""
    last = 0
    while True:
        with read_transaction(engine) as session:
            # The next run at each step: one look into the index, however many rows a run has.
            first = select(func.min(ImportSeen.import_run_id)).where(ImportSeen.import_run_id > last)
            found = session.scalar(first)
            run = session.get(ImportRun, found) if found is not None else None
        if found is None:
            return
        needed = run is not None and (run.state in _OPEN or run.removal in (Removal.HELD, Removal.TAKING))
        if not needed:
            _forget(engine, found)
        last = found


def _forget(engine: Engine, run_id: int) -> None:
    mine = ImportSeen.import_run_id == run_id
    gone = True
    while gone:
        with timed_write(engine) as (session, _):
            some = select(ImportSeen.contact_id).where(mine).order_by(ImportSeen.contact_id).limit(_FEW)
            ids = list(session.scalars(some))
            if ids:
                session.execute(delete(ImportSeen).where(mine, ImportSeen.contact_id <= ids[-1]))
            gone = bool(ids)
