"""A campaign over a list of another organization: it really calls, by its own do-not-call lists and the common ones,
is told nothing private, and ends when the list is shared no more."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, select, update

from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    Attempt,
    Attribute,
    Campaign,
    Contact,
    ContactList,
    ContactListShare,
    Job,
    JobContact,
    Organization,
    Strategy,
    StrategyRevision,
)
from app.security.access import Actor
from app.services import dnc, jobs, reports, sharing
from channels.voice.memory import Ending
from common.clock import utcnow
from tests.integration.engine.conftest import House, Play
from tests.support.job_rows import make_job

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

PEOPLE = 8
ROOT = Actor.system()
#: Says whatever is written there, of which one attribute is nobody else's business.
ROUND = """<Strategy xmlns="urn:clarion:strategy:1" name="s">
<Handler name="call"><Call timeout="20s"><Address attribute="phone1"/><Results default="done"/></Call></Handler>
</Strategy>"""


def shared_list(engine: Engine) -> tuple[int, int]:
    """A campaign of the organization Test over a list of eight people that belongs to Owner: campaign and list."""
    job_id = make_job(engine, PEOPLE, state="completed", strategy_xml=ROUND)
    with write_transaction(engine) as session:
        owner = Organization(name="Owner", created_at=utcnow())
        session.add(owner)
        session.flush()
        for model in (Contact, Address, ContactList):
            session.execute(update(model).values(organization_id=owner.id))
        session.execute(update(Contact).values(attributes={"balance": 5, "salary": 9}))
        for name, private in (("balance", False), ("salary", True)):
            session.add(Attribute(organization_id=owner.id, name=name, type="integer", private=private))
        campaign = session.scalars(select(Campaign)).one()
        session.execute(update(Strategy).values(organization_id=campaign.organization_id))
        assert session.scalars(select(StrategyRevision)).one().state == "published"
        job = session.get_one(Job, job_id)
        job.ended_at = utcnow()
        sharing.share(session, ROOT, campaign.contact_list_id, "Test")
        return campaign.id, campaign.contact_list_id


def start(engine: Engine, campaign_id: int) -> int:
    with write_transaction(engine) as session:
        home = session.get_one(Campaign, campaign_id).organization_id
        return jobs.start_job(session, Actor.system(home), campaign_id).id


def codes(engine: Engine, job_id: int) -> dict[str, int]:
    with read_transaction(engine) as session:
        rows = session.execute(
            select(JobContact.final_code, func.count())
            .where(JobContact.job_id == job_id)
            .group_by(JobContact.final_code)
        )
        return {code: count for code, count in rows}


def state(engine: Engine, job_id: int) -> str:
    with read_transaction(engine) as session:
        return session.get_one(Job, job_id).state


def test_a_campaign_calls_the_people_of_a_shared_list(play: Play) -> None:
    async def scenario(house: House) -> None:
        campaign_id, _ = shared_list(house.database)
        with write_transaction(house.database) as session:
            of = {row.name: row.id for row in session.scalars(select(Organization))}
            numbers = list(session.scalars(select(Address.value).where(Address.kind == "phone").order_by(Address.id)))
            dnc.add(session, ROOT, [("phone", numbers[0])], organization_id=of["Test"])
            dnc.add(session, ROOT, [("contact_id", "2")], organization_id=of["Test"])
            common = dnc.create_dnc_list(session, ROOT, "Nobody", common=True)
            dnc.add(session, ROOT, [("phone", numbers[2])], dnc_list_id=common.id)
            dnc.add(session, ROOT, [("phone", numbers[3])], organization_id=of["Owner"])
        job_id = start(house.database, campaign_id)
        house.start()
        await house.until(lambda: state(house.database, job_id) == "completed")
        assert codes(house.database, job_id) == {"ANSWER_HUMAN": PEOPLE - 3, "IN_DNC_LIST": 3}
        assert {request.to for request in house.server.requests} == set(numbers[3:])
        for request in house.server.requests:
            assert request.values["balance"] == 5
            assert "salary" not in request.values
        with read_transaction(house.database) as session:
            attempts = session.scalars(select(Attempt)).all()
            assert {attempt.organization_id for attempt in attempts} == {of["Test"]}
            summary = reports.job_summary(session, Actor.system(of["Test"]), job_id)
            assert (summary.reconciles, summary.audience) == (True, PEOPLE)
            contact = attempts[0].contact_id
            assert len(reports.contact_history(session, Actor.system(of["Test"]), contact)) == 1
            assert reports.contact_history(session, Actor.system(of["Owner"]), contact) == []

    play(scenario)


def test_a_job_ends_with_whoever_is_shared_no_more_and_its_books_add_up(play: Play) -> None:
    async def scenario(house: House) -> None:
        campaign_id, list_id = shared_list(house.database)
        with write_transaction(house.database) as session:
            session.execute(update(Campaign).values(pacing={"mode": "ports", "ports": 1}))
        house.server.behave = lambda _request: Ending(seconds=0.1)
        job_id = start(house.database, campaign_id)
        house.start()
        await house.until(lambda: bool(house.server.requests))
        with write_transaction(house.database) as session:
            share = session.scalars(select(ContactListShare.id)).one()
            sharing.unshare(session, ROOT, list_id, share)
        await house.until(lambda: state(house.database, job_id) == "completed")
        found = codes(house.database, job_id)
        assert set(found) == {"ANSWER_HUMAN", "CONTACT_DELETED"}
        assert sum(found.values()) == PEOPLE
        assert found["ANSWER_HUMAN"] == len(house.server.requests)

    play(scenario)
