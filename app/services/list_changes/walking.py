"""Goes through contacts in short transactions, each with the progress of its change: one whose worker died is taken up
at the first contact that was not committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from app.bulk import Meant, Rows, change_in_chunks
from app.models import ListChange, ListChangeState
from common.clock import utcnow
from common.errors import ClarionError

#: How many of the contacts were changed.
Write = Callable[[Session, Rows], int]


class Stopped(ClarionError):
    """The change shall not go on."""

    def __init__(self, state: ListChangeState) -> None:
        super().__init__(state.value)
        #: Queued where the worker ends and another goes on.
        self.state = state


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
        """How many were not changed. Raise Stopped."""
        missed = 0

        def accounted(session: Session, chunk: Rows) -> None:
            nonlocal missed
            changed = write(session, chunk)
            self._account(session, changed, chunk[-1][0] if keep_place else None)
            missed += len(chunk) - changed

        if not change_in_chunks(self.engine, meant, accounted, after=after, go_on=self.go_on):
            raise Stopped(ListChangeState.QUEUED)
        return missed

    def _account(self, session: Session, changed: int, place: int | None) -> None:
        """Raise Stopped before the commit: what was asked to stop changes nobody more."""
        values: dict[str, object] = {"done": ListChange.done + changed, "seen_at": utcnow()}
        if place is not None:
            values["through_id"] = place
        mine = (ListChange.id == self.change.id, ListChange.state == ListChangeState.RUNNING)
        asked = update(ListChange).where(*mine).values(values).returning(ListChange.cancel_requested)
        if session.scalar(asked) is not False:
            raise Stopped(ListChangeState.CANCELLED)
