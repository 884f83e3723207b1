"""Jobs: start, pause, resume, stop. The engine does the work; these only say what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import Campaign, ContactList, Job, JobState, OutboxEvent, Trunk
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audience import pinned
from app.services.audit import record
from app.services.campaigns import get_campaign, startable
from app.services.sharing import hidden_attributes
from common.clock import utcnow
from common.errors import Refused

#: What a person may ask for: from which states, and the state that asks it of the engine.
REQUESTS: Mapping[str, tuple[frozenset[JobState], JobState]] = {
    "pause": (frozenset({JobState.QUEUED, JobState.RUNNING}), JobState.PAUSING),
    "resume": (frozenset({JobState.PAUSED, JobState.PAUSING}), JobState.RUNNING),
    "stop": (
        frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSING, JobState.PAUSED}),
        JobState.STOPPING,
    ),
}
ENDED = frozenset({JobState.STOPPED, JobState.COMPLETED})


def start_job(session: Session, actor: Actor, campaign_id: int) -> Job:
    """Queue a job of the campaign with today's revisions and settings pinned."""
    actor.require(Permission.JOBS_CONTROL)
    campaign = get_campaign(session, actor, campaign_id)
    # Whoever starts it at the same moment waits here, and then sees the job. SQLite's writers wait before this.
    session.refresh(campaign, with_for_update=True)
    running = session.scalar(select(Job.id).where(Job.campaign_id == campaign.id, Job.state.not_in(ENDED)).limit(1))
    if running is not None:
        raise Refused(f"campaign {campaign.name!r} has job {running} going already; stop it, or wait for its end")
    script_revision, strategy_revision = startable(session, campaign)
    job = Job(
        organization_id=campaign.organization_id,
        campaign_id=campaign.id,
        state=JobState.QUEUED,
        script_revision_id=script_revision,
        strategy_revision_id=strategy_revision,
        settings=settings_of(session, campaign),
        created_by=actor.user_id,
        created_at=utcnow(),
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError as error:
        raise Refused(f"campaign {campaign.name!r} has a job going already; stop it, or wait for its end") from error
    _tell_engines(session, job)
    record(session, actor, "job.start", job, after={"campaign": campaign.name})
    return job


def settings_of(session: Session, campaign: Campaign) -> dict[str, Any]:
    """The campaign as it is now: what the job goes by, whatever is edited later."""
    trunk = session.get_one(Trunk, campaign.trunk_id)
    contact_list = session.get_one(ContactList, campaign.contact_list_id)
    hidden = hidden_attributes(session, campaign.organization_id, [contact_list.organization_id])
    return {
        "campaign": campaign.name,
        "kind": campaign.kind,
        "contact_list_id": campaign.contact_list_id,
        "contact_list": contact_list.name,
        "hidden_attributes": sorted(hidden.get(contact_list.organization_id, ())),
        "filter": pinned(session, campaign),
        "calling_window_id": campaign.calling_window_id,
        "trunk_id": campaign.trunk_id,
        "trunk": trunk.name,
        "caller_id": campaign.caller_id,
        "display_name": campaign.display_name,
        "identity": campaign.identity,
        "answer": campaign.answer,
        "message": campaign.message,
        "pacing": campaign.pacing,
        "senders": campaign.senders,
        "consent_purpose": campaign.consent_purpose,
    }


def request(session: Session, actor: Actor, job_id: int, wish: str) -> Job:
    """Ask for `pause`, `resume` or `stop`. Asking again for what is under way is no error."""
    actor.require(Permission.JOBS_CONTROL)
    job = get_job(session, actor, job_id)
    allowed, target = REQUESTS[wish]
    before = JobState(job.state)
    if before == target or (wish == "pause" and before == JobState.PAUSED):
        return job
    changed = session.execute(
        update(Job).where(Job.id == job.id, Job.state.in_([state.value for state in allowed])).values(state=target)
    )
    assert isinstance(changed, CursorResult)
    session.refresh(job)
    if changed.rowcount == 0:
        raise Refused(f"job {job.id} is {job.state}; it cannot {wish} now")
    _tell_engines(session, job)
    record(session, actor, f"job.{wish}", job, before={"state": before}, after={"state": job.state})
    return job


def get_job(session: Session, actor: Actor, job_id: int) -> Job:
    actor.require(Permission.JOBS_VIEW)
    return get_scoped(session, actor, Job, job_id)


def list_jobs(
    session: Session, actor: Actor, *, campaign_id: int | None = None, active: bool | None = None, limit: int = 50
) -> list[Job]:
    """Newest first."""
    actor.require(Permission.JOBS_VIEW)
    wanted = scoped(select(Job), Job, actor).order_by(Job.id.desc()).limit(limit)
    if campaign_id is not None:
        wanted = wanted.where(Job.campaign_id == campaign_id)
    if active is not None:
        wanted = wanted.where(Job.state.not_in(ENDED) if active else Job.state.in_(ENDED))
    return list(session.scalars(wanted))


def _tell_engines(session: Session, job: Job) -> None:
    session.add(OutboxEvent(topic="job", payload={"job_id": job.id, "state": job.state}, created_at=utcnow()))
