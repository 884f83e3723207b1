"""What a filter would see of one contact, to tell why a job has left it out."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audience import BUILT_IN, Facts, address_field, attribute_field, filter_from_json, why_left_out
from app.core.audience.fields import EXCLUDED, PHONE_AREA, PHONE_CARRIER, PHONE_COUNTRY, PHONE_TYPE
from app.core.phone import Origin
from app.models import Address, AddressKind, Attempt, Contact, Job, JobContact, JobState
from app.services import regions
from app.services.audience.sql import successful_codes
from app.services.exclusions import excluded_among

_COLUMNS = {
    "id": "external_id",
    "added_on": "created_at",
    "last_modified_on": "updated_at",
    "last_attempt_time": "last_attempt_at",
}


def facts_of(session: Session, contact: Contact) -> Facts:
    values = {
        name: getattr(contact, _COLUMNS.get(name, name))
        for name in BUILT_IN
        if hasattr(contact, _COLUMNS.get(name, name))
    }
    values[EXCLUDED] = bool(excluded_among(session, [contact.id], None))
    values |= {attribute_field(name): value for name, value in contact.attributes.items()}
    addresses = session.scalars(
        select(Address).where(Address.contact_id == contact.id).order_by(Address.position, Address.id)
    ).all()
    values |= {address_field(address.name): address.value for address in addresses}
    phone = next((address for address in addresses if address.kind == AddressKind.PHONE), None)
    if phone:
        # A number whose kind is not kept yet is not told in the database either.
        origin = regions.origin(phone.value) if phone.number_type else Origin()
        values |= {PHONE_TYPE: phone.number_type, PHONE_COUNTRY: phone.country}
        values |= {PHONE_AREA: origin.area, PHONE_CARRIER: origin.carrier}
    successes = successful_codes(session, contact.organization_id)
    attempts = session.execute(
        select(Attempt.started_at, Attempt.completion_code).where(Attempt.contact_id == contact.id)
    )
    return Facts(values, tuple((begun, code in successes) for begun, code in attempts))


def left_out(session: Session, contact: Contact) -> Iterator[tuple[Job, str]]:
    """Jobs under way on the contact's list that have no row of it, each with the words why."""
    going = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSING, JobState.PAUSED)
    mine = select(JobContact.id).where(JobContact.contact_id == contact.id, JobContact.job_id == Job.id)
    of_owner = Job.organization_id == contact.organization_id
    jobs = session.scalars(select(Job).where(of_owner, Job.state.in_(going), ~mine.exists()).order_by(Job.id))
    for job in jobs:
        if int(job.settings.get("contact_list_id", 0)) != contact.contact_list_id:
            continue
        made = job.settings.get("filter") or {}
        words = why_left_out(
            filter_from_json(made.get("definition", {})),
            facts_of(session, contact),
            made.get("types", {}),
            job.created_at,
        )
        if excluded_among(session, [contact.id], job.campaign_id):
            yield job, f"it is excluded from the calling of job {job.id}"
        elif words:
            yield job, f"the filter {made['name']!r} of job {job.id} leaves it out, {words}"
        elif not job.frozen:
            yield job, f"job {job.id} is still freezing its audience"
        else:
            yield job, f"it came to the list, or to what the filter asks, after job {job.id} had frozen its audience"
