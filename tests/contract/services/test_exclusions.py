"""Contacts that are excluded from calling: no audience has them, none is attempted, and it can be reset."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app import bulk
from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    Campaign,
    Contact,
    ContactChange,
    ContactExclusion,
    ImportReject,
    ImportRun,
    Job,
    JobContact,
    Organization,
)
from app.security.access import Actor
from app.services import contacts, exclusions, explain, importing, jobs, lists
from app.services.importing import naming
from common.clock import SystemClock, utcnow
from common.errors import Refused
from engine import leases
from engine.director import Director
from engine.people import look_up
from tests.support.organizations import World, build

ROOT = Actor.system()


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        made = build(session, "Meadow")
        session.execute(update(Job).values(state="completed"))
        session.execute(update(Campaign).values(filter_id=None))
    return made


@pytest.fixture
def people(engine: Engine, world: World) -> int:
    """A list of the world's campaign: contacts P1 to P4, the last two of whom share a number."""
    with write_transaction(engine) as session:
        list_id = lists.create_list(session, ROOT, "People", organization_id=world.organization_id).id
        for number in range(1, 5):
            contact = Contact(
                organization_id=world.organization_id, contact_list_id=list_id, external_id=f"P{number}",
                attributes={}, created_at=utcnow(), updated_at=utcnow(),
            )  # fmt: skip
            session.add(contact)
            session.flush()
            session.add(
                Address(
                    organization_id=world.organization_id, contact_id=contact.id, kind="phone", name="phone1",
                    value=f"+1202555010{min(number, 3)}",
                )
            )  # fmt: skip
        session.execute(update(Campaign).where(Campaign.id == world.campaign).values(contact_list_id=list_id))
    return list_id


def ids(engine: Engine, list_id: int) -> dict[str, int]:
    with read_transaction(engine) as session:
        mine = select(Contact.external_id, Contact.id).where(Contact.contact_list_id == list_id)
        return {name: key for name, key in session.execute(mine)}


def exclude(engine: Engine, list_id: int, *subjects: tuple[str, str], campaign_id: int | None = None) -> int:
    with write_transaction(engine) as session:
        return exclusions.exclude(session, ROOT, list_id, subjects, campaign_id).changed


def audience(engine: Engine, world: World, list_id: int) -> set[str]:
    """Of a new job."""
    with write_transaction(engine) as session:
        session.execute(update(Job).values(state="completed"))
        job_id = jobs.start_job(session, ROOT, world.campaign).id
    now = utcnow()
    lease = leases.acquire(engine, leases.DIRECTOR, "test", now, now + timedelta(minutes=1))
    assert lease is not None
    Director(engine, SystemClock()).freeze(lease, job_id, lambda: True)
    with read_transaction(engine) as session:
        wanted = select(Contact.external_id).join(JobContact, JobContact.contact_id == Contact.id)
        return set(session.scalars(wanted.where(JobContact.job_id == job_id)))


def test_no_audience_has_them_until_they_are_reset(engine: Engine, world: World, people: int) -> None:
    assert audience(engine, world, people) == {"P1", "P2", "P3", "P4"}
    assert exclude(engine, people, ("id", "P1"), ("phone", "(202) 555-0103")) == 3
    assert exclude(engine, people, ("id", "P1")) == 0
    assert audience(engine, world, people) == {"P2"}
    with write_transaction(engine) as session:
        marked = exclusions.reset(session, ROOT, people, [("id", "P3"), ("id", "nobody"), ("phone", "12")])
    assert marked.changed == 1
    assert [place for place, _ in marked.unknown] == [1, 2]
    assert audience(engine, world, people) == {"P2", "P3"}
    assert exclusions.reset_list(engine, ROOT, people) == 2
    assert audience(engine, world, people) == {"P1", "P2", "P3", "P4"}


def test_of_one_campaign_others_go_on(engine: Engine, world: World, people: int) -> None:
    with write_transaction(engine) as session:
        campaign = session.get_one(Campaign, world.campaign)
        values = {
            column.key: getattr(campaign, column.key)
            for column in Campaign.__table__.columns
            if column.key not in ("id", "name")
        }
        other = Campaign(name="Another", **values)
        session.add(other)
        session.flush()
        other_id = other.id
    exclude(engine, people, ("id", "P1"), campaign_id=other_id)
    assert audience(engine, world, people) == {"P1", "P2", "P3", "P4"}
    exclude(engine, people, ("id", "P2"), campaign_id=world.campaign)
    assert audience(engine, world, people) == {"P1", "P3", "P4"}
    known = ids(engine, people)
    with read_transaction(engine) as session:
        shown = exclusions.list_excluded(session, ROOT, people, campaign_id=other_id)
        assert [(contact.external_id, names) for contact, names in shown] == [("P1", ["Another"])]
    for campaign_id, excluded in ((world.campaign, {"P2"}), (other_id, {"P1"}), (None, set())):
        found = look_up(engine, world.organization_id, known.values(), utcnow(), campaign_id).persons
        assert {name for name, key in known.items() if found[key].excluded} == excluded
    assert exclusions.reset_list(engine, ROOT, people, other_id) == 1
    assert audience(engine, world, people) == {"P1", "P3", "P4"}


