"""A job's contacts belong to it: on SQLite by a foreign key, on PostgreSQL by triggers that look once a statement."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from app import db
from app.models import Job, JobContact
from common.clock import utcnow
from tests.support.job_rows import make_job

pytestmark = pytest.mark.integration


def count(engine: Engine) -> int | None:
    with db.read_transaction(engine) as session:
        return session.scalar(select(func.count()).select_from(JobContact))


def test_a_contact_of_no_job_is_refused(engine: Engine) -> None:
    job_id = make_job(engine, 3)
    row = {
        "organization_id": 1, "contact_id": 1, "lane": 1, "due_at": utcnow(), "strategy_state": {},
        "updated_at": utcnow(),
    }  # fmt: skip
    with pytest.raises(IntegrityError), db.write_transaction(engine) as session:
        session.execute(insert(JobContact), [{**row, "job_id": job_id + 1}])
    assert count(engine) == 3


def test_they_go_with_their_job(engine: Engine) -> None:
    job_id = make_job(engine, 3)
    with db.write_transaction(engine) as session:
        session.execute(delete(Job).where(Job.id == job_id))
    assert count(engine) == 0
