"""One contact changed by hand, and what was changed before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.intake.mapping import FIELDS
from app.models import Address, AddressKind, ContactChange, User
from app.security.access import Permission
from app.services import contact_editing, contact_undo, contacts, importing, lists, sharing
from app.services.contact_editing import BadContact, Edit, EditedAddress
from app.web.database import reader, writing
from app.web.panel.contacts.views import blueprint
from app.web.panel.gate import needs
from app.web.viewer import actor
from common.errors import Refused

_LABELS = {
    "first_name": "First name",
    "last_name": "Last name",
    "language": "Language",
    "time_zone": "Time zone",
    "customer_id": "Customer ID",
}


@blueprint.route("/<int:contact_id>/edit", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def edit(contact_id: int) -> Response | str | tuple[str, int]:
    sharing.visible_contact(reader(), actor(), contact_id, edit=True)
    view = contacts.get_contact(reader(), actor(), contact_id)
    defined = contact_editing.editable(reader(), actor(), view.contact)
    errors: Mapping[str, str] = {}
    if request.method == "POST":
        wanted = _typed([attribute.name for attribute in defined])
        try:
            with writing() as session:
                changed = contact_editing.edit_contact(session, actor(), contact_id, wanted)
            flash("Saved." if changed else "Nothing was different.", "success")
            return redirect(url_for("contacts.show", contact_id=contact_id))
        except BadContact as bad:
            errors = bad.errors
    else:
        wanted = Edit(
            {name: getattr(view.contact, name) for name in FIELDS},
            {attribute.name: _text(view.contact.attributes.get(attribute.name)) for attribute in defined},
            _addresses(view.addresses),
        )
    page = render_template(
        "contacts/edit.html",
        contact=view.contact,
        contact_list=sharing.visible_list(reader(), actor(), view.contact.contact_list_id),
        wanted=wanted,
        defined=defined,
        labels=_LABELS,
        errors=errors,
    )
    return (page, 422) if errors else page


@blueprint.get("/<int:contact_id>/history")
@needs(Permission.LISTS_VIEW)
def history(contact_id: int) -> str:
    view = contacts.get_contact(reader(), actor(), contact_id)
    changes = contact_editing.history(reader(), actor(), contact_id)
    return render_template(
        "contacts/history.html",
        contact=view.contact,
        contact_list=lists.get_list(reader(), actor(), view.contact.contact_list_id),
        changes=changes,
        people=_people(changes),
        runs=importing.find_runs(
            reader(), actor(), {view.contact.import_run_id, *(change.import_run_id for change in changes)} - {None}
        ),
    )


@blueprint.post("/<int:contact_id>/history/<int:change_id>/undo")
@needs(Permission.LISTS_EDIT)
def undo_change(contact_id: int, change_id: int) -> Response:
    try:
        with writing() as session:
            contact_undo.undo_change(session, actor(), change_id)
        flash("The value is back as it was before that change.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("contacts.history", contact_id=contact_id))


def _people(changes: Sequence[ContactChange]) -> dict[int, str]:
    found = {change.user_id: reader().get(User, change.user_id) for change in changes if change.user_id}
    return {key: user.name or user.login for key, user in found.items() if user}


def _typed(attributes: Sequence[str]) -> Edit:
    """Addresses in the order of their numbers; rows of the same number stay as they stand."""
    form = request.form
    rows: list[tuple[int, EditedAddress]] = []
    place = -1
    while f"address-{(place := place + 1)}" in form:
        if not form.get(f"name-{place}") and not form[f"address-{place}"].strip():
            continue
        kind = AddressKind.EMAIL if form.get(f"kind-{place}") == AddressKind.EMAIL else AddressKind.PHONE
        order = form.get(f"order-{place}", "")
        number = int(order) if order.isascii() and order.isdigit() and len(order) < 4 else 99
        rows.append((number, EditedAddress(form.get(f"name-{place}", ""), str(kind), form[f"address-{place}"])))
    return Edit(
        {name: form[name] for name in FIELDS if name in form},
        {name: form[f"attribute.{name}"] for name in attributes if f"attribute.{name}" in form},
        [each for _, each in sorted(rows, key=lambda row: row[0])],
    )


def _addresses(there: Sequence[Address]) -> list[EditedAddress]:
    return [EditedAddress(row.name, row.kind, row.value) for row in contact_editing.in_order(there)]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
