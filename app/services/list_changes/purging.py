"""Removes for good whom a deletion, or a file that is the whole list, has marked and nobody can put back any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, Select, delete, select, update
from sqlalchemy.orm import Session

from app.bulk import HEAVY, Rows, change_in_chunks, ids_of
from app.core.retention import UNDO_FOR
from app.db import among, bulk_engine, read_transaction, write_in_chunks, write_transaction
from app.models import (
    Contact,
    ContactExclusion,
    ImportRun,
    ImportState,
    JobContact,
    ListChange,
    ListChangeKind,
    Removal,
)
from app.security.access import Actor
from app.services.audit import record
from app.services.contact_names import names_in_order, take_names_out
from app.services.list_changes.asking import OPEN

#: Contacts whose names are taken out together: so many that there are several on each page of the index.
_SLAB = 100_000
#: Putting back that was begun in time is through by then.
_GRACE = timedelta(hours=1)
_UNUSED = ~select(JobContact.id).where(JobContact.contact_id == Contact.id).exists()
_CALLABLE = ~select(ContactExclusion.id).where(ContactExclusion.contact_id == Contact.id).exists()


@dataclass(frozen=True, slots=True)
class _Purge:
    """Of whom one deletion or import has marked with its moment."""

    of: ListChange | ImportRun
    marked_at: datetime | None
    after: int
    #: The column that keeps how far it is.
    place: str
    #: What the audit trail calls it.
    action: str


def purge_next(engine: Engine, now: datetime, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Go on with the oldest purge that is due, as far as `go_on` lets; False where none is.

    Contacts that jobs have had stay marked: their reports speak of them. So do those who are excluded from calling: a
    later file would bring somebody who may be called.
    """
    purge = _due_deletion(engine, now) or _due_removal(engine, now)
    if purge is None:
        return False
    marked = (Contact.contact_list_id == purge.of.contact_list_id, Contact.deleted_at == purge.marked_at)
    after = purge.after
    with bulk_engine(engine) as bulk:
        while slab := _ids(bulk, select(Contact.id).where(*marked, Contact.id > after)):
            write_in_chunks(bulk, _names(bulk, slab), take_names_out, first=500, largest=5000, least=100)
            if not _remove(bulk, (*marked, _UNUSED, _CALLABLE, Contact.id <= slab[-1]), after, go_on):
                return True
            after = slab[-1]
            _note(bulk, purge, purge.place, after)
    _note(engine, purge, "purged_at", now)
    with write_transaction(engine) as session:
        record(session, Actor.system(purge.of.organization_id), purge.action, purge.of)
    return True


def _due_deletion(engine: Engine, now: datetime) -> _Purge | None:
    """Not one that is being put back at this moment."""
    back = select(ListChange.undoes_id).where(ListChange.undoes_id.is_not(None), ListChange.state.in_(OPEN))
    due = (
        ListChange.purged_at.is_(None),
        ListChange.undo_until <= now,
        ListChange.state.not_in(OPEN),
        ListChange.kind == ListChangeKind.DELETE,
        ListChange.id.not_in(back),
    )
    with read_transaction(engine) as session:
        change = session.scalar(select(ListChange).where(*due).order_by(ListChange.undo_until).limit(1))
    if change is None:
        return None
    return _Purge(change, change.created_at, change.through_id, "through_id", "list_change.purge")


def _due_removal(engine: Engine, now: datetime) -> _Purge | None:
    due = (
        ImportRun.purged_at.is_(None),
        ImportRun.removed_at <= now - UNDO_FOR - _GRACE,
        ImportRun.removal == Removal.DONE,
        ImportRun.rows_removed > 0,
        ImportRun.state.not_in((ImportState.QUEUED, ImportState.RUNNING)),
    )
    with read_transaction(engine) as session:
        run = session.scalar(select(ImportRun).where(*due).order_by(ImportRun.removed_at).limit(1))
    if run is None:
        return None
    return _Purge(run, run.removed_at, run.purged_through_id, "purged_through_id", "import.purge")


def _remove(engine: Engine, which: Sequence[ColumnElement[bool]], after: int, go_on: Callable[[], bool]) -> bool:
    """False where it is not through."""

    def meant(place: int) -> Select[int]:
        return select(Contact.id).where(*which, Contact.id > place).order_by(Contact.id)

    def write(session: Session, rows: Rows) -> None:
        session.execute(delete(Contact).where(among(session, Contact.id, ids_of(rows)), *which))

    return change_in_chunks(engine, meant, write, after=after, go_on=go_on, sizes=HEAVY)


def _ids(engine: Engine, which: Select[int]) -> list[int]:
    with read_transaction(engine) as session:
        return list(session.scalars(which.order_by(Contact.id).limit(_SLAB)))


def _names(engine: Engine, contact_ids: Sequence[int]) -> list[tuple[int, str, int]]:
    with read_transaction(engine) as session:
        return names_in_order(session, contact_ids)


def _note(engine: Engine, purge: _Purge, column: str, value: int | datetime) -> None:
    """How far it is, or that it is done."""
    row = type(purge.of)
    with write_transaction(engine) as session:
        session.execute(update(row).where(row.id == purge.of.id).values({column: value}))
