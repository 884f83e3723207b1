"""Changes of many contacts of a list: choose whom, look, say yes, watch, stop, undo."""

from __future__ import annotations

import json

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.audience import BadCondition, Filter, filter_from_json, filter_to_json, filter_words
from app.models import ContactList, ListChange
from app.security.access import NotFound, Permission
from app.services import audience, list_changes, lists
from app.web.database import reader, writing
from app.web.panel.filters import editor
from app.web.panel.gate import needs
from app.web.panel.lists.views import blueprint
from app.web.viewer import actor
from common.clock import utcnow
from common.errors import Refused

Page = Response | str | tuple[str, int]
_NOBODY = BadCondition("add a condition; to delete everybody, choose Remove all contacts on the list's page", (0, 0))


@blueprint.route("/<int:list_id>/deletion", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def deletion(list_id: int) -> Page:
    """The conditions; with the last button the page that asks whether they are meant."""
    contact_list = lists.get_list(reader(), actor(), list_id)
    fields = _fields(contact_list)
    if request.method == "GET":
        return _conditions(contact_list, fields, _begun())
    made = editor.read(request.form, fields)
    if "edit" in request.form:
        return _conditions(contact_list, fields, editor.changed(made, request.form["edit"]))
    if not made.conditions:
        return _conditions(contact_list, fields, made, _NOBODY)
    try:
        return _confirmation(contact_list, made)
    except BadCondition as problem:
        return _conditions(contact_list, fields, made, problem)


@blueprint.get("/<int:list_id>/empty")
@needs(Permission.LISTS_EDIT)
def empty(list_id: int) -> Page:
    return _confirmation(lists.get_list(reader(), actor(), list_id), Filter())


@blueprint.post("/<int:list_id>/deletion/start")
@needs(Permission.LISTS_EDIT)
def start_deletion(list_id: int) -> Response:
    try:
        made = filter_from_json(json.loads(request.form.get("filter", "")))
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("the page is not whole any more; begin again at the list") from error
    expected, last_id = (request.form.get(name, 0, type=int) for name in ("expected", "last"))
    try:
        with writing() as session:
            change = list_changes.start_deletion(session, actor(), list_id, made, expected=expected, last_id=last_id)
    except Refused as refused:
        flash(str(refused), "error")
        return redirect(url_for(".show", list_id=list_id))
    return redirect(url_for(".change", list_id=list_id, change_id=change.id))


@blueprint.get("/<int:list_id>/changes/<int:change_id>")
def change(list_id: int, change_id: int) -> str:
    found = _change(list_id, change_id)
    fragment = request.headers.get("HX-Request") == "true"
    return render_template(
        "lists/_change.html" if fragment else "lists/change.html",
        contact_list=lists.get_list(reader(), actor(), list_id),
        change=found,
        going=not list_changes.is_over(found),
        parts=_parts(found),
        may_undo=list_changes.may_undo(reader(), found, utcnow()),
    )


@blueprint.post("/<int:list_id>/changes/<int:change_id>/cancel")
@needs(Permission.LISTS_EDIT)
def cancel_change(list_id: int, change_id: int) -> Response:
    _change(list_id, change_id)
    try:
        with writing() as session:
            list_changes.cancel(session, actor(), change_id)
        flash("It stops. What is changed already stays so.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for(".change", list_id=list_id, change_id=change_id))


@blueprint.post("/<int:list_id>/changes/<int:change_id>/undo")
@needs(Permission.LISTS_EDIT)
def undo_change(list_id: int, change_id: int) -> Response:
    _change(list_id, change_id)
    try:
        with writing() as session:
            change_id = list_changes.undo(session, actor(), change_id).id
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for(".change", list_id=list_id, change_id=change_id))


def _parts(change: ListChange) -> list[tuple[str, lists.ListRow | None]]:
    rows = {row.contact_list.id: row for row in lists.list_lists(reader(), actor())} if "parts" in change.asked else {}
    return [(part["name"], rows.get(part["list_id"])) for part in change.asked.get("parts", ())]


def _begun() -> Filter:
    """The conditions to begin with: those of the filter chosen, or one empty row."""
    chosen = request.args.get("filter", 0, type=int)
    if not chosen:
        return editor.changed(Filter(), "add-group")
    stored = filter_from_json(audience.get_filter(reader(), actor(), chosen).definition)
    return Filter(stored.groups, stored.match)


def _conditions(
    contact_list: ContactList, fields: editor.Fields, made: Filter, problem: BadCondition | None = None
) -> Page:
    """The whole page, or for htmx the rows alone."""
    rows_only = request.headers.get("HX-Request") == "true"
    filters = audience.list_filters(reader(), actor())
    page = render_template(
        "filters/_rows.html" if rows_only else "lists/deletion.html",
        contact_list=contact_list,
        filters=[one for one in filters if one.organization_id == contact_list.organization_id],
        chosen=request.args.get("filter", 0, type=int),
        nothing_asked="Nobody yet. Add a group of conditions.",
        **editor.rows(made, fields, problem, url_for(".deletion", list_id=contact_list.id)),
    )
    return (page, 422) if problem and not rows_only else page


def _confirmation(contact_list: ContactList, made: Filter) -> str:
    """Counts the whole list: what it shows is what is deleted."""
    found = list_changes.look(reader(), actor(), contact_list.id, made, utcnow())
    return render_template(
        "lists/confirm.html",
        contact_list=contact_list,
        found=found.preview,
        last_id=found.last_id,
        everybody=not made.conditions,
        words=filter_words(made),
        definition=json.dumps(filter_to_json(made)),
        undo_days=list_changes.UNDO_FOR.days,
    )


def _fields(contact_list: ContactList) -> editor.Fields:
    return editor.Fields(audience.attribute_types(reader(), contact_list.organization_id))


def _change(list_id: int, change_id: int) -> ListChange:
    found = list_changes.get_change(reader(), actor(), change_id)
    if found.contact_list_id != list_id:
        raise NotFound(f"change {change_id}: there is none of this list")
    return found
