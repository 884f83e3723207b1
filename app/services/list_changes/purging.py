"""Removes for good what a deletion has marked and nobody can put back any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, Select, delete, select, update
from sqlalchemy.orm import Session

from app.bulk import Rows, change_in_chunks, ids_of
from app.db import among, bulk_engine, read_transaction, write_in_chunks, write_transaction
from app.models import Contact, JobContact, ListChange, ListChangeKind
from app.security.access import Actor
from app.services.audit import record
from app.services.contact_names import names_in_order, take_names_out
from app.services.list_changes.asking import OPEN

#: Contacts whose names are taken out together: so many that there are several on each page of the index.
_SLAB = 100_000


def purge_next(engine: Engine, now: datetime, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Go on with the oldest purge that is due, as far as `go_on` lets; False where none is.

    Contacts that jobs have had stay marked: their reports speak of them.
    """
    change = _due(engine, now)
    if change is None:
        return False
    marked = (Contact.contact_list_id == change.contact_list_id, Contact.deleted_at == change.created_at)
    after = change.through_id
    with bulk_engine(engine) as bulk:
        while slab := _ids(bulk, select(Contact.id).where(*marked, Contact.id > after)):
            write_in_chunks(bulk, _names(bulk, slab), take_names_out, first=500, largest=5000, least=200)
            if not _remove(bulk, (*marked, Contact.id <= slab[-1]), after, go_on):
                return True
            after = slab[-1]
            _reach(bulk, change.id, after)
    with write_transaction(engine) as session:
        session.execute(update(ListChange).where(ListChange.id == change.id).values(purged_at=now))
        record(session, Actor.system(change.organization_id), "list_change.purge", change)
    return True


def _due(engine: Engine, now: datetime) -> ListChange | None:
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
        return session.scalar(select(ListChange).where(*due).order_by(ListChange.undo_until).limit(1))


def _remove(engine: Engine, which: Sequence[ColumnElement[bool]], after: int, go_on: Callable[[], bool]) -> bool:
    """False where it is not through."""
    free = ~select(JobContact.id).where(JobContact.contact_id == Contact.id).exists()

    def meant(place: int) -> Select[int]:
        return select(Contact.id).where(*which, free, Contact.id > place).order_by(Contact.id)

    def write(session: Session, rows: Rows) -> None:
        session.execute(delete(Contact).where(among(session, Contact.id, ids_of(rows)), *which, free))

    return change_in_chunks(engine, meant, write, after=after, go_on=go_on)


def _ids(engine: Engine, which: Select[int]) -> list[int]:
    with read_transaction(engine) as session:
        return list(session.scalars(which.order_by(Contact.id).limit(_SLAB)))


def _names(engine: Engine, contact_ids: Sequence[int]) -> list[tuple[int, str, int]]:
    with read_transaction(engine) as session:
        return names_in_order(session, contact_ids)


def _reach(engine: Engine, change_id: int, through_id: int) -> None:
    """How far it is."""
    with write_transaction(engine) as session:
        session.execute(update(ListChange).where(ListChange.id == change_id).values(through_id=through_id))
