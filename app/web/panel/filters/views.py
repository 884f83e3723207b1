"""Filters: list, make, change, delete; conditions added and taken away, and a look at whom they find."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.audience import BadCondition, Filter, filter_from_json, filter_words
from app.models import FilterTemplate
from app.security.access import Permission
from app.services import audience, lists, sharing
from app.services.organizations import organization_for
from app.web.database import reader, writing
from app.web.listing import Columns, narrowed
from app.web.panel.filters import editor
from app.web.panel.filters.forms import FilterForm
from app.web.panel.gate import area, needs
from app.web.panel.undo import keeping, say_deleted
from app.web.viewer import actor
from common.clock import utcnow
from common.errors import Refused

blueprint = area("filters", __name__, "/filters")
_COLUMNS: Columns[FilterTemplate] = {
    "name": lambda row: row.name,
    "description": lambda row: row.description,
    "who": lambda row: filter_words(filter_from_json(row.definition)),
    "changed": lambda row: row.updated_at,
}
Page = Response | str | tuple[str, int]


@blueprint.get("/")
@needs(Permission.LISTS_VIEW)
def index() -> Response | str:
    listing = narrowed("filters", audience.list_filters(reader(), actor()), _COLUMNS)
    if listing.taken_away:
        return listing.csv()
    return render_template("filters/index.html", listing=listing, words=_COLUMNS["who"])


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def new() -> Page:
    form = FilterForm()
    form.offer_organizations()
    owner = form.chosen_organization
    fields = _fields(organization_for(reader(), actor(), owner) if owner or not form.organization_id else None)
    made = editor.read(request.form, fields) if request.method == "POST" else editor.changed(Filter(), "add-group")
    if _editing():
        return _editor(form, fields, editor.changed(made, request.form["edit"]), None)
    problem: BadCondition | None = None
    if form.validate_on_submit():
        try:
            with writing() as session:
                words = form.description.data or ""
                audience.create_filter(session, actor(), form.name.data, made, description=words, organization_id=owner)
            flash(f"{form.name.data} is ready. Choose it in a campaign.", "success")
            return redirect(url_for("filters.index"))
        except BadCondition as bad:
            problem = bad
        except Refused as refused:
            form.blame(str(refused))
    return _editor(form, fields, made, None, problem)


@blueprint.route("/<int:filter_id>", methods=["GET", "POST"])
def edit(filter_id: int) -> Page:
    template = audience.get_filter(reader(), actor(), filter_id)
    form = FilterForm(obj=template)
    del form.organization_id
    fields = _fields(template.organization_id)
    stored = filter_from_json(template.definition)
    made = editor.read(request.form, fields) if request.method == "POST" else stored
    if _editing():
        return _editor(form, fields, editor.changed(made, request.form["edit"]), template)
    problem: BadCondition | None = None
    if form.validate_on_submit():
        try:
            with writing() as session:
                words = form.description.data or ""
                audience.update_filter(session, actor(), filter_id, form.name.data, made, description=words)
            flash("Saved. A job that runs now keeps the filter it started with.", "success")
            return redirect(url_for("filters.index"))
        except BadCondition as bad:
            problem = bad
        except Refused as refused:
            form.blame(str(refused))
    return _editor(form, fields, made, template, problem)


@blueprint.post("/preview")
@needs(Permission.LISTS_VIEW)
def preview() -> str | tuple[str, int]:
    """Whom the filter in the form finds in the list chosen, before it is saved or used."""
    list_id = request.form.get("list", 0, type=int)
    contact_list = sharing.visible_list(reader(), actor(), list_id)
    fields = editor.Fields(sharing.types_of_list(reader(), contact_list, actor().organization_id))
    made = editor.read(request.form, fields)
    try:
        found = audience.preview(reader(), actor(), list_id, made, utcnow(), whole=bool(request.form.get("whole")))
    except BadCondition as bad:
        problem = f"{editor.place_words(bad.place)}: {bad}"
        return render_template("filters/_preview.html", problem=problem, found=None, contact_list=contact_list)
    except Refused as refused:
        return render_template("filters/_preview.html", problem=str(refused), found=None, contact_list=contact_list)
    return render_template("filters/_preview.html", problem="", found=found, contact_list=contact_list)


@blueprint.post("/<int:filter_id>/delete")
@needs(Permission.LISTS_EDIT)
def delete(filter_id: int) -> Response:
    try:
        token = keeping(FilterTemplate, filter_id)
        with writing() as session:
            audience.delete_filter(session, actor(), filter_id)
    except Refused as refused:
        flash(str(refused), "error")
        return redirect(url_for("filters.edit", filter_id=filter_id))
    say_deleted("The filter is deleted.", token)
    return redirect(url_for("filters.index"))


def _fields(organization_id: int | None) -> editor.Fields:
    return editor.Fields(sharing.askable_types(reader(), organization_id) if organization_id else {})


def _editing() -> bool:
    return request.method == "POST" and "edit" in request.form


def _editor(
    form: FilterForm,
    fields: editor.Fields,
    made: Filter,
    template: FilterTemplate | None,
    problem: BadCondition | None = None,
) -> Page:
    """The whole page, or for htmx the rows alone."""
    rows_only = request.headers.get("HX-Request") == "true"
    page = render_template(
        "filters/_rows.html" if rows_only else "filters/edit.html",
        form=form,
        template=template,
        lists=lists.list_names(reader(), actor()),
        ordered=True,
        **editor.rows(made, fields, problem, url_for(".edit", filter_id=template.id) if template else url_for(".new")),
    )
    return (page, 422) if (form.errors or problem) and not _editing() else page