def test_a_list_is_reset_whole_over_many_transactions(
    engine: Engine, world: World, people: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_FIRST", "_LEAST", "_LARGEST", "_PAGE"):
        monkeypatch.setattr(bulk, name, 2 if name == "_PAGE" else 1)
    exclude(engine, people, ("id", "P1"), ("id", "P2"), ("id", "P4"))
    exclude(engine, people, ("id", "P1"), ("id", "P3"), campaign_id=world.campaign)
    exclude(engine, world.contact_list, ("id", "Meadow"))
    with read_transaction(engine) as session:
        elsewhere = session.scalars(select(ContactExclusion).where(ContactExclusion.contact_id == world.contact)).all()
    assert exclusions.reset_list(engine, ROOT, people) == 4
    with read_transaction(engine) as session:
        left = session.scalars(select(ContactExclusion)).all()
    assert {one.id for one in left} == {one.id for one in elsewhere}


def test_who_is_deleted_by_hand_comes_back_excluded_by_the_next_file(
    engine: Engine, world: World, people: int, tmp_path: Path
) -> None:
    exclude(engine, people, ("id", "P1"))
    exclude(engine, people, ("id", "P2"), campaign_id=world.campaign)
    with write_transaction(engine) as session:
        for name in ("P1", "P2", "P4"):
            contacts.delete_contact(session, ROOT, ids(engine, people)[name])
    assert set(ids(engine, people)) == {"P1", "P2", "P3"}
    assert audience(engine, world, people) == {"P3"}
    path = tmp_path / "again.csv"
    path.write_text("id,phone1\nP1,+12025550101\nP2,+12025550102\nP4,+12025550104\n")
    importing.import_file(engine, ROOT, people, path)
    assert audience(engine, world, people) == {"P3", "P4"}
    with read_transaction(engine) as session:
        back = exclusions.list_excluded(session, ROOT, people)
        assert [(contact.external_id, names) for contact, names in back] == [
            ("P1", ["all campaigns"]),
            ("P2", ["Meadow"]),
        ]


def test_says_why_and_keeps_who_did_it(engine: Engine, world: World, people: int) -> None:
    exclude(engine, people, ("id", "P1"))
    contact_id = ids(engine, people)["P1"]
    with read_transaction(engine) as session:
        holds = explain.why_not_dialled(session, ROOT, contact_id, utcnow())
        assert "CONTACT_EXCLUDED" in {hold.code for hold in holds}
        assert exclusions.excluded_from(session, ROOT, contact_id) == ["all campaigns"]
        change = session.scalars(select(ContactChange).where(ContactChange.contact_id == contact_id)).one()
        assert (change.field, change.new) == ("excluded from", "all campaigns")


def test_a_campaign_of_others_is_refused(engine: Engine, world: World, people: int) -> None:
    with write_transaction(engine) as session:
        session.add(Organization(name="Other home", created_at=utcnow()))
        stranger = build(session, "Brook")
    with write_transaction(engine) as session, pytest.raises(Refused, match="another organization"):
        exclusions.exclude(session, ROOT, people, [("id", "P1")], stranger.campaign)


def test_a_file_names_them_by_id_or_number_and_resumes(
    engine: Engine, world: World, people: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "who.csv"
    path.write_text("id,phone1,notes\nP1,,x\n,202 555 0103,\n,202 555 0199,\n,,y\nnobody,,\nP1,,again\n")
    with write_transaction(engine) as session:
        run = importing.start_import(session, ROOT, people, path, mode="exclude", campaign_id=world.campaign)
        run_id = run.id
        assert set(run.mapping.values()) == {"id", "phone1", ""}

    class Died(BaseException):
        pass

    real = naming.account

    def dying(*arguments: Any, **named: Any) -> bool:
        real(*arguments, **named)
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(naming, "account", dying)
        importing.run_import(engine, ROOT, run_id, path)
    importing.run_import(engine, ROOT, run_id, path)
    with read_transaction(engine) as session:
        run = session.get_one(ImportRun, run_id)
        assert (run.state, run.rows_read, run.rows_updated, run.rows_rejected) == ("completed", 6, 3, 3)
        assert run.rows_unchanged == 1
        of_run = select(ImportReject.line, ImportReject.reason).where(ImportReject.import_run_id == run_id)
        rejects = session.execute(of_run.order_by(ImportReject.line)).all()
        assert [line for line, _ in rejects] == [4, 5, 6]
        assert "phone is no contact of this list" in rejects[0][1]
        assert session.scalars(select(ContactExclusion.campaign_id).distinct()).all() == [world.campaign]
    assert audience(engine, world, people) == {"P2"}
    importing.import_file(engine, ROOT, people, path, mode="reset")
    assert audience(engine, world, people) == {"P1", "P2", "P3", "P4"}
    path.write_text("id,phone1\n,202 555 0103\nP3,\nP2,\n")
    for mode in ("exclude", "reset"):
        run_id = importing.import_file(engine, ROOT, people, path, mode=mode)
        with read_transaction(engine) as session:
            run = session.get_one(ImportRun, run_id)
            # The number is of two contacts, one of whom the next row names again.
            assert (run.rows_read, run.rows_updated, run.rows_unchanged, run.rows_rejected) == (3, 3, 1, 0)
    with write_transaction(engine) as session, pytest.raises(Refused, match="no column is an id"):
        path.write_text("notes\nx\n")
        importing.start_import(session, ROOT, people, path, mode="exclude")
