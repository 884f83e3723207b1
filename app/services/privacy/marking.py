"""Marks of attempts: made in the background for those that are over, a few hundred at a time, and read by whoever looks
for a person in all of them.

Nothing is missed: what has no marks is read itself, and a row that is written among attempts that have marks takes
those away (triggers, revision 0048). So marks are first announced, and made once every transaction that may not have
seen that is over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Engine, and_, delete, func, insert, literal_column, select, text, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.core.marks import Wanted, packed_marks, strings_of
from app.core.traces import Traces
from app.db import among, read_transaction, write_transaction
from app.models import Attempt, AttemptMarks, AttemptResult, AttemptState, AttemptTrace
from common.ids import first_id_at

#: Attempts whose marks are kept together, and how often that many are announced at a time.
TOGETHER, _AT_A_TIME = 500, 10
#: A call that takes longer than this takes the marks of its neighbours away when it ends.
_LONGEST_CALL = timedelta(days=1)
#: Attempts that began since then are left for later: some are not committed yet.
_FRESH = timedelta(minutes=2)
#: Seconds until transactions that were under way when marks were announced are over; if not, the next turn goes on.
_PATIENCE = 2.0
_SNAPSHOT = "SELECT pg_snapshot_{end}(pg_current_snapshot())::text::bigint"


@dataclass(frozen=True, slots=True)
class Span:
    """Attempts after one, up to another; "" is the beginning and the end."""

    after: str
    through: str

    def holds(self, column: InstrumentedAttribute[str] | Column[str]) -> ColumnElement[bool]:
        return and_(column > self.after, *([column <= self.through] if self.through else []))


def mark(engine: Engine, now: datetime) -> bool:
    """Announce and make some marks; whether there may be more to do."""
    more = _announce(engine, now)
    with read_transaction(engine) as session:
        columns = (AttemptMarks.id, AttemptMarks.after_id, AttemptMarks.through_id)
        waiting = session.execute(select(*columns).where(AttemptMarks.marks.is_(None))).all()
    if waiting and _all_have_seen(engine):
        for key, after, through in waiting:
            _make(engine, key, Span(after, through))
    return more


def spans_to_read(session: Session, traces: Traces) -> list[Span]:
    """Where the person may be: all other attempts certainly do not hold them."""
    wanted, reached, found = Wanted.of(traces), "", list[Span]()
    columns = (AttemptMarks.after_id, AttemptMarks.through_id, AttemptMarks.marks)
    rows = session.execute(select(*columns).order_by(AttemptMarks.through_id).execution_options(yield_per=200))
    for after, through, marks in rows:
        if after != reached:
            _extend(found, reached, after)
        if marks is None or wanted.may_be_in(marks):
            _extend(found, after, through)
        reached = through
    _extend(found, reached, "")
    return found


def attempts_to(session: Session, home: int, traces: Traces) -> list[str]:
    """Attempts of the organization to the person's addresses that are over, whoever's they were then."""
    addresses = sorted(traces.phones | traces.emails)
    if not addresses:
        return []
    found: list[str] = []
    mine = (Attempt.organization_id == home, Attempt.state == AttemptState.DONE)
    for span in spans_to_read(session, Traces(traces.phones, traces.emails)):
        wanted = select(Attempt.id).where(span.holds(Attempt.id), *mine, among(session, Attempt.address, addresses))
        found += session.scalars(wanted)
    return found


def unmark(session: Session, attempt_ids: Sequence[str]) -> None:
    """Something of these attempts was taken away: the marks of it go too, and are made again without it."""
    around = aliased(AttemptMarks)
    last = select(func.min(around.through_id)).where(around.through_id >= Attempt.id).scalar_subquery()
    through = select(last).where(among(session, Attempt.id, attempt_ids))
    session.execute(delete(AttemptMarks).where(AttemptMarks.through_id.in_(through)))


def _extend(found: list[Span], after: str, through: str) -> None:
    if found and found[-1].through == after:
        after = found.pop().after
    found.append(Span(after, through))


def _announce(engine: Engine, now: datetime) -> bool:
    """The first attempts that have no marks."""
    with read_transaction(engine) as session:
        gap = _first_gap(session)
        until = [] if gap.through else [Attempt.id < _over(session, now)]
        missing = select(Attempt.id).where(gap.holds(Attempt.id), *until).order_by(Attempt.id)
        ids = list(session.scalars(missing.limit(TOGETHER * _AT_A_TIME)))
    ends = ids[TOGETHER - 1 :: TOGETHER]
    if gap.through and len(ids) < TOGETHER * _AT_A_TIME and gap.through not in ends:
        ends.append(gap.through)
    if not ends:
        return False
    rows = [
        {"after_id": after, "through_id": through}
        for after, through in zip([gap.after, *ends[:-1]], ends, strict=True)
    ]  # fmt: skip
    with write_transaction(engine) as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(select(func.pg_advisory_xact_lock(func.hashtext("attempt_marks"))))
        within = (AttemptMarks.through_id > gap.after, AttemptMarks.after_id < ends[-1])
        if session.scalar(select(AttemptMarks.id).where(*within).limit(1)) is None:
            session.execute(insert(AttemptMarks), rows)
    return True


def _first_gap(session: Session) -> Span:
    """Between two rows, or after the last."""
    before = aliased(AttemptMarks)
    follows = select(before.id).where(before.through_id == AttemptMarks.after_id).exists()
    behind = select(AttemptMarks.after_id).where(AttemptMarks.after_id != "", ~follows)
    end = session.scalar(behind.order_by(AttemptMarks.through_id).limit(1)) or ""
    last = select(func.max(AttemptMarks.through_id)).where(*([AttemptMarks.through_id <= end] if end else []))
    return Span(session.scalar(last) or "", end)


def _over(session: Session, now: datetime) -> str:
    """Attempts before this one are over, but for calls that take uncommonly long."""
    # Written out, so that the partial index of them serves.
    under_way = session.scalars(select(Attempt.id).where(Attempt.state == literal_column("'in_progress'")))
    long_ago, fresh = first_id_at(now - _LONGEST_CALL), first_id_at(now - _FRESH)
    return min([fresh, *(key for key in under_way if key >= long_ago)])


def _all_have_seen(engine: Engine) -> bool:
    """Every transaction that began to write before this is over. On SQLite there was none but our own."""
    if engine.dialect.name == "sqlite":
        return True
    deadline = time.monotonic() + _PATIENCE
    with read_transaction(engine) as session:
        newest = session.execute(text(_SNAPSHOT.format(end="xmax"))).scalar_one()
    while True:
        with read_transaction(engine) as session:
            if session.execute(text(_SNAPSHOT.format(end="xmin"))).scalar_one() >= newest:
                return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)


def _make(engine: Engine, key: int, span: Span) -> None:
    with read_transaction(engine) as session:
        packed = packed_marks(_texts(session, span))
    with write_transaction(engine) as session:
        session.execute(update(AttemptMarks).where(AttemptMarks.id == key).values(marks=packed))


def _texts(session: Session, span: Span) -> Iterator[str]:
    yield from session.scalars(select(Attempt.address).where(span.holds(Attempt.id)))
    traces = select(AttemptTrace.steps).where(span.holds(AttemptTrace.attempt_id))
    posted = select(AttemptResult.values).where(span.holds(AttemptResult.attempt_id))
    for value in (*session.scalars(traces), *session.scalars(posted)):
        yield from strings_of(value)
