"""Why is this contact not being dialled? Everything that holds a contact, each with words and the time it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.calendars import Place
from app.core.compliance import Consent, Limits, too_old, untimely
from app.models import (
    Address,
    AddressKind,
    Attempt,
    AttemptState,
    CallingWindow,
    Contact,
    Job,
    JobContact,
    JobContactState,
    JobState,
    Lease,
    MediaServer,
    Trunk,
)
from app.models.campaign import NOT_YET
from app.security.access import Actor, Permission, get_scoped
from app.services import consents, places, regions
from app.services.audience.facts import left_out
from app.services.calendars import read_calendar
from app.services.dnc import NO_CAMPAIGN, blocked, subjects_of
from app.services.dnc_files import coverages
from app.services.exclusions import excluded_among
from app.services.jobs import ENDED
from app.services.numbering import read_numbering, site_of
from app.services.quiet import quiet_addresses
from app.services.trunk_groups import read_group

#: A media server that has not been heard of for so long (seconds) is counted as gone.
MEDIA_SERVER_SILENCE = 15.0
_EXCLUDED = "CONTACT_EXCLUDED"


@dataclass(frozen=True, slots=True)
class Hold:
    """One thing that keeps a contact from being dialled. `until` None has no end that is known."""

    code: str
    text: str
    until: datetime | None = None
    job_id: int | None = None


def why_not_dialled(session: Session, actor: Actor, contact_id: int, now: datetime) -> list[Hold]:
    """Every hold on the contact; an empty list means that an attempt is due or under way."""
    actor.require(Permission.REPORTS_VIEW)
    contact = get_scoped(session, actor, Contact, contact_id)
    addresses = session.scalars(
        select(Address).where(Address.contact_id == contact.id).order_by(Address.position)
    ).all()
    holds = [*_person_holds(contact, addresses), *_excluded_holds(session, contact, None)]
    places_of = dict(_places(session, contact, addresses))
    listed = list(_listed(session, contact, places_of, now, NO_CAMPAIGN))
    holds += listed
    rows = session.execute(
        select(JobContact, Job)
        .join(Job, Job.id == JobContact.job_id)
        .where(JobContact.contact_id == contact.id, Job.organization_id == contact.organization_id)
    ).all()
    active = [(job_contact, job) for job_contact, job in rows if job.state not in ENDED]
    outside = [Hold("NOT_IN_AUDIENCE", words, job_id=job.id) for job, words in left_out(session, contact)]
    holds += outside
    if not active and not outside:
        text = "no job that is queued, running or paused has this contact in its audience"
        holds.append(Hold("NO_JOB", f"{text}; start a campaign on its list" if not rows else text))
    for job_contact, job in active:
        holds += _job_holds(session, job_contact, job, now)
        holds += _quiet_holds(session, job_contact, addresses, now)
        holds += _window_holds(session, actor, job, places_of, now)
        holds += _unscreened(session, job, addresses, now)
        holds += _undiallable(session, job, addresses, now)
        holds += _consent_holds(session, job, contact, places_of, now)
        if not any(hold.code == _EXCLUDED and hold.job_id is None for hold in holds):
            holds += _excluded_holds(session, contact, job)
        chosen = _listed(session, contact, places_of, now, job.campaign_id)
        holds += [replace(hold, job_id=job.id) for hold in chosen if hold not in listed]
    return holds


def _listed(
    session: Session, contact: Contact, places_of: Mapping[Address, Place], now: datetime, campaign_id: int
) -> Iterator[Hold]:
    """Each address with the person, as the gate sees them: an entry of a day ends where the person is."""
    for address, place in places_of.items():
        subjects = [(address.kind, address.value), *subjects_of(contact.external_id, contact.customer_id)]
        for hit in blocked(session, contact.organization_id, subjects, now, campaign_id):
            if hit.holds(place.zones, now):
                words = f"{address.name}: {hit.kind.replace('_', ' ')} is on the do-not-call list {hit.list_name!r}"
                yield Hold("IN_DNC_LIST", words, hit.ends(place.zones))


def _unscreened(session: Session, job: Job, addresses: Sequence[Address], now: datetime) -> Iterator[Hold]:
    """Numbers that no young copy of their country's list has been asked for."""
    national = coverages(session, job.organization_id, job.campaign_id)
    for address in addresses:
        why = too_old(national, address.value, address.country, now) if address.kind == AddressKind.PHONE else ""
        if why:
            yield Hold("RESTRICTED_RULE", f"{address.name}: {why}", job_id=job.id)


