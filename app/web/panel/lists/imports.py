"""Importing a file: upload, see what it was taken for, map its columns, try it, watch it, take its rejects away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from flask import Response, current_app, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.core.retention import UNDO_FOR
from app.intake import mapping as mappings
from app.models import NAMING, AttributeType, ImportMode, ImportRun, ImportState
from app.security.access import NotFound, Permission
from app.services import contact_editing, exclusions, importing, lists
from app.services.importing.spooling import SeveralMembers
from app.services.importing.uploads import Pending, Uploads
from app.web.database import engine, reader, writing
from app.web.downloads import csv_of
from app.web.panel.gate import needs
from app.web.panel.lists.forms import HELD_WORDS, MODES, ReadingForm, UploadForm
from app.web.panel.lists.views import blueprint
from app.web.viewer import actor
from app.web.words import TYPE_WORDS
from common.clock import utcnow
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person chose for each column: its target, and the type where that is an attribute."""

    mapping: dict[str, str]
    types: dict[str, str]

    @classmethod
    def chosen(cls, preview: importing.Preview) -> Self:
        """From the request; "attribute" takes the name typed beside it."""
        mapping, types = {}, {}
        for number, column in enumerate(preview.columns):
            target = request.form.get(f"target-{number}", "")
            if target == "attribute":
                target = request.form.get(f"attribute-{number}", "").strip()
            mapping[column] = target
            types[column] = request.form.get(f"type-{number}", AttributeType.STRING)
        return cls(mapping, types)

    def new_types(self) -> dict[str, str]:
        """Attribute to type."""
        return {
            target: self.types[column]
            for column, target in self.mapping.items()
            if target and not mappings.is_field(target)
        }


@blueprint.post("/<int:list_id>/upload")
@needs(Permission.LISTS_EDIT)
def upload(list_id: int) -> AnyResponse:
    lists.get_list(reader(), actor(), list_id)
    form = UploadForm()
    if not form.validate_on_submit():
        flash("Choose a file first.", "error")
        return redirect(url_for("lists.show", list_id=list_id))
    file = form.file.data
    pending = _uploads().keep(list_id, _user_id(), file.filename or "", file.save)
    return redirect(url_for("lists.mapping", list_id=list_id, key=pending.key))


