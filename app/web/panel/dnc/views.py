"""Do not call: who is never contacted, adding and removing entries."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice

from app.core.compliance import NATIONAL
from app.models import DncEntry, DncList
from app.security.access import NotFound, Permission, get_scoped
from app.services import campaigns, dnc, dnc_files, dnc_groups, number_formats
from app.web.database import afresh, engine, reader, writing
from app.web.downloads import csv_of, note_export
from app.web.file_taker import DNC
from app.web.panel.dnc.forms import DncFileForm, DncForm, DncGroupForm, DncListForm
from app.web.panel.gate import area, needs
from app.web.panel.large_files import received
from app.web.panel.undo import keeping, say_deleted
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("dnc", __name__, "/dnc")
_PAGE = 100


@blueprint.get("/")
@needs(Permission.DNC_VIEW)
def index() -> str:
    form = DncForm(formdata=None)
    form.offer_organizations()
    return _page(form)


@blueprint.post("/")
@needs(Permission.DNC_EDIT)
def add() -> Response | tuple[str, int]:
    form = DncForm()
    form.offer_organizations()
    if form.validate_on_submit():
        try:
            with writing() as session:
                subjects = [(form.kind.data, form.value.data)]
                added = dnc.add(
                    session,
                    actor(),
                    subjects,
                    dnc_list_id=request.form.get("list", type=int),
                    organization_id=form.chosen_organization,
                    proof=form.proof.data or "",
                    until=form.until.data,
                )
            flash(
                "Added. It holds from this moment." if added else "It was listed already.",
                "success",
            )
            return redirect(url_for("dnc.index"))
        except Refused as refused:
            form.value.errors = [*form.value.errors, str(refused)]
    return _page(form), 422


@blueprint.get("/lists")
@needs(Permission.DNC_VIEW)
def lists() -> str:
    return _lists(DncListForm(formdata=None), DncGroupForm(formdata=None))


@blueprint.post("/lists")
@needs(Permission.DNC_EDIT)
def new_list() -> Response | tuple[str, int]:
    form = DncListForm()
    form.offer_organizations()
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = dnc.create_dnc_list(session, actor(), form.name.data or "", form.chosen_organization)
                if form.national.data:
                    dnc_files.set_national(session, actor(), made.id, form.national.data)
                if form.by_group.data:
                    dnc_groups.set_by_group(session, actor(), made.id, True)
            flash(f"{made.name} is made.", "success")
            return redirect(url_for("dnc.index", list=made.id))
        except Refused as refused:
            form.name.errors = [*form.name.errors, str(refused)]
    return _lists(form, DncGroupForm(formdata=None)), 422


@blueprint.post("/lists/<int:list_id>/by-group")
@needs(Permission.DNC_EDIT)
def set_by_group(list_id: int) -> Response:
    with writing() as session:
        dnc_groups.set_by_group(session, actor(), list_id, request.form.get("by_group") == "yes")
    flash("Changed. It holds from the next attempt on, in running jobs too.", "success")
    return redirect(url_for("dnc.lists"))


@blueprint.route("/lists/<int:list_id>/files", methods=["GET", "POST"])
@needs(Permission.DNC_VIEW)
def files(list_id: int) -> Response | str | tuple[str, int]:
    """What was taken into a list; a new file is taken at once where it is small, else in the background."""
    dnc_list = next((row for row, _ in dnc.list_dnc_lists(reader(), actor()) if row.id == list_id), None)
    if dnc_list is None:
        raise NotFound(f"do-not-call list {list_id}: there is none")
    own = dnc_list.organization_id
    country = number_formats.home_country_of(reader(), own) if own is not None else ""
    form = DncFileForm(data={"form": dnc_list.national or "csv", "home_country": country})
    if request.method == "POST":
        actor().require(Permission.DNC_EDIT)
    if form.validate_on_submit():
        try:
            _take(list_id, form)
            return redirect(url_for("dnc.files", list_id=list_id))
        except Refused as refused:
            form.blame(str(refused))
    rows = dnc_files.list_files(afresh(), actor(), list_id)
    fragment = request.headers.get("HX-Request") == "true"
    page = render_template(
        "dnc/_files.html" if fragment else "dnc/files.html", form=form, dnc_list=dnc_list, rows=rows, national=NATIONAL
    )
    return (page, 422) if form.errors else page


@blueprint.post("/lists/<int:list_id>/files/<int:file_id>/cancel")
@needs(Permission.DNC_EDIT)
def cancel_file(list_id: int, file_id: int) -> Response:
    try:
        with writing() as session:
            dnc_files.request_cancel(session, actor(), file_id)
        flash("It stops. What is taken already stays.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("dnc.files", list_id=list_id))


@blueprint.post("/groups")
@needs(Permission.DNC_EDIT)
def put_group() -> Response | tuple[str, int]:
    form = _with_choices(DncGroupForm())
    if form.validate_on_submit():
        try:
            chosen = (form.lists.data or [], form.campaigns.data or [])
            with writing() as session:
                dnc_groups.put_group(session, actor(), form.name.data or "", *chosen, form.chosen_organization)
            flash("The group is kept. It holds from the next attempt on, in running jobs too.", "success")
            return redirect(url_for("dnc.lists"))
        except Refused as refused:
            form.name.errors = [*form.name.errors, str(refused)]
    return _lists(DncListForm(formdata=None), form), 422


@blueprint.post("/groups/<int:group_id>/delete")
@needs(Permission.DNC_EDIT)
def delete_group(group_id: int) -> Response:
    with writing() as session:
        dnc_groups.delete_group(session, actor(), group_id)
    flash("The group is deleted; its lists stay.", "success")
    return redirect(url_for("dnc.lists"))


@blueprint.get("/<int:list_id>/entries.csv")
@needs(Permission.DNC_VIEW)
def export(list_id: int) -> Response:
    who = actor()
    note_export(get_scoped(reader(), who, DncList, list_id))
    return csv_of(f"do-not-call-{list_id}.csv", lambda session: dnc.export_csv(session, who, list_id))


@blueprint.post("/<int:entry_id>/remove")
@needs(Permission.DNC_EDIT)
def remove(entry_id: int) -> Response:
    undone_by = keeping(DncEntry, entry_id)
    with writing() as session:
        dnc.remove(session, actor(), entry_id)
    say_deleted("Removed. The contact may be reached again, if nothing else forbids it.", undone_by)
    return redirect(request.referrer if _ours(request.referrer) else url_for("dnc.index"))


def _take(list_id: int, form: DncFileForm) -> None:
    """At once or in the background. Raise Refused."""
    who, fields = actor(), form.values()
    with received(form.file.data, "list.txt") as file:
        if file.is_large:
            name = file.path.name
            file.hand_over(DNC, lambda session: dnc_files.start_file(session, who, list_id, name, fields).id)
            flash("The file is being taken in the background. How far it is stands below.", "success")
            return
        done = dnc_files.take_file(engine(), who, list_id, file.path, fields)
    words = f"{done.rows_read} lines read, {done.rows_changed} entries changed, {done.rows_rejected} rejected"
    flash(done.detail or f"Done: {words}.", "error" if done.detail else "success")


def _lists(list_form: DncListForm, group_form: DncGroupForm) -> str:
    afresh()
    list_form.offer_organizations()
    _with_choices(group_form)
    for form in (list_form, group_form):
        for field in form:
            field.id = field.label.field_id = f"{type(form).__name__.lower()}-{field.name}"
    return render_template(
        "dnc/lists.html",
        list_form=list_form,
        group_form=group_form,
        lists=dnc.list_dnc_lists(reader(), actor()),
        ages=dnc_files.ages(reader(), actor()),
        national=NATIONAL,
        groups=dnc_groups.list_groups(reader(), actor()),
        campaigns={row.id: row.name for row in campaigns.list_campaigns(reader(), actor())},
    )


def _with_choices(form: DncGroupForm) -> DncGroupForm:
    form.offer_organizations()
    form.lists.choices = [SelectChoice(str(row.id), row.name) for row, _ in dnc.list_dnc_lists(reader(), actor())]
    rows = campaigns.list_campaigns(reader(), actor())
    form.campaigns.choices = [SelectChoice(str(row.id), row.name) for row in rows]
    return form


def _page(form: DncForm) -> str:
    lists = dnc.list_dnc_lists(reader(), actor())
    wanted = request.args.get("list", type=int)
    chosen = next((row for row, _ in lists if row.id == wanted), lists[0][0] if lists else None)
    search = request.args.get("search", "").strip()
    after = request.args.get("after", 0, type=int)
    entries = (
        dnc.list_entries(reader(), actor(), chosen.id, search=search, after_id=after, limit=_PAGE + 1) if chosen else []
    )
    return render_template(
        "dnc/index.html",
        form=form,
        lists=lists,
        chosen=chosen,
        search=search,
        entries=entries[:_PAGE],
        more=len(entries) > _PAGE,
    )


def _ours(referrer: str | None) -> bool:
    return bool(referrer and referrer.startswith(request.host_url))
