"""A job begins with its list as it was or as it will be, whatever an import that replaces it does meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from app.db import read_transaction, write_transaction
from app.models import Campaign, Contact, ImportRun, ImportState, Job, JobContact, Removal
from app.security.access import Actor
from app.services import jobs
from common.clock import SystemClock, utcnow
from engine import leases
from engine.director import Director
from engine.replacing import MARGIN
from tests.support.organizations import World, build

ROOT = Actor.system()


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        return build(session, "Meadow")


@pytest.fixture
def job_id(engine: Engine, world: World) -> int:
    with write_transaction(engine) as session:
        session.execute(update(Job).values(state="completed"))
        session.execute(update(Campaign).where(Campaign.id == world.campaign).values(filter_id=None))
        return jobs.start_job(session, ROOT, world.campaign).id


def freeze(engine: Engine, job_id: int, go_on: Callable[[], bool] = lambda: True) -> Job:
    now = utcnow()
    lease = leases.acquire(engine, leases.DIRECTOR, "test", now, now + timedelta(minutes=1))
    assert lease is not None
    Director(engine, SystemClock()).freeze(lease, job_id, go_on)
    with read_transaction(engine) as session:
        return session.get_one(Job, job_id)


def replacement(engine: Engine, world: World, state: ImportState) -> int:
    with write_transaction(engine) as session:
        run = ImportRun(
            organization_id=world.organization_id, contact_list_id=world.contact_list, file_name="new.csv", state=state,
            mapping={}, mode="replace", started_at=utcnow(),
        )  # fmt: skip
        session.add(run)
        session.flush()
        return run.id


def ended(engine: Engine, run_id: int, ago: timedelta, state: ImportState = ImportState.COMPLETED) -> None:
    with write_transaction(engine) as session:
        values = {"state": state.value, "ended_at": utcnow() - ago}
        session.execute(update(ImportRun).where(ImportRun.id == run_id).values(values))


def frozen(engine: Engine, job_id: int) -> int:
    with read_transaction(engine) as session:
        return session.scalar(select(func.count()).where(JobContact.job_id == job_id)) or 0


def test_a_job_waits_while_its_list_is_replaced(engine: Engine, world: World, job_id: int) -> None:
    replacement(engine, world, ImportState.QUEUED)
    run_id = replacement(engine, world, ImportState.RUNNING)
    job = freeze(engine, job_id)
    assert (job.state, job.detail) == ("queued", f"waits for its contact list: import {run_id} replaces it")
    assert frozen(engine, job_id) == 0
    ended(engine, run_id, 2 * MARGIN)
    job = freeze(engine, job_id)
    assert (job.state, job.detail, job.frozen) == ("running", "", True)
    assert frozen(engine, job_id) == job.audience > 0


def test_a_job_waits_while_people_are_taken_out_by_word_and_not_for_the_word(
    engine: Engine, world: World, job_id: int
) -> None:
    run_id = replacement(engine, world, ImportState.COMPLETED)

    def stands(removal: Removal) -> str:
        with write_transaction(engine) as session:
            session.execute(update(ImportRun).where(ImportRun.id == run_id).values(removal=removal.value))
        return freeze(engine, job_id).state

    assert stands(Removal.TAKING) == "queued"
    assert stands(Removal.HELD) == "running"


@pytest.mark.parametrize("state", [ImportState.FAILED, ImportState.CANCELLED])
def test_no_job_waits_for_a_replacement_that_came_to_nothing(
    engine: Engine, world: World, job_id: int, state: ImportState
) -> None:
    run_id = replacement(engine, world, state)
    ended(engine, run_id, 2 * MARGIN, state)
    assert freeze(engine, job_id).state == "running"


def test_an_audience_that_was_frozen_meanwhile_is_frozen_again(engine: Engine, world: World, job_id: int) -> None:
    runs: list[int] = []

    def replaced_meanwhile() -> bool:
        if not runs:
            runs.append(replacement(engine, world, ImportState.RUNNING))
        return True

    job = freeze(engine, job_id, replaced_meanwhile)
    assert (job.state, job.audience, job.frozen) == ("queued", 0, False)
    assert frozen(engine, job_id) == 0
    with write_transaction(engine) as session:
        session.execute(update(Contact).where(Contact.id == world.contact).values(deleted_at=utcnow()))
    ended(engine, runs[0], 2 * MARGIN)
    job = freeze(engine, job_id)
    assert job.state == "running"
    with read_transaction(engine) as session:
        audience = session.scalars(select(JobContact.contact_id).where(JobContact.job_id == job_id)).all()
    assert world.contact not in audience
