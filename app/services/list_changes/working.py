"""Does the changes that were asked for.

Whatever it does may be done again: a worker that comes back late beside another changes nobody twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import CursorResult, Engine, Select, or_, select, update
from sqlalchemy.orm import Session

from app.bulk import Rows, ids_of
from app.core.audience import filter_from_json
from app.core.retention import UNDO_FOR
from app.db import among, bulk_engine, is_away, read_transaction, write_transaction
from app.models import Attempt, AttemptState, Contact, ListChange, ListChangeKind, ListChangeState
from app.services.audience.sql import Compiler, successful_codes
from app.services.audit import record
from app.services.contact_names import enter_names_by_id
from app.services.list_changes.asking import asker
from app.services.list_changes.moving import merge, split
from app.services.list_changes.walking import Stopped, Walk
from common.clock import utcnow
from common.errors import ClarionError

log = structlog.get_logger()

#: After so long without a sign of life a worker is taken for dead.
SILENCE = timedelta(seconds=30)


def work_next(engine: Engine, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Do the oldest change that waits, as far as `go_on` lets; False where none does."""
    change = _claim(engine, utcnow())
    if change is None:
        return False
    detail = ""
    try:
        with bulk_engine(engine) as bulk:
            detail = _DOES[ListChangeKind(change.kind)](Walk(bulk, change, go_on))
        state = ListChangeState.COMPLETED
    except Stopped as stopped:
        state = stopped.state
    except ClarionError as error:
        state, detail = ListChangeState.FAILED, str(error)
    except Exception as error:
        if not is_away(error):
            _end(engine, change.id, ListChangeState.FAILED, "stopped by a defect of Clarion; the log says more")
        raise
    _end(engine, change.id, state, detail)
    return True


def _delete(walk: Walk) -> str:
    """Whoever is being called at this moment is asked about again at the end, and stays if the call goes on still: the
    call's pages and its agent speak of the contact until then. Jobs that wait for a contact find it deleted when its
    turn comes, and end with it by themselves.

    Names stay entered until the purge, which takes them out in their order: `updated_at` stays, as the triggers ask."""
    change = walk.change
    mine = (Contact.contact_list_id == change.contact_list_id, Contact.deleted_at.is_(None))
    made = filter_from_json(change.asked["filter"])
    with read_transaction(walk.engine) as session:
        successes = successful_codes(session, change.organization_id)
    compiler = Compiler(walk.engine.dialect.name, change.asked["types"], change.created_at, successes)
    # Who was deleted and came again has an old id.
    seen = (Contact.id <= change.last_id, Contact.created_at <= change.created_at)
    wanted = (*mine, *seen, compiler.where(made))
    calling = select(Attempt.contact_id).where(Attempt.state == AttemptState.IN_PROGRESS)

    def mark(session: Session, rows: Rows) -> int:
        marked = update(Contact).where(among(session, Contact.id, ids_of(rows)), *mine, Contact.id.not_in(calling))
        return _rows(session.execute(marked.values(deleted_at=change.created_at)))

    def meant(after: int) -> Select[int]:
        return select(Contact.id).where(*wanted, Contact.id > after).order_by(Contact.id)

    walk.on(meant, mark)
    # Whom a worker before this one passed over it alone knew.
    kept = walk.again(meant, mark)
    _keep(walk, kept)
    return f"{kept:,} stay: they are being called now. Delete again when their calls have ended." if kept else ""


def _put_back(walk: Walk) -> str:
    """Those who asked to be erased stay away."""
    change = walk.change
    with read_transaction(walk.engine) as session:
        undone = session.get_one(ListChange, change.undoes_id)
    marked = (
        Contact.contact_list_id == change.contact_list_id,
        Contact.deleted_at == undone.created_at,
        Contact.erased_at.is_(None),
    )

    def unmark(session: Session, rows: Rows) -> int:
        back = update(Contact).where(among(session, Contact.id, ids_of(rows)), *marked)
        done = _rows(session.execute(back.values(deleted_at=None)))
        # Most are there; an import's may not have been entered yet when the contacts were marked.
        enter_names_by_id(session, ids_of(rows))
        return done

    def meant(after: int) -> Select[int]:
        return select(Contact.id).where(*marked, Contact.id > after).order_by(Contact.id)

    walk.on(meant, unmark)
    with read_transaction(walk.engine) as session:
        kept = max(0, change.expected - session.get_one(ListChange, change.id).done)
    _keep(walk, kept)
    return f"{kept:,} are not put back: they came into the list again meanwhile, or were erased." if kept else ""


_DOES: Mapping[ListChangeKind, Callable[[Walk], str]] = {
    ListChangeKind.DELETE: _delete,
    ListChangeKind.PUT_BACK: _put_back,
    ListChangeKind.SPLIT: split,
    ListChangeKind.MERGE: merge,
}


def _claim(engine: Engine, now: datetime) -> ListChange | None:
    """The oldest that waits, or whose worker fell silent; of one list no two at a time."""
    silent = or_(ListChange.seen_at.is_(None), ListChange.seen_at < now - SILENCE)
    waits = or_(ListChange.state == ListChangeState.QUEUED, (ListChange.state == ListChangeState.RUNNING) & silent)
    busy = select(ListChange.contact_list_id).where(ListChange.state == ListChangeState.RUNNING, ~silent)
    oldest = select(ListChange.id).where(waits, ListChange.contact_list_id.not_in(busy))
    with read_transaction(engine) as session:
        wanted = session.scalar(oldest.order_by(ListChange.id).limit(1))
    if wanted is None:
        return None
    with write_transaction(engine) as session:
        claim = update(ListChange).where(ListChange.id == wanted, waits)
        if not _rows(session.execute(claim.values(state=ListChangeState.RUNNING, seen_at=now))):
            return None
        change = session.get_one(ListChange, wanted)
        session.expunge(change)
        return change


def _keep(walk: Walk, kept: int) -> None:
    with write_transaction(walk.engine) as session:
        session.execute(update(ListChange).where(ListChange.id == walk.change.id).values(kept=kept))


def _end(engine: Engine, change_id: int, state: ListChangeState, detail: str) -> None:
    now = utcnow()
    with write_transaction(engine) as session:
        change = session.get(ListChange, change_id)
        if change is None:
            return
        change.state, change.detail = state, detail[:500]
        if state is ListChangeState.QUEUED:
            return
        change.ended_at = now
        # From here on it tells how far the purge is.
        change.through_id = 0
        if change.kind in (ListChangeKind.DELETE, ListChangeKind.SPLIT) and change.done:
            change.undo_until = now + UNDO_FOR
        after = {"state": state.value, "who": change.words, "contacts": change.done, "kept": change.kept}
        record(session, asker(change), f"list_change.{change.kind}", change, after=after)
    log.info("list_change.ended", change=change_id, state=state.value, contacts=change.done, kept=change.kept)


def _rows(result: Any) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount
