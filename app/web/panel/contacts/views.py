"""Contacts: search, one person's page with its attempts, why it is not being dialled, do not call, delete."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.calendars import Place
from app.core.phone import Origin
from app.models import AddressKind, Attempt, CompletionCode, Contact, ContactList, Job
from app.security.access import Permission
from app.services import contact_undo, contacts, dnc, exclusions, places, regions, reports, sharing
from app.services.calendars import read_calendar
from app.services.explain import why_not_dialled
from app.web.database import reader, writing
from app.web.live.snapshot import mask_address
from app.web.panel.contacts import ladder, media
from app.web.panel.gate import area, needs
from app.web.panel.undo import keeping, say_deleted
from app.web.viewer import actor
from app.web.words import TYPE_WORDS
from common.clock import utcnow
from common.errors import Refused

blueprint = area("contacts", __name__, "/contacts")
_PAGE = 50
_ATTEMPTS = 50


@blueprint.get("/")
def index() -> str:
    search = request.args.get("search", "")
    after = request.args.get("after", 0, type=int)
    page = contacts.search_contacts(reader(), actor(), search=search, after_id=after, limit=_PAGE)
    flags = _flags({view.contact.organization_id for view in page.contacts})
    return render_template("contacts/index.html", page=page, search=search, flags=flags)


@blueprint.get("/<int:contact_id>")
def show(contact_id: int) -> str:
    view = contacts.get_contact(reader(), actor(), contact_id)
    contact_list = sharing.visible_list(reader(), actor(), view.contact.contact_list_id)
    subjects = [(address.kind, address.value) for address in view.addresses]
    subjects += dnc.subjects_of(view.contact.external_id, view.contact.customer_id)
    may_report = actor().may(Permission.REPORTS_VIEW)
    attempts = reports.contact_history(reader(), actor(), contact_id, limit=_ATTEMPTS) if may_report else []
    if sharing.is_foreign(actor(), view.contact):
        return _shared(view, contact_list, subjects, attempts)
    return render_template(
        "contacts/show.html",
        view=view,
        contact=view.contact,
        contact_list=contact_list,
        attempts=attempts,
        campaigns={job_id: _campaign(job_id) for job_id in {attempt.job_id for attempt in attempts}},
        listed=dnc.blocked(reader(), view.contact.organization_id, subjects),
        places=_places(view),
        origins=_origins(view),
        types=TYPE_WORDS,
        flags=reports.code_flags(reader(), view.contact.organization_id),
        limit=_ATTEMPTS,
        excluded=exclusions.excluded_from(reader(), actor(), contact_id),
        campaigns_of_list=exclusions.campaign_names(reader(), actor(), view.contact.organization_id),
    )


def _shared(
    view: contacts.ContactView,
    contact_list: ContactList,
    subjects: Sequence[tuple[str, str]],
    attempts: Sequence[Attempt],
) -> str:
    """A contact of another organization's list: what that tells of it, and what the own organization has done."""
    home = actor().organization_id
    assert home is not None
    return render_template(
        "contacts/shared.html",
        view=view,
        contact=view.contact,
        contact_list=contact_list,
        owner=sharing.owner_name(reader(), contact_list),
        may_edit=sharing.may_edit(reader(), actor(), contact_list),
        origins=_origins(view),
        attempts=attempts,
        campaigns={job_id: _campaign(job_id) for job_id in {attempt.job_id for attempt in attempts}},
        listed=dnc.blocked(reader(), home, subjects),
        flags=reports.code_flags(reader(), home),
    )


@blueprint.post("/<int:contact_id>/exclusion")
@needs(Permission.LISTS_EDIT)
def exclusion(contact_id: int) -> Response:
    contact = contacts.get_contact(reader(), actor(), contact_id).contact
    change = exclusions.reset if request.form.get("what") == "reset" else exclusions.exclude
    subject = (exclusions.ID, contact.external_id)
    with writing() as session:
        change(session, actor(), contact.contact_list_id, [subject], request.form.get("campaign", type=int))
    flash("The contact may be called again." if change is exclusions.reset else "The contact is excluded.", "success")
    return redirect(url_for("contacts.show", contact_id=contact_id))


@blueprint.get("/<int:contact_id>/why")
@needs(Permission.REPORTS_VIEW)
def why(contact_id: int) -> str:
    holds = why_not_dialled(reader(), actor(), contact_id, utcnow())
    return render_template("contacts/_why.html", holds=holds)


@blueprint.get("/<int:contact_id>/attempts/<attempt_id>")
@needs(Permission.REPORTS_VIEW)
def attempt(contact_id: int, attempt_id: str) -> str:
    detail = reports.attempt_detail(reader(), actor(), attempt_id)
    view = contacts.get_contact(reader(), actor(), contact_id)
    fragment = request.headers.get("HX-Request") == "true"
    found = detail.attempt
    lines = ladder.read(detail.steps)
    call = {
        "lines": lines,
        "drawing": ladder.draw(lines),
        "timeline": ladder.timeline(lines, found.started_at, found.ringing_at, found.answered_at, found.ended_at)
        if found.channel == "voice"
        else None,
        "media": media.directions((found.result or {}).get("rtp")),
    }
    return render_template(
        "contacts/_attempt.html" if fragment else "contacts/attempt.html",
        contact=view.contact,
        detail=detail,
        attempt=found,
        call=call,
        flags=reports.code_flags(reader(), found.organization_id),
        mask=mask_address,
    )


@blueprint.post("/<int:contact_id>/dnc")
@needs(Permission.DNC_EDIT)
def do_not_call(contact_id: int) -> Response:
    view = contacts.get_contact(reader(), actor(), contact_id)
    chosen = request.form.get("subject", "")
    subjects = _subjects(view, chosen)
    try:
        with writing() as session:
            dnc.add(
                session,
                actor(),
                subjects,
                # Of a contact that is shared, the own list is meant.
                organization_id=actor().organization_id or view.contact.organization_id,
                proof=f"contact {view.contact.external_id}, by {actor().login}",
            )
        flash("On the do-not-call list from this moment.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("contacts.show", contact_id=contact_id))


@blueprint.post("/<int:contact_id>/delete")
@needs(Permission.LISTS_EDIT)
def delete(contact_id: int) -> Response:
    view = contacts.get_contact(reader(), actor(), contact_id)
    list_id = view.contact.contact_list_id
    undone_by = keeping(Contact, contact_id)
    with writing() as session:
        contacts.delete_contact(session, actor(), contact_id)
    say_deleted("The contact is deleted.", undone_by)
    return redirect(url_for("lists.show", list_id=list_id))


@blueprint.post("/<int:contact_id>/restore")
@needs(Permission.LISTS_EDIT)
def restore(contact_id: int) -> Response:
    try:
        with writing() as session:
            contact_undo.restore(session, actor(), contact_id)
        flash("The contact is back in its list. Jobs that gave it up meanwhile do not take it again.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("contacts.show", contact_id=contact_id))


def _subjects(view: contacts.ContactView, chosen: str) -> list[tuple[str, str]]:
    """The address of that id, or the whole person."""
    for address in view.addresses:
        if chosen == str(address.id):
            return [(address.kind, address.value)]
    everything = [(address.kind, address.value) for address in view.addresses]
    return [
        *everything,
        *(pair for pair in dnc.subjects_of(view.contact.external_id, view.contact.customer_id) if pair[1]),
    ]


def _flags(organization_ids: set[int]) -> dict[str, CompletionCode]:
    """Flags of codes by name. Where a page shows several organizations, a name they share is drawn by the last."""
    flags: dict[str, CompletionCode] = {}
    for organization_id in sorted(organization_ids):
        flags |= reports.code_flags(reader(), organization_id)
    return flags


def _campaign(job_id: int) -> str:
    job = reader().get(Job, job_id)
    return str(job.settings.get("campaign", "")) if job else ""


def _origins(view: contacts.ContactView) -> dict[int, Origin]:
    """What the digits of each number tell."""
    seen = actor().may(Permission.NUMBERS_VIEW)
    phones = (address for address in view.addresses if address.kind == AddressKind.PHONE)
    return {address.id: regions.origin(address.value, seen=seen) for address in phones}


def _places(view: contacts.ContactView) -> dict[int, Place]:
    """Where each number is, as the gate will see it."""
    contact = view.contact
    calendar = read_calendar(reader(), contact.organization_id)
    home = places.homes(reader(), {contact.contact_list_id})[contact.contact_list_id]
    return {
        address.id: places.place(calendar, contact, home, address)
        for address in view.addresses
        if address.kind == AddressKind.PHONE
    }