@blueprint.route("/<int:list_id>/uploads/<key>", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def mapping(list_id: int, key: str) -> AnyResponse | str | tuple[str, int]:
    contact_list = lists.get_list(reader(), actor(), list_id)
    pending = _uploads().pending(list_id, _user_id(), key)
    form = ReadingForm()
    try:
        preview, pending = _looked_at(pending, form)
    except SeveralMembers as several:
        form.offer_members(several.members)
        return render_template("lists/mapping.html", contact_list=contact_list, pending=pending, form=form)
    except Refused as refused:
        if form.step.data == "look":
            form.blame(str(refused))
            return render_template("lists/mapping.html", contact_list=contact_list, pending=pending, form=form), 422
        _uploads().forget(pending)
        flash(f"{pending.file_name} cannot be imported: {refused}", "error")
        return redirect(url_for("lists.show", list_id=list_id))
    form.show(preview.understood)
    known = importing.remembered_mapping(reader(), actor(), list_id, preview.columns)
    wanted = Wanted({**preview.mapping, **known}, preview.types)
    problem, trial = "", None
    if request.method == "POST" and form.step.data != "look":
        wanted = Wanted.chosen(preview)
        try:
            if form.step.data != "try":
                return _start(list_id, pending, preview, wanted, dry=form.step.data == "dry")
            trial = importing.try_out(
                reader(), actor(), list_id, pending.head, wanted.mapping, wanted.new_types(), preview.delimiter,
                preview.understood.choices.home_country,
            )  # fmt: skip
        except Refused as refused:
            problem = str(refused)
    page = render_template(
        "lists/mapping.html",
        contact_list=contact_list,
        pending=pending,
        form=form,
        preview=preview,
        wanted=wanted,
        problem=problem,
        trial=trial,
        fields=_FIELD_NAMES,
        attributes=_attributes(preview),
        types=list(AttributeType),
        modes=MODES,
        campaigns=exclusions.campaign_names(reader(), actor(), contact_list.organization_id),
        held_words=HELD_WORDS,
        most_removed=importing.MOST_REMOVED,
        defined={attribute.name: attribute.type for attribute in lists.list_attributes(reader(), actor())},
    )
    return (page, 422) if problem else page


def _looked_at(pending: Pending, form: ReadingForm) -> tuple[importing.Preview, Pending]:
    """The preview; the file is read anew where that was asked for, or it never was."""
    uploads = _uploads()
    if form.step.data == "look" and request.method == "POST":
        pending = uploads.look(pending, form.choices())
    elif pending.understood is None:
        pending = uploads.look(pending, importing.Choices())
    assert pending.understood is not None
    return importing.preview_head(pending.head, pending.understood, pending.file_name), pending


@blueprint.post("/<int:list_id>/uploads/<key>/forget")
@needs(Permission.LISTS_EDIT)
def forget(list_id: int, key: str) -> AnyResponse:
    _uploads().forget(_uploads().pending(list_id, _user_id(), key))
    flash("Nothing was imported.", "info")
    return redirect(url_for("lists.show", list_id=list_id))


@blueprint.get("/<int:list_id>/imports/<int:run_id>")
def run(list_id: int, run_id: int) -> str:
    found = _run(list_id, run_id)
    back = importing.may_put_back(found, utcnow()) and found.removed_at
    fragment = request.headers.get("HX-Request") == "true"
    return render_template(
        "lists/_run.html" if fragment else "lists/run.html",
        contact_list=lists.get_list(reader(), actor(), list_id),
        run=found,
        going=found.state in (ImportState.QUEUED, ImportState.RUNNING),
        figures=_figures(found),
        numbers=_numbers(found),
        back_until=back + UNDO_FOR if back else None,
        kept=found.dry and _uploads().tried(run_id).exists(),
        rejects=importing.list_rejects(reader(), actor(), run_id, limit=_REJECTS),
    )


@blueprint.post("/<int:list_id>/imports/<int:run_id>/cancel")
@needs(Permission.LISTS_EDIT)
def cancel(list_id: int, run_id: int) -> AnyResponse:
    _run(list_id, run_id)
    with writing() as session:
        importing.request_cancel(session, actor(), run_id)
    flash("It stops. What is imported already stays.", "success")
    return redirect(url_for("lists.run", list_id=list_id, run_id=run_id))


@blueprint.post("/<int:list_id>/imports/<int:run_id>/import")
@needs(Permission.LISTS_EDIT)
def import_tried(list_id: int, run_id: int) -> AnyResponse:
    """What a dry run has tried, without sending the file again."""
    _run(list_id, run_id)
    who = actor()
    try:
        made = _queued(lambda session: importing.start_tried(session, who, run_id), _uploads().tried(run_id))
    except FileNotFoundError:
        flash("The file is not here any more: it is kept for a day. Send it again.", "error")
        made = run_id
    except Refused as refused:
        flash(str(refused), "error")
        made = run_id
    return redirect(url_for("lists.run", list_id=list_id, run_id=made))


@blueprint.post("/<int:list_id>/imports/<int:run_id>/take-out")
@needs(Permission.LISTS_EDIT)
def take_out(list_id: int, run_id: int) -> AnyResponse:
    _run(list_id, run_id)
    try:
        count = importing.confirm_removal(engine(), actor(), run_id)
        flash(f"{count:,} contacts were taken out of the list.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("lists.run", list_id=list_id, run_id=run_id))


@blueprint.post("/<int:list_id>/imports/<int:run_id>/leave-in")
@needs(Permission.LISTS_EDIT)
def leave_in(list_id: int, run_id: int) -> AnyResponse:
    _run(list_id, run_id)
    try:
        importing.dismiss_removal(engine(), actor(), run_id)
        flash("Everybody stays in the list.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("lists.run", list_id=list_id, run_id=run_id))


@blueprint.post("/<int:list_id>/imports/<int:run_id>/put-back")
@needs(Permission.LISTS_EDIT)
def put_back(list_id: int, run_id: int) -> AnyResponse:
    _run(list_id, run_id)
    try:
        count = importing.undo_removal(engine(), actor(), run_id)
        flash(f"{count:,} contacts are in the list again, as they were.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("lists.run", list_id=list_id, run_id=run_id))


@blueprint.get("/<int:list_id>/imports/<int:run_id>/changes")
def changes(list_id: int, run_id: int) -> str:
    after = request.args.get("after", 0, type=int)
    found = contact_editing.changes_of_run(reader(), actor(), run_id, after_id=after, limit=_REJECTS + 1)
    return render_template(
        "lists/changes.html",
        contact_list=lists.get_list(reader(), actor(), list_id),
        run=_run(list_id, run_id),
        changes=found[:_REJECTS],
        next_after=found[_REJECTS - 1][0].id if len(found) > _REJECTS else 0,
    )


@blueprint.get("/<int:list_id>/imports/<int:run_id>/rejects.csv")
def rejects(list_id: int, run_id: int) -> Response:
    _run(list_id, run_id)
    who = actor()
    return csv_of(f"import-{run_id}-rejects.csv", lambda session: importing.rejects_csv(session, who, run_id))


def _start(
    list_id: int, pending: Pending, preview: importing.Preview, wanted: Wanted, *, dry: bool = False
) -> AnyResponse:
    """A file that is only tried stays here, so that its columns can be chosen anew."""

    def queue(session: Session) -> ImportRun:
        return importing.start_import(
            session,
            actor(),
            list_id,
            pending.head,
            wanted.mapping,
            file_name=pending.file_name,
            delimiter=preview.delimiter,
            understood=preview.understood.as_json(),
            types=wanted.new_types(),
            dry=dry,
            **_how(),
        )

    run_id = _queued(queue, pending.path)
    if not dry:
        _uploads().forget(pending)
    return redirect(url_for("lists.run", list_id=list_id, run_id=run_id))


def _queued(queue: Callable[[Session], ImportRun], path: Path) -> int:
    """The run, with its file, or neither."""
    uploads, run_id = _uploads(), 0
    try:
        with writing() as session:
            run_id = queue(session).id
            uploads.hand_over(path, run_id)
    except BaseException:
        if run_id:
            uploads.take_back(run_id)
        raise
    return run_id


def _how() -> dict[str, Any]:
    """What the request says of contacts who are known, and of those who are not in the file. Raise Refused."""
    mode, share = request.form.get("mode", ImportMode.DELTA), request.form.get("most-removed", "")
    if share and not share.isdecimal():
        raise Refused("most_removed: give a percentage from 0 to 100")
    return {
        "mode": mode,
        "most_removed": int(share or importing.MOST_REMOVED),
        "campaign_id": request.form.get("campaign", type=int) if mode in NAMING else None,
        "on_duplicate": "update" if mode == ImportMode.REPLACE else request.form.get("on-duplicate", "update"),
    }


def _figures(run: ImportRun) -> list[tuple[str, int]]:
    """What the run came to, with its words."""
    if run.mode in NAMING:
        changed = "Excluded contacts" if run.mode == ImportMode.EXCLUDE else "Contacts to be called again"
        counts = [(changed, run.rows_updated), ("Rows that changed nothing", run.rows_unchanged)]
    else:
        counts = [
            ("New contacts", run.rows_added),
            ("Changed contacts", run.rows_updated),
            ("Unchanged contacts", run.rows_unchanged),
            ("Skipped rows", run.rows_skipped),
            ("Taken out", run.rows_removed),
            ("On a do-not-call list", run.rows_listed),
        ]
    if "repeated" in run.trial:
        counts.append(("Rows whose ID comes again", run.trial["repeated"]))
    return [("Rows read", run.rows_read), *counts, ("Rejected rows", run.rows_rejected)]


def _numbers(run: ImportRun) -> list[tuple[str, str, int]]:
    """Country, kind and how many, the most first."""
    most = sorted(run.numbers.items(), key=lambda item: -item[1])
    named = [(*name.partition(" "), count) for name, count in most]
    return [(country, TYPE_WORDS.get(kind, kind), count) for country, _, kind, count in named]


def _attributes(preview: importing.Preview) -> dict[str, str]:
    """The attribute's name offered for each column where one is wanted."""
    names = {}
    for column in preview.columns:
        target = preview.mapping.get(column, "")
        usual = "".join(char if char.isascii() and char.isalnum() else "_" for char in column.strip().lower())
        names[column] = target if target and not mappings.is_field(target) else usual.strip("_")
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
