"""An erasure reads few of many attempts, and misses none that names the person, however late it was written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from app.core.traces import Traces
from app.db import read_transaction, write_transaction
from app.models import Attempt, AttemptMarks, AttemptResult, AttemptState, AttemptTrace, Job, JobContact
from app.security import pseudonyms
from app.services.privacy import blotting, emptying, marking
from app.services.privacy.marking import Span
from common.clock import utcnow
from common.ids import first_id_at
from tests.support.job_rows import make_job

NUMBER = "+12025559876"
TRACES = Traces(frozenset({NUMBER}), names=frozenset({("Zoe", "Quackenbush")}))
LATER = utcnow() + timedelta(hours=1)


def key(number: int) -> str:
    """Of attempt `number`: one a second, the first two hours ago."""
    return first_id_at(LATER - timedelta(hours=3) + timedelta(seconds=number))


@pytest.fixture
def home(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> int:
    """Thirty attempts to others that are over, marks of five at a time."""
    monkeypatch.setattr(marking, "TOGETHER", 5)
    job_id = make_job(engine, 1)
    with write_transaction(engine) as session:
        home, person = session.get_one(Job, job_id).organization_id, session.scalars(select(JobContact)).one()
        rows = [
            {
                "id": key(number), "organization_id": home, "job_id": job_id, "job_contact_id": person.id,
                "contact_id": person.contact_id, "number": number + 1, "channel": "voice", "action": "h",
                "address": f"+1202555{number:04}", "state": AttemptState.DONE, "started_at": utcnow(),
            }
            for number in range(30)
        ]  # fmt: skip
        session.execute(insert(Attempt), rows)
        steps = [{"kind": "vxml", "text": "prompt: hello Somebody Else"}]
        session.execute(insert(AttemptTrace), [{"attempt_id": row["id"], "steps": steps} for row in rows[::2]])
    return home


def mark(engine: Engine) -> None:
    while marking.mark(engine, LATER):
        pass
    with read_transaction(engine) as session:
        assert session.scalars(select(AttemptMarks.id).where(AttemptMarks.marks.is_(None))).all() == []


def spans(engine: Engine) -> list[Span]:
    with read_transaction(engine) as session:
        return marking.spans_to_read(session, TRACES)


def say(engine: Engine, number: int, text: str) -> None:
    with write_transaction(engine) as session:
        session.add(AttemptTrace(attempt_id=key(number), steps=[{"kind": "vxml", "text": text}]))


def blot(engine: Engine, home: int) -> int:
    return blotting.everywhere(engine, home, TRACES)


def test_only_where_the_person_may_be_is_read(engine: Engine, home: int) -> None:
    assert spans(engine) == [Span("", "")]
    say(engine, 7, "heard: Quackenbush, Zoe")
    mark(engine)
    assert spans(engine) == [Span(key(4), key(9)), Span(key(29), "")]
    assert blot(engine, home) == 1
    with read_transaction(engine) as session:
        assert "Quackenbush" not in str(session.get_one(AttemptTrace, key(7)).steps)
        # Marks of what is gone are gone as well, until they are made anew.
        assert session.scalars(select(AttemptMarks.id).where(AttemptMarks.through_id == key(9))).all() == []
    mark(engine)
    assert spans(engine) == [Span(key(29), "")]


def test_what_is_written_among_the_marked_later_is_found(engine: Engine, home: int) -> None:
    mark(engine)
    say(engine, 11, "heard: Quackenbush, Zoe")
    with write_transaction(engine) as session:
        session.add(AttemptResult(attempt_id=key(21), at=utcnow(), values={"called": NUMBER}))
        row = session.get_one(Attempt, key(2))
        session.expunge(row)
        values = {column.name: getattr(row, column.name) for column in Attempt.__table__.columns}
        session.execute(insert(Attempt).values({**values, "id": key(2) + "x", "number": 99, "address": NUMBER}))
    assert spans(engine) == [
        Span("", key(4)), Span(key(9), key(14)), Span(key(19), key(24)), Span(key(29), ""),
    ]  # fmt: skip
    with read_transaction(engine) as session:
        assert marking.attempts_to(session, home, TRACES) == [key(2) + "x"]
        assert marking.attempts_to(session, home + 1, TRACES) == []
    assert blot(engine, home) == 2


def test_marks_close_over_what_is_gone_and_wait_for_calls_under_way(engine: Engine, home: int) -> None:
    with write_transaction(engine) as session:
        session.execute(update(Attempt).where(Attempt.id == key(18)).values(state=AttemptState.IN_PROGRESS))
    mark(engine)
    assert spans(engine) == [Span(key(14), "")]
    with write_transaction(engine) as session:
        session.execute(delete(AttemptMarks).where(AttemptMarks.through_id.in_([key(4), key(9)])))
        session.execute(delete(AttemptTrace).where(AttemptTrace.attempt_id < key(9)))
        session.execute(delete(Attempt).where(Attempt.id < key(8)))
    assert spans(engine) == [Span("", key(9)), Span(key(14), "")]
    mark(engine)
    assert spans(engine) == [Span(key(14), "")]


def test_marks_go_with_the_attempts_of_an_erased_person(engine: Engine, home: int) -> None:
    pseudonyms.attach(engine, "the installation's own secret")
    with write_transaction(engine) as session:
        session.execute(update(Attempt).where(Attempt.id == key(13)).values(address=NUMBER))
    mark(engine)
    counts = emptying.empty(engine, home, [], {("phone", NUMBER)}, TRACES)
    assert counts["attempts"] == 1
    assert spans(engine) == [Span(key(9), key(14)), Span(key(29), "")]
