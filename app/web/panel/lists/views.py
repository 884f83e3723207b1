"""Contact lists: list, create, change, delete."""

from __future__ import annotations

from flask import Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.security.access import Permission
from app.services import contacts, importing, list_changes, lists, number_formats, reports, sharing
from app.web.database import engine, reader, writing
from app.web.downloads import csv_of, note_export
from app.web.listing import Columns, narrowed
from app.web.panel.gate import area, needs
from app.web.panel.lists.forms import ListForm, UploadForm
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("lists", __name__, "/lists")
_COLUMNS: Columns[lists.ListRow] = {
    "name": lambda row: row.contact_list.name,
    "description": lambda row: row.contact_list.description,
    "owner": lambda row: row.owner,
    "contacts": lambda row: row.contacts,
    "home country": lambda row: row.contact_list.home_country,
    "changed": lambda row: row.contact_list.updated_at,
}
_PAGE = 25


@blueprint.get("/")
def index() -> AnyResponse | str:
    listing = narrowed("contact-lists", lists.list_lists(reader(), actor()), _COLUMNS)
    if listing.taken_away:
        return listing.csv()
    return render_template("lists/index.html", listing=listing, rows=listing.rows)


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def new() -> AnyResponse | str | tuple[str, int]:
    form = ListForm()
    form.offer_organizations()
    if not form.is_submitted():
        form.home_country.data = number_formats.home_country_for(reader(), actor()) or form.home_country.data
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = lists.create_list(
                    session,
                    actor(),
                    form.name.data,
                    description=form.description.data or "",
                    home_country=form.home_country.data,
                    time_zone=form.time_zone.data or "",
                    organization_id=form.chosen_organization,
                )
            flash(f"{made.name} is made. Upload its contacts now.", "success")
            return redirect(url_for("lists.show", list_id=made.id))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("lists/edit.html", form=form, contact_list=None)
    return (page, 422) if form.errors else page


@blueprint.get("/<int:list_id>")
def show(list_id: int) -> str:
    contact_list = sharing.visible_list(reader(), actor(), list_id)
    foreign = sharing.is_foreign(actor(), contact_list)
    page = contacts.search_contacts(
        reader(),
        actor(),
        contact_list_id=list_id,
        search=request.args.get("search", ""),
        after_id=request.args.get("after", 0, type=int),
        limit=_PAGE,
    )
    return render_template(
        "lists/shared.html" if foreign else "lists/show.html",
        contact_list=contact_list,
        owner=sharing.owner_name(reader(), contact_list) if foreign else "",
        may_edit=sharing.may_edit(reader(), actor(), contact_list),
        shares=[] if foreign else sharing.shares_of(reader(), actor(), list_id),
        runs=importing.list_runs(reader(), actor(), list_id, limit=5),
        changes=list_changes.list_changes(reader(), actor(), list_id, limit=5),
        page=page,
        search=request.args.get("search", ""),
        flags=reports.code_flags(reader(), actor().organization_id or contact_list.organization_id),
        upload=UploadForm(formdata=None),
    )


@blueprint.route("/<int:list_id>/edit", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def edit(list_id: int) -> AnyResponse | str | tuple[str, int]:
    contact_list = lists.get_list(reader(), actor(), list_id)
    form = ListForm(obj=contact_list)
    del form.organization_id
    if form.validate_on_submit():
        try:
            with writing() as session:
                lists.update_list(
                    session,
                    actor(),
                    list_id,
                    name=form.name.data,
                    description=form.description.data or "",
                    home_country=form.home_country.data,
                    time_zone=form.time_zone.data or "",
                )
            flash("Saved.", "success")
            return redirect(url_for("lists.show", list_id=list_id))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("lists/edit.html", form=form, contact_list=contact_list)
    return (page, 422) if form.errors else page


@blueprint.post("/<int:list_id>/delete")
@needs(Permission.LISTS_EDIT)
def delete(list_id: int) -> AnyResponse:
    try:
        lists.delete_list(engine(), actor(), list_id)
    except Refused as refused:
        flash(str(refused), "error")
        return redirect(url_for("lists.show", list_id=list_id))
    flash("The list is deleted.", "success")
    return redirect(url_for("lists.index"))


@blueprint.get("/<int:list_id>/contacts.csv")
def export(list_id: int) -> Response:
    who = actor()
    note_export(sharing.visible_list(reader(), who, list_id))
    return csv_of(f"list-{list_id}.csv", lambda session: contacts.export_csv(session, who, list_id))
