"""Goes through contacts in short transactions, each with the progress of its change: one whose worker died is taken up
at the first contact that was not committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, Select, update
from sqlalchemy.orm import Session

from app.db import chunk_budget, next_chunk_size, read_transaction, timed_write
from app.models import ListChange, ListChangeState
from common.clock import utcnow
from common.errors import ClarionError

#: Contacts that are looked for at a time, and written in one transaction at first and at most.
_PAGE, _FIRST, _LARGEST = 5000, 300, 5000

#: Ids after the one given, in their order.
Meant = Callable[[int], Select[int]]
#: How many of the contacts were changed.
Write = Callable[[Session, Sequence[int]], int]


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
            page = list(session.scalars(meant(after).limit(_PAGE)))
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
            size = next_chunk_size(size, held(), _LARGEST, chunk_budget(engine))
        after = page[-1]


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
        def accounted(session: Session, chunk: Sequence[int]) -> int:
            changed = write(session, chunk)
            self._account(session, changed, chunk[-1] if keep_place else None)
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
