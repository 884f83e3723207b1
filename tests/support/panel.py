"""A small installation for tests of the web role: one organization with an administrator, contacts and a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.db import write_transaction
from app.models import (
    Address,
    AddressKind,
    Attempt,
    AttemptState,
    AttemptTrace,
    CallingWindow,
    Contact,
    ContactList,
    Job,
    JobContact,
    JobContactState,
    JobState,
    Organization,
    Role,
    Trunk,
)
from app.security.access import Actor
from app.services import campaigns, jobs, strategies, users
from common.clock import utcnow
from common.ids import new_id
from common.settings import Settings

PASSWORD = "five green bottles"
SECRET = "tests use this secret key only"
MESSAGE = "Hello {first_name|there}, you owe {balance} & more."


@dataclass(frozen=True, slots=True)
class World:
    organization_id: int
    list_id: int
    campaign_id: int
    job_id: int
    #: The first contact of the job and its attempt, which is in progress.
    contact_id: int
    attempt_id: str


def settings(home: Path, database_url: str, **more: str) -> Settings:
    return Settings.load(
        {
            "CLARION_HOME": str(home),
            "CLARION_DATABASE_URL": database_url,
            "CLARION_SECRET_KEY": SECRET,
            "CLARION_TWILIO_AUTH_TOKEN": "twilio test token",
            **more,
        }
    )


def build(engine: Engine, contacts: int = 3) -> World:
    """Make it all. Users: admin (administrator) and watcher (supervisor of the organization), both with PASSWORD."""
    actor, now = Actor.system(), utcnow()
    with write_transaction(engine) as session:
        organization = Organization(name="Test", created_at=now)
        session.add(organization)
        session.flush()
        home = organization.id
        users.add_user(session, actor, login="admin", roles=[Role.ADMINISTRATION], password=PASSWORD)
        users.add_user(
            session, actor, login="watcher", roles=[Role.ORG_SUPERVISOR], organization_id=home, password=PASSWORD
        )
        strategies.ensure_shipped(session, actor, home)
        window = CallingWindow(organization_id=home, name="Always", hours={}, always_open=True)
        trunk = Trunk(name="Simulated carrier", host="127.0.0.1", simulated=True)
        people = ContactList(organization_id=home, name="People", created_at=now, updated_at=now)
        session.add_all([window, trunk, people])
        session.flush()
        fields = campaigns.CampaignFields(
            name="Reminder",
            contact_list_id=people.id,
            strategy_id=strategies.list_strategies(session, actor)[0].id,
            calling_window_id=window.id,
            trunk_id=trunk.id,
            caller_id="+15550100000",
            message=MESSAGE,
        )
        campaign = campaigns.create_campaign(session, actor, fields, home)
        job = jobs.start_job(session, actor, campaign.id)
        job.state, job.started_at, job.audience, job.frozen = JobState.RUNNING, now, contacts, True
        made = [_contact(session, job, people.id, number) for number in range(1, contacts + 1)]
        for position, (contact, job_contact) in enumerate(made[1:]):
            code = ("CALL_BUSY", "ANSWER_HUMAN")[position % 2]
            _attempt(session, job, contact, job_contact, code)
            job_contact.state, job_contact.final_code = JobContactState.DONE, code
        contact, job_contact = made[0]
        attempt = _attempt(session, job, contact, job_contact, "")
        job_contact.state = JobContactState.ATTEMPTING
        return World(home, people.id, campaign.id, job.id, contact.id, attempt.id)


def _contact(session: Session, job: Job, list_id: int, number: int) -> tuple[Contact, JobContact]:
    now = utcnow()
    contact = Contact(
        organization_id=job.organization_id,
        contact_list_id=list_id,
        external_id=f"C{number:03}",
        first_name=f"Ann{number}" if number > 1 else "Ann <&>",
        last_name="Example",
        language="en-US",
        time_zone="America/New_York",
        attributes={"balance": f"{number}0.50"},
        created_at=now,
        updated_at=now,
    )
    session.add(contact)
    session.flush()
    session.add(
        Address(
            organization_id=job.organization_id,
            contact_id=contact.id,
            kind=AddressKind.PHONE,
            name="phone1",
            value=f"+1212555{100 + number:04}",
            country="US",
            time_zones="America/New_York",
        )
    )
    job_contact = JobContact(
        organization_id=job.organization_id,
        job_id=job.id,
        contact_id=contact.id,
        lane=0,
        due_at=now,
        strategy_state={},
        updated_at=now,
    )
    session.add(job_contact)
    session.flush()
    return contact, job_contact


def _attempt(session: Session, job: Job, contact: Contact, job_contact: JobContact, code: str) -> Attempt:
    now = utcnow()
    attempt = Attempt(
        id=new_id(),
        organization_id=job.organization_id,
        job_id=job.id,
        job_contact_id=job_contact.id,
        contact_id=contact.id,
        number=1,
        channel="voice",
        action="initial/call",
        address="+12125550101",
        state=AttemptState.DONE if code else AttemptState.IN_PROGRESS,
        completion_code=code or "ATTEMPT_IN_PROGRESS",
        started_at=now,
        answered_at=now if code == "ANSWER_HUMAN" else None,
        ended_at=now if code else None,
    )
    session.add(attempt)
    session.flush()
    steps = [{"at": now.isoformat(), "kind": "sip", "text": "INVITE to +1212*****01"}]
    session.add(AttemptTrace(attempt_id=attempt.id, steps=steps))
    return attempt