def _undiallable(session: Session, job: Job, addresses: Sequence[Address], now: datetime) -> Iterator[Hold]:
    """Numbers that are refused by now, or of which the dialing rules make nothing that a trunk of the job may dial."""
    trunk = session.get(Trunk, int(job.settings["trunk_id"]))
    numbering = read_numbering(session, job.organization_id)
    sites = [site_of(other) for other in read_group(session, trunk)] if trunk is not None else []
    for address in addresses:
        if address.kind != AddressKind.PHONE:
            continue
        if why := numbering.barred(address.value, now) or numbering.undiallable(address.value, sites):
            yield Hold("NO_CALLABLE_ADDRESS", f"{address.name}: {why}", job_id=job.id)


def _consent_holds(
    session: Session, job: Job, contact: Contact, places_of: Mapping[Address, Place], now: datetime
) -> Iterator[Hold]:
    purpose = str(job.settings.get("consent_purpose", ""))
    if not purpose:
        return
    person = subjects_of(contact.external_id, contact.customer_id)
    names = [*person, *((address.kind, address.value) for address in places_of)]
    acts = consents.acts_of(session, job.organization_id, purpose, names)
    for address, place in places_of.items():
        for channel in ("voice", "sms") if address.kind == AddressKind.PHONE else ("email",):
            who = [*person, (address.kind, address.value)]
            found = consents.consent_for(acts, who, channel, now, place.zones)
            if found is not Consent.GIVEN:
                code = "CONSENT_REVOKED" if found is Consent.REVOKED else "CONSENT_MISSING"
                yield Hold(code, f"{address.name}: consent to {channel} for {purpose} is {found}", job_id=job.id)


def _person_holds(contact: Contact, addresses: Sequence[Address]) -> Iterator[Hold]:
    if contact.deleted_at is not None:
        yield Hold("CONTACT_DELETED", "the contact was deleted")
    if not addresses:
        yield Hold("NO_CALLABLE_ADDRESS", "the contact has no phone and no email address")
    for address in addresses:
        if address.disabled_code:
            yield Hold(address.disabled_code, f"{address.name} is switched off after {address.disabled_code}")


def _excluded_holds(session: Session, contact: Contact, job: Job | None) -> Iterator[Hold]:
    """From all campaigns, or from the job's."""
    if excluded_among(session, [contact.id], job.campaign_id if job else None):
        what = f"the campaign of job {job.id}" if job else "all campaigns"
        yield Hold(
            _EXCLUDED, f"the contact is excluded from {what}; reset it on its page", job_id=job.id if job else None
        )


def _job_holds(session: Session, job_contact: JobContact, job: Job, now: datetime) -> Iterator[Hold]:
    if job.state != JobState.RUNNING:
        yield Hold(f"JOB_{job.state.upper()}", f"job {job.id} is {job.state}", job_id=job.id)
    if job_contact.state == JobContactState.DONE:
        yield Hold(job_contact.final_code, f"job {job.id} is finished with it: {job_contact.final_code}", job_id=job.id)
        return
    if job_contact.state == JobContactState.ATTEMPTING:
        return
    if job_contact.hold_code:
        yield Hold(job_contact.hold_code, job_contact.hold_detail, job_contact.hold_until, job.id)
    if job_contact.due_at == NOT_YET:
        yield Hold("WAITING", f"its turn in the order of job {job.id} has not come", job_id=job.id)
    elif job_contact.due_at > now:
        text = f"job {job.id} tries again later, by its strategy"
        yield Hold("WAITING", f"{text} (last result {job_contact.last_code or 'none'})", job_contact.due_at, job.id)
    yield from _plant_holds(session, job, now)


