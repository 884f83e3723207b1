"""A running job with many contacts, inserted straight into the tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, select, text
from sqlalchemy.orm import Session

from app.core.strategy import shipped
from app.db import write_transaction
from app.models import (
    Address,
    CallingWindow,
    Campaign,
    Contact,
    ContactList,
    Job,
    JobContact,
    Organization,
    Strategy,
    StrategyRevision,
    Trunk,
)
from app.models.base import Base
from app.services.jobs import settings_of
from common.clock import utcnow

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
CHUNK = 5000


def make_job(engine: Engine, contacts: int, *, state: str = "running", strategy_xml: str = "") -> int:
    """Returns the job's id. Contact n has the number +1202555nnnn and is due n milliseconds after START."""
    with write_transaction(engine) as session:
        campaign, revision_id = _campaign(session, strategy_xml or shipped("call-then-message"))
        job = Job(
            organization_id=campaign.organization_id,
            campaign_id=campaign.id,
            state=state,
            strategy_revision_id=revision_id,
            settings=settings_of(session, campaign),
            audience=contacts,
            frozen=True,
            created_at=START,
            started_at=START,
        )
        session.add(job)
        session.flush()
        job_id, home, list_id = job.id, campaign.organization_id, campaign.contact_list_id
    for first in range(1, contacts + 1, CHUNK):
        _add_contacts(engine, home, list_id, job_id, range(first, min(first + CHUNK, contacts + 1)))
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    return job_id


def repeat_job(session: Session, job_id: int, *, of_another_campaign: bool = False) -> int:
    """Another running job on the same people; a campaign has one going at a time."""
    job = session.get_one(Job, job_id)
    values = _copied(job) | {"state": "running", "started_at": utcnow()}
    if of_another_campaign:
        campaign = Campaign(**_copied(session.get_one(Campaign, job.campaign_id)) | {"name": "Another"})
        session.add(campaign)
        session.flush()
        values |= {"campaign_id": campaign.id, "settings": settings_of(session, campaign)}
    again = Job(**values)
    session.add(again)
    session.flush()
    for row in session.scalars(select(JobContact).where(JobContact.job_id == job_id)).all():
        fresh = {"job_id": again.id, "state": "ready", "strategy_state": {}, "attempt_count": 0, "final_code": ""}
        fresh |= {"id": row.id + 1000, "lease_owner": "", "lease_until": None, "due_at": START}
        session.add(JobContact(**_copied(row) | fresh))
    return again.id


def _copied(row: Base) -> dict[str, Any]:
    """All values but the key."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns if column.name != "id"}


def _campaign(session: Session, strategy_xml: str) -> tuple[Campaign, int]:
    """A campaign with all it needs, and its strategy's published revision."""
    organization = Organization(name="Test", created_at=START)
    session.add(organization)
    session.flush()
    home = organization.id
    listed = ContactList(organization_id=home, name="List", created_at=START, updated_at=START)
    plan = Strategy(organization_id=home, name="Plan", created_at=START)
    window = CallingWindow(organization_id=home, name="Always", hours={}, always_open=True)
    trunk = Trunk(name="Simulated", host="127.0.0.1", simulated=True, max_channels=1000, calls_per_second=1000)
    session.add_all([listed, plan, window, trunk])
    session.flush()
    revision = StrategyRevision(
        organization_id=home, strategy_id=plan.id, number=1, state="published", xml=strategy_xml, created_at=START
    )
    campaign = Campaign(
        organization_id=home,
        name="Campaign",
        contact_list_id=listed.id,
        strategy_id=plan.id,
        calling_window_id=window.id,
        trunk_id=trunk.id,
        caller_id="+12025550100",
        message="Hello",
        pacing={"mode": "none"},
        senders={"sms": "+12025550100", "email": "office@example.org"},
        created_at=START,
        updated_at=START,
    )
    session.add_all([revision, campaign])
    session.flush()
    return campaign, revision.id


def _add_contacts(engine: Engine, home: int, list_id: int, job_id: int, numbers: range) -> None:
    contacts, addresses, members = [], [], []
    for number in numbers:
        contacts.append(
            {
                "id": number,
                "organization_id": home,
                "contact_list_id": list_id,
                "external_id": str(number),
                "first_name": f"Name{number}",
                "last_name": "",
                "language": "",
                "time_zone": "",
                "attributes": {"balance": number},
                "last_completion_code": "",
                "created_at": START,
                "updated_at": START,
            }
        )
        addresses.append(_address(home, number, "phone", "phone1", f"+1202555{number % 10000:04d}"))
        addresses.append(_address(home, number, "email", "email", f"person{number}@example.org"))
        members.append(
            {
                "id": number,
                "organization_id": home,
                "job_id": job_id,
                "contact_id": number,
                "lane": number % 64,
                "state": "ready",
                "due_at": START + timedelta(milliseconds=number),
                "lease_owner": "",
                "strategy_state": {},
                "attempt_count": 0,
                "last_code": "",
                "final_code": "",
                "hold_code": "",
                "hold_detail": "",
                "updated_at": START,
            }
        )
    with write_transaction(engine) as session:
        session.execute(insert(Contact), contacts)
        session.execute(insert(Address), addresses)
        session.execute(insert(JobContact), members)


def _address(home: int, contact_id: int, kind: str, name: str, value: str) -> dict[str, object]:
    return {
        "organization_id": home,
        "contact_id": contact_id,
        "kind": kind,
        "name": name,
        "position": 0,
        "value": value,
        "original": value,
        "country": "",
        "time_zones": "",
        "disabled_code": "",
    }
