"""Campaigns, jobs and reports on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.db import read_transaction, write_transaction
from app.models import (
    Attempt,
    AttemptState,
    AuditEntry,
    CallingWindow,
    Campaign,
    Contact,
    ContactList,
    Job,
    JobContact,
    JobContactState,
    JobState,
    Organization,
    OutboxEvent,
    Trunk,
)
from app.security.access import Actor, NotFound
from app.services import campaigns, jobs, reports, strategies
from app.services.campaigns import CampaignFields
from common.clock import utcnow
from common.errors import Refused
from common.ids import new_id

NOW = utcnow().replace(microsecond=0)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with write_transaction(engine) as opened:
        yield opened


@pytest.fixture
def actor() -> Actor:
    return Actor.system()


@pytest.fixture
def fields(session: Session, actor: Actor) -> CampaignFields:
    """A valid campaign of a new organization."""
    home = Organization(name="Harbour Clinic", created_at=NOW)
    session.add(home)
    session.flush()
    strategies.ensure_shipped(session, actor, home.id)
    listed = ContactList(organization_id=home.id, name="Patients", created_at=NOW, updated_at=NOW)
    window = CallingWindow(organization_id=home.id, name="Daytime", hours={"mon": [["08:00", "21:00"]]})
    trunk = Trunk(name="Carrier", host="127.0.0.1", simulated=True)
    session.add_all([listed, window, trunk])
    session.flush()
    return CampaignFields(
        name="Reminders",
        contact_list_id=listed.id,
        strategy_id=strategies.list_strategies(session, actor)[0].id,
        calling_window_id=window.id,
        trunk_id=trunk.id,
        caller_id="+15550100000",
        message="Hello {first_name}",
        pacing={"mode": "timed", "rate": 5, "per": "second"},
    )


@pytest.fixture
def campaign(session: Session, actor: Actor, fields: CampaignFields) -> Campaign:
    return campaigns.create_campaign(session, actor, fields)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"caller_id": "555-0100"}, "caller_id"),
        ({"caller_id": "sip:me@example.org"}, "caller_id"),
        ({"asserted": "me"}, "asserted"),
        ({"diversion": "555-0100"}, "diversion"),
        ({"user_to_user": "é" * 65}, "user_to_user"),
        ({"trunk_id": 999}, "trunk_id"),
        ({"contact_list_id": 999}, "contact_list_id"),
        ({"message": ""}, "script_id"),
        ({"pacing": {"mode": "predictive"}}, "pacing"),
        ({"pacing": {"mode": "timed", "rate": 0, "per": "second"}}, "pacing rate"),
        ({"pacing": {"mode": "timed", "rate": 5, "per": "day"}}, "pacing per"),
        ({"pacing": {"mode": "ports", "ports": "many"}}, "pacing ports"),
        ({"pacing": {"mode": "ports", "ports": 4, "minimum": 5}}, "pacing minimum"),
    ],
)
def test_refuses_a_campaign_naming_the_field(
    session: Session, actor: Actor, fields: CampaignFields, change: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused, match=f"^{field}"):
        campaigns.create_campaign(session, actor, replace(fields, **change))


def test_refuses_a_second_campaign_of_the_same_name(
    session: Session, actor: Actor, fields: CampaignFields, campaign: Campaign
) -> None:
    with pytest.raises(Refused, match="already"):
        campaigns.create_campaign(session, actor, fields)


def test_lets_only_a_simulated_trunk_call_around_the_clock(
    session: Session, actor: Actor, fields: CampaignFields
) -> None:
    home = session.scalars(select(Organization.id)).one()
    always = CallingWindow(organization_id=home, name="Always", hours={}, always_open=True)
    real = Trunk(name="Real", host="127.0.0.2", simulated=False)
    session.add_all([always, real])
    session.flush()
    with pytest.raises(Refused, match="simulated"):
        campaigns.create_campaign(session, actor, replace(fields, calling_window_id=always.id, trunk_id=real.id))
    assert campaigns.create_campaign(session, actor, replace(fields, calling_window_id=always.id)).id


def test_records_what_a_change_changed(
    session: Session, actor: Actor, fields: CampaignFields, campaign: Campaign
) -> None:
    campaigns.update_campaign(session, actor, campaign.id, replace(fields, caller_id="+15550100001"))
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "campaign.update")).one()
    assert entry.before == {"caller_id": "+15550100000"}
    assert entry.after == {"caller_id": "+15550100001"}


def test_a_job_keeps_the_settings_it_started_with(
    session: Session, actor: Actor, fields: CampaignFields, campaign: Campaign
) -> None:
    job = jobs.start_job(session, actor, campaign.id)
    campaigns.update_campaign(session, actor, campaign.id, replace(fields, caller_id="+15550100001"))
    session.refresh(job)
    assert job.settings["caller_id"] == "+15550100000"
    assert job.state == JobState.QUEUED
    assert session.scalars(select(OutboxEvent.topic)).all() == ["job"]


def test_a_campaign_that_kept_more_ports_than_it_may_have_is_refused_at_its_start(
    session: Session, actor: Actor, campaign: Campaign
) -> None:
    campaign.pacing = {"mode": "none", "reserved": 9, "maximum": 5}
    with pytest.raises(Refused, match="pacing reserved: give 5 or less, as pacing maximum says"):
        jobs.start_job(session, actor, campaign.id)


def test_a_job_keeps_who_its_campaign_says_is_calling(session: Session, actor: Actor, fields: CampaignFields) -> None:
    told = replace(fields, asserted="+15550100009", private=True, user_to_user="case 7")
    campaign = campaigns.create_campaign(session, actor, told)
    identity = {"asserted": "+15550100009", "private": True, "user_to_user": "case 7"}
    assert campaign.identity == identity
    assert jobs.start_job(session, actor, campaign.id).settings["identity"] == identity


def test_a_job_keeps_what_its_campaign_does_about_who_answers(
    session: Session, actor: Actor, fields: CampaignFields
) -> None:
    rules = {"mode": "before", "on_machine": "leave_message", "silence_detection": True}
    campaign = campaigns.create_campaign(session, actor, replace(fields, answer=rules))
    assert jobs.start_job(session, actor, campaign.id).settings["answer"] == rules
    with pytest.raises(Refused, match=r"answer.on_machine: write one of hang_up, leave_message, go_on"):
        campaigns.update_campaign(session, actor, campaign.id, replace(fields, answer={"on_machine": "shout"}))


def test_refuses_a_second_job_while_one_is_going(session: Session, actor: Actor, campaign: Campaign) -> None:
    first = jobs.start_job(session, actor, campaign.id)
    with pytest.raises(Refused, match=f"job {first.id}"):
        jobs.start_job(session, actor, campaign.id)
    first.state = JobState.COMPLETED
    session.flush()
    assert jobs.start_job(session, actor, campaign.id).id != first.id


def test_two_who_start_a_campaign_at_once_make_one_job(
    engine: Engine, session: Session, actor: Actor, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = campaign.id
    session.commit()
    ready = threading.Barrier(2)
    startable = campaigns.startable

    def slowly(session: Session, campaign: Campaign) -> tuple[int | None, int]:
        time.sleep(0.2)  # long enough for the other to have looked for a job too, were it not kept waiting
        return startable(session, campaign)

    def start() -> str:
        ready.wait(10)
        try:
            with write_transaction(engine) as own:
                return f"job {jobs.start_job(own, actor, campaign_id).id}"
        except Refused as refused:
            return str(refused)

    monkeypatch.setattr(jobs, "startable", slowly)
    with ThreadPoolExecutor(2) as pool:
        said = sorted(future.result(20) for future in [pool.submit(start) for _ in range(2)])
    assert ["going already" in words for words in said] == [True, False]
    with read_transaction(engine) as reading:
        assert len(reading.scalars(select(Job.id)).all()) == 1


def test_the_database_itself_refuses_a_second_job_of_a_campaign(
    session: Session, actor: Actor, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.start_job(session, actor, campaign.id)
    monkeypatch.setattr(jobs, "ENDED", frozenset(JobState))  # as if the look had come too early
    with pytest.raises(Refused, match="going already"):
        jobs.start_job(session, actor, campaign.id)
    assert len(session.scalars(select(Job.id)).all()) == 1


@pytest.mark.parametrize(
    ("state", "wish", "after"),
    [
        (JobState.RUNNING, "pause", JobState.PAUSING),
        (JobState.QUEUED, "pause", JobState.PAUSING),
        (JobState.PAUSED, "pause", JobState.PAUSED),
        (JobState.PAUSED, "resume", JobState.RUNNING),
        (JobState.PAUSING, "resume", JobState.RUNNING),
        (JobState.RUNNING, "resume", JobState.RUNNING),
        (JobState.PAUSED, "stop", JobState.STOPPING),
        (JobState.STOPPING, "stop", JobState.STOPPING),
    ],
)
def test_asks_for_a_state_that_may_follow(
    session: Session, actor: Actor, campaign: Campaign, state: JobState, wish: str, after: JobState
) -> None:
    job = jobs.start_job(session, actor, campaign.id)
    job.state = state
    session.flush()
    assert jobs.request(session, actor, job.id, wish).state == after


@pytest.mark.parametrize(
    ("state", "wish"),
    [
        (JobState.COMPLETED, "pause"),
        (JobState.STOPPED, "resume"),
        (JobState.STOPPING, "resume"),
        (JobState.COMPLETED, "stop"),
        (JobState.QUEUED, "resume"),
    ],
)
def test_refuses_a_wish_the_state_does_not_allow(
    session: Session, actor: Actor, campaign: Campaign, state: JobState, wish: str
) -> None:
    job = jobs.start_job(session, actor, campaign.id)
    job.state = state
    session.flush()
    with pytest.raises(Refused, match=f"is {state}; it cannot {wish} now"):
        jobs.request(session, actor, job.id, wish)


def test_another_organization_sees_neither_campaign_nor_job(session: Session, actor: Actor, campaign: Campaign) -> None:
    job = jobs.start_job(session, actor, campaign.id)
    other = Organization(name="Other", created_at=NOW)
    session.add(other)
    session.flush()
    stranger = Actor.system(other.id)
    assert campaigns.list_campaigns(session, stranger) == []
    assert jobs.list_jobs(session, stranger) == []
    for call in (
        lambda: campaigns.get_campaign(session, stranger, campaign.id),
        lambda: jobs.get_job(session, stranger, job.id),
        lambda: jobs.request(session, stranger, job.id, "stop"),
        lambda: reports.job_summary(session, stranger, job.id),
        lambda: reports.live_calls(session, stranger, job.id),
    ):
        with pytest.raises(NotFound):
            call()


def test_the_figures_of_a_job_add_up_and_each_contact_counts_once(
    session: Session, actor: Actor, campaign: Campaign
) -> None:
    job = jobs.start_job(session, actor, campaign.id)
    job.started_at = NOW
    reached = _contact(session, job, "A1", JobContactState.DONE, final_code="AGENT_SUCCESS")
    _attempt(session, job, reached, 1, "CALL_BUSY")
    _attempt(session, job, reached, 2, "AGENT_SUCCESS", answered=True)
    tried = _contact(session, job, "A2", JobContactState.ATTEMPTING)
    _attempt(session, job, tried, 1, None)
    _contact(session, job, "A3", JobContactState.READY, hold_code="RESTRICTED_TIME")
    job.audience = 3
    session.flush()

    summary = reports.job_summary(session, actor, job.id)

    assert summary.reconciles
    assert summary.attempts == 3
    assert summary.attempts_in_progress == 1
    assert {(code.code, code.count) for code in summary.codes} == {("CALL_BUSY", 1), ("AGENT_SUCCESS", 1)}
    assert summary.funnel == reports.Funnel(audience=3, attempted=2, answered=1, right_party=1, success=1)
    assert summary.holds == {"RESTRICTED_TIME": 1}
    assert [call.state for call in reports.live_calls(session, actor, job.id)] == ["placing"]
    points = reports.rate_series(session, actor, job.id, NOW + timedelta(seconds=9))
    assert len(points) == 10
    assert sum(point.started for point in points) == 3


def _contact(
    session: Session, job: Job, external_id: str, state: JobContactState, final_code: str = "", hold_code: str = ""
) -> JobContact:
    contact = Contact(
        organization_id=job.organization_id,
        contact_list_id=job.settings["contact_list_id"],
        external_id=external_id,
        first_name="Ada",
        attributes={},
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(contact)
    session.flush()
    made = JobContact(
        organization_id=job.organization_id,
        job_id=job.id,
        contact_id=contact.id,
        lane=0,
        state=state,
        due_at=NOW,
        strategy_state={},
        final_code=final_code,
        hold_code=hold_code,
        updated_at=NOW,
    )
    session.add(made)
    session.flush()
    return made


def _attempt(
    session: Session, job: Job, job_contact: JobContact, number: int, code: str | None, answered: bool = False
) -> None:
    session.add(
        Attempt(
            id=new_id(),
            organization_id=job.organization_id,
            job_id=job.id,
            job_contact_id=job_contact.id,
            contact_id=job_contact.contact_id,
            number=number,
            channel="voice",
            address="+12125550100",
            state=AttemptState.DONE if code else AttemptState.IN_PROGRESS,
            completion_code=code or "ATTEMPT_IN_PROGRESS",
            started_at=NOW + timedelta(seconds=number),
            answered_at=NOW + timedelta(seconds=number + 1) if answered else None,
            ended_at=NOW + timedelta(seconds=number + 2) if code else None,
        )
    )
    session.flush()
