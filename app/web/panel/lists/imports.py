"""Importing a CSV file: upload, map its columns, watch it, see and download what was rejected."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.db import read_transaction
from app.models import ImportRun, ImportState
from app.security.access import NotFound, Permission
from app.services import importing, lists
from app.services.importing import mapping as mappings
from app.web.database import engine, reader, writing
from app.web.panel.gate import needs
from app.web.panel.lists.forms import UploadForm
from app.web.panel.lists.views import blueprint
from app.web.uploads import Pending, Uploads
from app.web.viewer import actor
from common.errors import Refused

_REJECTS = 100
_FIELD_NAMES = (
    (mappings.ID, "ID"),
    ("first_name", "First name"),
    ("last_name", "Last name"),
    ("language", "Language"),
    ("time_zone", "Time zone"),
    ("phone1", "Phone 1"),
    ("phone2", "Phone 2"),
    ("phone3", "Phone 3"),
    ("email", "Email"),
)


@blueprint.post("/<int:list_id>/upload")
@needs(Permission.LISTS_EDIT)
def upload(list_id: int) -> AnyResponse:
    lists.get_list(reader(), actor(), list_id)
    form = UploadForm()
    if not form.validate_on_submit():
        flash("Choose a CSV file first.", "error")
        return redirect(url_for("lists.show", list_id=list_id))
    key = _uploads().keep(list_id, _user_id(), form.file.data)
    return redirect(url_for("lists.mapping", list_id=list_id, key=key))


@blueprint.route("/<int:list_id>/uploads/<key>", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def mapping(list_id: int, key: str) -> AnyResponse | str | tuple[str, int]:
    contact_list = lists.get_list(reader(), actor(), list_id)
    pending = _uploads().pending(list_id, _user_id(), key)
    try:
        preview = importing.preview(pending.path)
    except Refused as refused:
        _uploads().forget(pending)
        flash(f"{pending.file_name} cannot be imported: {str(refused).replace(pending.path.name, 'the file')}", "error")
        return redirect(url_for("lists.show", list_id=list_id))
    chosen, problem = preview.mapping, ""
    if request.method == "POST":
        chosen = _chosen(preview.columns)
        try:
            return _start(list_id, pending, chosen)
        except Refused as refused:
            problem = str(refused)
    page = render_template(
        "lists/mapping.html",
        contact_list=contact_list,
        pending=pending,
        preview=preview,
        chosen=chosen,
        problem=problem,
        fields=_FIELD_NAMES,
        attributes=_attributes(preview),
    )
    return (page, 422) if problem else page


@blueprint.post("/<int:list_id>/uploads/<key>/forget")
@needs(Permission.LISTS_EDIT)
def forget(list_id: int, key: str) -> AnyResponse:
    _uploads().forget(_uploads().pending(list_id, _user_id(), key))
    flash("Nothing was imported.", "info")
    return redirect(url_for("lists.show", list_id=list_id))


@blueprint.get("/<int:list_id>/imports/<int:run_id>")
def run(list_id: int, run_id: int) -> str:
    found = _run(list_id, run_id)
    fragment = request.headers.get("HX-Request") == "true"
    return render_template(
        "lists/_run.html" if fragment else "lists/run.html",
        contact_list=lists.get_list(reader(), actor(), list_id),
        run=found,
        going=found.state in (ImportState.QUEUED, ImportState.RUNNING),
        rejects=importing.list_rejects(reader(), actor(), run_id, limit=_REJECTS),
    )


@blueprint.post("/<int:list_id>/imports/<int:run_id>/cancel")
@needs(Permission.LISTS_EDIT)
def cancel(list_id: int, run_id: int) -> AnyResponse:
    _run(list_id, run_id)
    with writing() as session:
        importing.request_cancel(session, actor(), run_id)
    flash("The import stops. What is imported already stays.", "success")
    return redirect(url_for("lists.run", list_id=list_id, run_id=run_id))


@blueprint.get("/<int:list_id>/imports/<int:run_id>/rejects.csv")
def rejects(list_id: int, run_id: int) -> Response:
    _run(list_id, run_id)
    who, database = actor(), engine()

    def lines() -> Iterator[str]:
        with read_transaction(database) as session:
            yield from importing.rejects_csv(session, who, run_id)

    return Response(
        lines(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="import-{run_id}-rejects.csv"'},
    )


def _start(list_id: int, pending: Pending, chosen: dict[str, str]) -> AnyResponse:
    uploads, run_id = _uploads(), 0
    try:
        with writing() as session:
            started = importing.start_import(
                session, actor(), list_id, pending.path, chosen, file_name=pending.file_name
            )
            run_id = started.id
            uploads.hand_over(pending, run_id)
    except Exception:
        if run_id and uploads.of_run(run_id).exists() and not pending.path.exists():
            uploads.take_back(pending, run_id)
        raise
    return redirect(url_for("lists.run", list_id=list_id, run_id=run_id))


def _chosen(columns: tuple[str, ...]) -> dict[str, str]:
    """What was chosen for each column; "attribute" takes the name typed beside it."""
    chosen = {}
    for number, column in enumerate(columns):
        target = request.form.get(f"target-{number}", "")
        if target == "attribute":
            target = request.form.get(f"attribute-{number}", "").strip()
        chosen[column] = target
    return chosen


def _attributes(preview: importing.Preview) -> dict[str, str]:
    """The attribute's name offered for each column where one is wanted."""
    names = {}
    for column in preview.columns:
        target = preview.mapping.get(column, "")
        usual = "".join(char if char.isalnum() else "_" for char in column.strip().lower()).strip("_")
        names[column] = target if target and not mappings.is_field(target) else usual
    return names


def _run(list_id: int, run_id: int) -> ImportRun:
    found = importing.get_run(reader(), actor(), run_id)
    if found.contact_list_id != list_id:
        raise NotFound(f"import {run_id}: there is none in this list")
    return found


def _uploads() -> Uploads:
    return Uploads(current_app.config["CLARION"].home)


def _user_id() -> int:
    user_id = actor().user_id
    assert user_id is not None
    return user_id
