"""Scripts: upload, what is wrong with them line by line, source, publish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from app.models import RevisionState, Script, ScriptFile, ScriptRevision
from app.security.access import Permission
from app.security.tokens import Tokens
from app.services import reports, scripts, test_calls
from app.web.database import reader, writing
from app.web.listing import Columns, narrowed
from app.web.panel.gate import area, needs
from app.web.panel.scripts.forms import NewScriptForm, TestCallForm, UploadForm
from app.web.viewer import actor
from common.errors import Refused
from common.settings import Settings

blueprint = area("scripts", __name__, "/scripts")
_COLUMNS: Columns[Script] = {
    "name": lambda script: script.name,
    "description": lambda script: script.description,
}

_TEXT = (".vxml", ".xml", ".grxml", ".gram", ".js", ".txt")


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    severity: str
    notes: Sequence[str]


@blueprint.get("/")
def index() -> AnyResponse | str:
    listing = narrowed("scripts", list(_all()), _COLUMNS)
    if listing.taken_away:
        return listing.csv()
    rows = [(script, scripts.list_revisions(reader(), actor(), script.id)) for script in listing.rows]
    return render_template("scripts/index.html", listing=listing, rows=rows)


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Permission.SCRIPTS_EDIT)
def new() -> AnyResponse | str | tuple[str, int]:
    form = NewScriptForm()
    form.offer_organizations()
    if not form.validate_on_submit():
        return render_template("scripts/new.html", form=form), 422 if form.errors else 200
    try:
        prepared = scripts.prepare(*_content(form.file.data))
        with writing() as session:
            script = scripts.create_script(
                session, actor(), form.name.data, form.description.data or "", form.chosen_organization
            )
            revision = scripts.upload_revision(session, actor(), script.id, prepared)
    except Refused as refused:
        field = form.name if str(refused).startswith("name:") else form.file
        field.errors = [*field.errors, str(refused)]
        return render_template("scripts/new.html", form=form), 422
    return redirect(url_for("scripts.revision", script_id=script.id, revision_id=revision.id))


@blueprint.route("/<int:script_id>", methods=["GET", "POST"])
def show(script_id: int) -> AnyResponse | str | tuple[str, int]:
    script = scripts.get_script(reader(), actor(), script_id)
    form = UploadForm()
    if form.validate_on_submit():
        actor().require(Permission.SCRIPTS_EDIT)
        try:
            prepared = scripts.prepare(*_content(form.file.data), entry=(form.entry.data or "").strip())
            with writing() as session:
                revision = scripts.upload_revision(session, actor(), script_id, prepared)
            return redirect(url_for("scripts.revision", script_id=script_id, revision_id=revision.id))
        except Refused as refused:
            field = form.entry if str(refused).startswith("entry") else form.file
            field.errors = [*field.errors, str(refused)]
    revisions = scripts.list_revisions(reader(), actor(), script_id)
    page = render_template("scripts/show.html", script=script, revisions=revisions, form=form)
    return (page, 422) if form.errors else page


@blueprint.get("/<int:script_id>/revisions/<int:revision_id>")
def revision(script_id: int, revision_id: int) -> str:
    return revision_page(script_id, revision_id)


def revision_page(script_id: int, revision_id: int, trial: TestCallForm | None = None) -> str:
    """With the form of its test call as it was sent, where that was refused."""
    script = scripts.get_script(reader(), actor(), script_id)
    found = scripts.get_revision(reader(), actor(), revision_id)
    if found.script_id != script.id:
        abort(404)
    files = scripts.list_files(reader(), actor(), revision_id)
    wanted = request.args.get("file", found.entry)
    file = next((file for file in files if file.path == wanted), files[0])
    return render_template(
        "scripts/revision.html",
        script=script,
        revision=found,
        files=files,
        file=file,
        lines=_lines(file, found.problems),
        address=_address(found),
        flags=reports.code_flags(reader(), found.organization_id),
        trial=trial or _trial(found),
        calls=test_calls.list_test_calls(reader(), actor(), revision_id),
        errors=[problem for problem in found.problems if problem["severity"] == "error"],
    )


@blueprint.get("/<int:script_id>/revisions/<int:revision_id>/files/<path:path>")
def download(script_id: int, revision_id: int, path: str) -> Response:
    file = next((item for item in scripts.list_files(reader(), actor(), revision_id) if item.path == path), None)
    if file is None:
        abort(404)
    name = path.rsplit("/", 1)[-1].replace('"', "")
    return Response(
        file.body,
        content_type="application/octet-stream",  # never shown as a page of ours, whatever it holds
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@blueprint.post("/<int:script_id>/revisions/<int:revision_id>/publish")
@needs(Permission.SCRIPTS_EDIT)
def publish(script_id: int, revision_id: int) -> AnyResponse:
    try:
        with writing() as session:
            done = scripts.publish(session, actor(), revision_id)
        flash(f"Revision {done.number} is published. Jobs started from now on use it.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("scripts.revision", script_id=script_id, revision_id=revision_id))


def _trial(revision: ScriptRevision) -> TestCallForm | None:
    """The form of a test call; None for those who may not make any."""
    if not actor().may(Permission.SCRIPTS_EDIT, Permission.JOBS_CONTROL):
        return None
    form = TestCallForm(formdata=None)
    form.offer(test_calls.options(reader(), actor(), revision.id))
    return form


def _address(revision: ScriptRevision) -> str:
    """Where media servers fetch a published revision's first document; "" for a draft, which they never get."""
    if revision.state != RevisionState.PUBLISHED:
        return ""
    settings: Settings = current_app.config["CLARION"]
    tokens: Tokens = current_app.config["CLARION_TOKENS"]
    return f"{settings.web.pages_url}/vxml/r/{tokens.revision_key(revision.digest)}/{revision.entry}"


def _all() -> list[Any]:
    return list(scripts.list_scripts(reader(), actor()))


def _content(file: FileStorage) -> tuple[str, bytes]:
    return file.filename or "upload", file.stream.read()


def _lines(file: ScriptFile, problems: Sequence[dict[str, Any]]) -> list[Line] | None:
    """The source with its problems beside the lines; None for audio."""
    if not file.path.endswith(_TEXT):
        return None
    notes: dict[int, list[dict[str, Any]]] = {}
    for problem in problems:
        if problem["file"] == file.path:
            notes.setdefault(int(problem["line"] or 1), []).append(problem)
    lines = []
    for number, text in enumerate(file.body.decode("utf-8", "replace").splitlines(), 1):
        here = notes.get(number, [])
        severity = "error" if any(note["severity"] == "error" for note in here) else "warning" if here else ""
        lines.append(Line(text, severity, [note["message"] for note in here]))
    return lines
