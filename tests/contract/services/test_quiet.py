"""The look for other attempts to a person's addresses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from app.db import read_transaction, write_transaction
from app.models import Attempt, JobContact
from app.services.quiet import quiet_addresses
from tests.support.job_rows import START, make_job

NOW = START + timedelta(hours=2)
NUMBER = "+12025550001"


def _attempt(key: str, contact: JobContact, **values: Any) -> Attempt:
    return Attempt(
        **{
            "id": key,
            "organization_id": contact.organization_id,
            "job_id": contact.job_id,
            "job_contact_id": contact.id,
            "contact_id": contact.contact_id,
            "number": int(key),
            "channel": "voice",
            "address": NUMBER,
            "started_at": START,
            **values,
        }
    )


def test_tells_what_is_under_way_and_what_is_unknown_inside_the_guard_time(engine: Engine) -> None:
    make_job(engine, 1)
    unknown = {"state": "done", "completion_code": "OUTCOME_UNKNOWN"}
    with write_transaction(engine) as session:
        contact = session.get_one(JobContact, 1)
        session.add_all(
            [
                _attempt("1", contact, **unknown, ended_at=NOW - timedelta(minutes=61)),
                _attempt("2", contact, **unknown, ended_at=NOW - timedelta(minutes=59), channel="sms"),
                _attempt("3", contact, state="done", completion_code="CALL_BUSY", ended_at=NOW),
                _attempt("4", contact),
                _attempt("5", contact, address="person@example.org"),
            ]
        )
    with read_transaction(engine) as session:
        found = quiet_addresses(session, contact.organization_id, [NUMBER, NUMBER], NOW)
        assert {(other.quiet.channel, other.quiet.ended_at) for other in found} == {
            ("voice", None),
            ("sms", NOW - timedelta(minutes=59)),
        }
        assert {(other.address, other.job_contact_id) for other in found} == {(NUMBER, 1)}
        assert quiet_addresses(session, contact.organization_id + 1, [NUMBER], NOW) == []


def test_looks_by_index(engine: Engine) -> None:
    make_job(engine, 1)
    with read_transaction(engine) as session:
        plan = _plan(session, engine)
    assert "uq_attempt_address_in_progress" in plan
    assert "ix_attempt_unknown" in plan


def _plan(session: Session, engine: Engine) -> str:
    postgres = engine.dialect.name == "postgresql"
    if postgres:
        # Tables this small are read whole otherwise.
        session.execute(text("SET LOCAL enable_seqscan = off"))
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
    quiet_addresses(session, 1, [NUMBER], NOW)
    cursor = session.connection().connection.cursor()
    cursor.execute(f"EXPLAIN {'' if postgres else 'QUERY PLAN'} {asked[-1][0]}", asked[-1][1])
    return str(cursor.fetchall())
