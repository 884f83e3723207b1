"""Campaigns for tests on real processes: contacts chosen by the behaviour they will show, and a job's accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from app.db import make_engine, read_transaction, upgrade, write_transaction
from app.models import (
    Address,
    AddressKind,
    Attempt,
    AttemptState,
    CallingWindow,
    Contact,
    ContactList,
    Job,
    JobContact,
    JobContactState,
    MediaServer,
    Organization,
    Trunk,
)
from app.security.access import Actor
from app.services import campaigns, jobs, reports, scripts, strategies
from common.clock import utcnow

#: Real North American area codes; 555-01XX below each is kept for fiction.
AREA_CODES = (
    202, 212, 303, 305, 312, 404, 415, 503, 512, 602, 617, 702, 713, 801, 916, 201, 203, 205, 206, 207,
    208, 209, 210, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234, 239, 240, 248, 251,
    252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 304, 307, 308, 309, 310, 313, 314,
    315, 316, 317, 318, 319,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """`suffixes`: one contact each; the number's last two digits choose the far end's behaviour. `mailboxes`: one
    contact with an email address alone for each local part."""

    suffixes: Sequence[str]
    script: Path
    strategy: Path
    trunk: str
    media_server: str
    ports: int = 10
    with_email: bool = True
    mailboxes: Sequence[str] = ()
    #: What is done about who answers, as `common.classification.AnswerRules`.
    answer: Mapping[str, Any] = field(default_factory=dict)
    #: None: by `ports`.
    pacing: Mapping[str, Any] | None = None
    calls_per_second: int = 50


@dataclass(slots=True)
class Accounts:
    """What the database says of a job at one moment."""

    state: str
    detail: str
    audience: int
    contacts: Counter[str] = field(default_factory=Counter)
    final_codes: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    in_progress: int = 0
    reconciles: bool = False

    @property
    def busy(self) -> bool:
        return bool(self.in_progress or self.contacts["leased"] or self.contacts["attempting"])


def start_notice(database_url: str, message: str) -> int:
    """A job of a campaign without script or contacts, which speaks `message`. Returns the job's id."""
    upgrade(database_url)
    engine, actor = make_engine(database_url), Actor.system()
    try:
        with write_transaction(engine) as session:
            home = _organization(session)
            strategies.ensure_shipped(session, actor, home)
            window = CallingWindow(organization_id=home, name="Always", hours={}, always_open=True)
            trunk = Trunk(name="Simulated carrier", host="127.0.0.1", simulated=True)
            listed = _empty_list(session, home)
            session.add_all([window, trunk])
            session.flush()
            fields = campaigns.CampaignFields(
                name="Notice",
                contact_list_id=listed.id,
                strategy_id=strategies.list_strategies(session, actor)[0].id,
                calling_window_id=window.id,
                trunk_id=trunk.id,
                caller_id="+15550100000",
                message=message,
            )
            campaign = campaigns.create_campaign(session, actor, fields, home)
            return jobs.start_job(session, actor, campaign.id).id
    finally:
        engine.dispose()


def _organization(session: Any) -> int:
    organization = Organization(name="Test", created_at=utcnow())
    session.add(organization)
    session.flush()
    return organization.id


def _empty_list(session: Any, home: int) -> ContactList:
    now = utcnow()
    made = ContactList(organization_id=home, name="Patients", created_at=now, updated_at=now)
    session.add(made)
    session.flush()
    return made


def start_job(database_url: str, plan: Plan) -> int:
    """Migrate the database, make a campaign with its contacts, and queue a job of it. Returns the job's id."""
    upgrade(database_url)
    engine = make_engine(database_url)
    actor = Actor.system()
    try:
        with write_transaction(engine) as session:
            home = _organization(session)
            contact_list = _contact_list(session, home, plan)
            window = CallingWindow(organization_id=home, name="Always", hours={}, always_open=True)
            host, _, port = plan.trunk.rpartition(":")
            trunk = Trunk(name="Simulated carrier", host=host, port=int(port), simulated=True)
            trunk.calls_per_second = plan.calls_per_second
            session.add_all([window, trunk, *_media_server(session, plan)])
            session.flush()
            campaign = campaigns.create_campaign(
                session,
                actor,
                campaigns.CampaignFields(
                    name="Visits",
                    contact_list_id=contact_list.id,
                    strategy_id=_strategy(session, actor, home, plan),
                    script_id=_script(session, actor, home, plan),
                    calling_window_id=window.id,
                    trunk_id=trunk.id,
                    caller_id="+15550100000",
                    pacing=plan.pacing or {"mode": "ports", "ports": plan.ports},
                    answer=plan.answer,
                    senders={"sms": "+15550100000", "email": "visits@example.org"},
                ),
                home,
            )
            return jobs.start_job(session, actor, campaign.id).id
    finally:
        engine.dispose()


