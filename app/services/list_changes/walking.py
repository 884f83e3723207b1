"""Goes through contacts in short transactions, each with the progress of its change: one whose worker died is taken up
at the first contact that was not committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, Select, update
from sqlalchemy.orm import Session

from app.db import chunk_budget, next_chunk_size, read_transaction, timed_write
from app.models import ListChange, ListChangeState
from common.clock import utcnow
from common.errors import ClarionError

#: Contacts that are looked for at a time, and written in one transaction at first, at least and at most. Fewer would
#: not hold the write lock shorter: on a busy disk the commit alone takes longer than they do.
_PAGE, _FIRST, _LEAST, _LARGEST = 5000, 300, 200, 5000

#: Rows that begin with a contact's id, of those after the one given, in their order.
Meant = Callable[[int], Select[*tuple[Any, ...]]]
#: How many of the contacts were changed.
Write = Callable[[Session, Sequence[Row[*tuple[Any, ...]]]], int]


def ids_of(rows: Sequence[Row[*tuple[Any, ...]]]) -> list[int]:
    return [row[0] for row in rows]


class Stopped(ClarionError):
    """The change shall not go on."""

    def __init__(self, state: ListChangeState) -> None:
        super().__init__(state.value)
        #: Queued where the worker ends and another goes on.
        self.state = state


def in_chunks(engine: Engine, meant: Meant, write: Write, *, after: int, go_on: Callable[[], bool]) -> int:
    """Write all that are meant, leaving room for other writers in between; how many were not changed. Raise Stopped."""
    missed, size = 0, _FIRST
    while True:
        with read_transaction(engine) as session:
            page = session.execute(meant(after).limit(_PAGE)).all()
        if not page:
            return missed
        start = 0
        while start < len(page):
            if not go_on():
                raise Stopped(ListChangeState.QUEUED)
            chunk = page[start : start + size]
            with timed_write(engine) as (session, held):
                missed += len(chunk) - write(session, chunk)
            start += len(chunk)
            size = max(_LEAST, next_chunk_size(size, held(), _LARGEST, chunk_budget(engine)))
        after = page[-1][0]


@dataclass(frozen=True, slots=True)
class Walk:
    """Of one change, by one worker."""

    engine: Engine
    change: ListChange
    go_on: Callable[[], bool]

    def on(self, meant: Meant, write: Write) -> int:
        """From where the change stands."""
        return self._walk(meant, write, self.change.through_id, keep_place=True)

    def again(self, meant: Meant, write: Write) -> int:
        """From the beginning, which a crash makes it do once more."""
        return self._walk(meant, write, 0, keep_place=False)

    def _walk(self, meant: Meant, write: Write, after: int, *, keep_place: bool) -> int:
        def accounted(session: Session, chunk: Sequence[Row[*tuple[Any, ...]]]) -> int:
            changed = write(session, chunk)
            self._account(session, changed, chunk[-1][0] if keep_place else None)
            return changed

        return in_chunks(self.engine, meant, accounted, after=after, go_on=self.go_on)

    def _account(self, session: Session, changed: int, place: int | None) -> None:
        """Raise Stopped before the commit: what was asked to stop changes nobody more."""
        values: dict[str, object] = {"done": ListChange.done + changed, "seen_at": utcnow()}
        if place is not None:
            values["through_id"] = place
        mine = (ListChange.id == self.change.id, ListChange.state == ListChangeState.RUNNING)
        asked = update(ListChange).where(*mine).values(values).returning(ListChange.cancel_requested)
        if session.scalar(asked) is not False:
            raise Stopped(ListChangeState.CANCELLED)