def _plant_holds(session: Session, job: Job, now: datetime) -> Iterator[Hold]:
    trunk = session.get(Trunk, int(job.settings["trunk_id"]))
    if trunk is not None and trunk.paused_until is not None and trunk.paused_until > now:
        yield Hold("TRUNK_PAUSED", f"trunk {trunk.name!r} is paused: {trunk.paused_reason}", trunk.paused_until, job.id)
    engines = session.scalars(select(Lease.name).where(Lease.name.like("engine:%"), Lease.expires_at > now)).all()
    if not engines:
        yield Hold("NO_ENGINE", "no engine is running; start one with `clarion engine`", job_id=job.id)
    servers = session.scalars(select(MediaServer).where(MediaServer.enabled)).all()
    alive = [
        server
        for server in servers
        if server.last_seen_at is not None and (now - server.last_seen_at).total_seconds() < MEDIA_SERVER_SILENCE
    ]
    if not alive:
        yield Hold("NO_MEDIA_SERVER", "no media server answers; start one with `clarion mediaserver`", job_id=job.id)
    busy = session.scalar(
        select(Attempt.id).where(Attempt.job_id == job.id, Attempt.state == AttemptState.IN_PROGRESS).limit(1)
    )
    if trunk is not None and busy is None and trunk.max_channels == 0:
        yield Hold("NO_PORTS", f"trunk {trunk.name!r} has no channels", job_id=job.id)


def _quiet_holds(
    session: Session, job_contact: JobContact, addresses: Sequence[Address], now: datetime
) -> Iterator[Hold]:
    """Attempts of others to the same addresses: under way, or ended and nobody knows how."""
    if job_contact.state in (JobContactState.DONE, JobContactState.ATTEMPTING):
        return
    names = {address.value: address.name for address in addresses}
    for other in quiet_addresses(session, job_contact.organization_id, names, now):
        if other.job_contact_id != job_contact.id:
            words = f"{names[other.address]}: {other.quiet.text}"
            yield Hold("RESTRICTED_RULE", words, other.quiet.until(now), job_contact.job_id)


def _window_holds(
    session: Session, actor: Actor, job: Job, places_of: Mapping[Address, Place], now: datetime
) -> Iterator[Hold]:
    window = session.get(CallingWindow, int(job.settings["calling_window_id"]))
    if window is None or window.always_open:
        return
    calendar = read_calendar(session, job.organization_id)
    limits = Limits(window.hours, calendar.guards, calendar.holiday_rules(window, job.campaign_id))
    for address, place in places_of.items():
        if address.kind != AddressKind.PHONE or (late := untimely(limits, place, now)) is None:
            continue
        code = "RESTRICTED_HOLIDAY" if late.holiday else "RESTRICTED_TIME"
        region = regions.origin(address.value, seen=actor.may(Permission.NUMBERS_VIEW)).region
        name = f"{address.name} ({region})" if region else address.name
        yield Hold(code, f"{name}: {late.text} (calling window {window.name!r})", late.until, job.id)
        # What each source says is only worth reading where the strictest of them holds the contact back.
        for conflict in place.conflicts:
            yield Hold(code, f"{name}: {conflict}; the stricter window counts", late.until, job.id)


def _places(session: Session, contact: Contact, addresses: Sequence[Address]) -> Iterator[tuple[Address, Place]]:
    calendar = read_calendar(session, contact.organization_id)
    home = places.homes(session, {contact.contact_list_id})[contact.contact_list_id]
    for address in addresses:
        yield address, places.place(calendar, contact, home, address)