def _contact_list(session: Any, home: int, plan: Plan) -> ContactList:
    made = _empty_list(session, home)
    for position, suffix in enumerate(plan.suffixes):
        area = AREA_CODES[plan.suffixes[:position].count(suffix)]
        contact = _contact(session, made, position)
        session.add(_address(contact, AddressKind.PHONE, "phone1", f"+1{area}55501{suffix}"))
        if plan.with_email:
            session.add(_address(contact, AddressKind.EMAIL, "email", f"patient{position}@example.org"))
    for position, mailbox in enumerate(plan.mailboxes, len(plan.suffixes)):
        contact = _contact(session, made, position)
        session.add(_address(contact, AddressKind.EMAIL, "email", f"{mailbox}@example.org"))
    return made


def _contact(session: Any, of: ContactList, position: int) -> Contact:
    now = utcnow()
    contact = Contact(
        organization_id=of.organization_id,
        contact_list_id=of.id,
        external_id=f"P{position:03d}",
        first_name=f"Name{position}",
        language="en-US",
        time_zone="America/New_York",
        attributes={},
        created_at=now,
        updated_at=now,
    )
    session.add(contact)
    session.flush()
    return contact


def _address(contact: Contact, kind: AddressKind, name: str, value: str) -> Address:
    return Address(
        organization_id=contact.organization_id,
        contact_id=contact.id,
        kind=kind,
        name=name,
        value=value,
        original=value,
        country="US" if kind is AddressKind.PHONE else "",
        time_zones="America/New_York" if kind is AddressKind.PHONE else "",
    )


def _media_server(session: Any, plan: Plan) -> list[MediaServer]:
    known = session.scalar(select(MediaServer.id).where(MediaServer.url == plan.media_server))
    return [] if known else [MediaServer(name="local", url=plan.media_server)]


def _script(session: Any, actor: Actor, home: int, plan: Plan) -> int:
    script = scripts.create_script(session, actor, "Visit", "", home)
    revision = scripts.upload_revision(
        session, actor, script.id, scripts.prepare(plan.script.name, plan.script.read_bytes())
    )
    scripts.publish(session, actor, revision.id)
    return script.id


def _strategy(session: Any, actor: Actor, home: int, plan: Plan) -> int:
    strategy = strategies.create_strategy(session, actor, "Visit", plan.strategy.read_text("utf-8"), "", home)
    strategies.publish(session, actor, strategies.list_revisions(session, actor, strategy.id)[0].id)
    return strategy.id


def accounts(engine: Engine, job_id: int) -> Accounts:
    with read_transaction(engine) as session:
        job = session.get_one(Job, job_id)
        summary = reports.job_summary(session, Actor.system(), job_id)
        found = Accounts(job.state, job.detail, job.audience, reconciles=summary.reconciles)
        for state, count in session.execute(
            select(JobContact.state, func.count()).where(JobContact.job_id == job_id).group_by(JobContact.state)
        ):
            found.contacts[state] = count
        for code, count in session.execute(
            select(JobContact.final_code, func.count())
            .where(JobContact.job_id == job_id, JobContact.state == JobContactState.DONE)
            .group_by(JobContact.final_code)
        ):
            found.final_codes[code] = count
        for code, count in session.execute(
            select(Attempt.completion_code, func.count())
            .where(Attempt.job_id == job_id, Attempt.state == AttemptState.DONE)
            .group_by(Attempt.completion_code)
        ):
            found.attempts[code] = count
        found.in_progress = (
            session.scalar(
                select(func.count())
                .select_from(Attempt)
                .where(Attempt.job_id == job_id, Attempt.state == AttemptState.IN_PROGRESS)
            )
            or 0
        )
    return found


def voice_attempts(engine: Engine, job_id: int) -> dict[str, Attempt]:
    with read_transaction(engine) as session:
        rows = session.scalars(select(Attempt).where(Attempt.job_id == job_id, Attempt.channel == "voice")).all()
        session.expunge_all()
    return {row.id: row for row in rows}
