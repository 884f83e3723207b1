"""Completion codes: the organization's own, and the system's to look up."""

from __future__ import annotations

from operator import attrgetter

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.models import CompletionCode
from app.security.access import Permission
from app.services import codes
from app.web.database import engine, reader, writing
from app.web.listing import Choices, Columns, narrowed
from app.web.panel.codes.forms import CodeForm
from app.web.panel.gate import area, needs
from app.web.panel.owned import organization_names
from app.web.panel.undo import keeping, say_deleted
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("codes", __name__, "/codes")
_FLAGS = {
    "human": "A person",
    "rpc": "The right party",
    "success": "A success",
    "closure": "Closes the contact",
    "nuisance": "A nuisance",
    "counts_as_attempt": "Counts as an attempt",
    "do_not_call": "Opts out",
    "retry": "Tried again",
}
_COLUMNS: Columns[CompletionCode] = {name: attrgetter(name) for name in ("name", "description", *_FLAGS)}


@blueprint.get("/")
@needs(Permission.STRATEGIES_VIEW)
def index() -> Response | str:
    every = [*codes.list_codes(reader(), actor()), *codes.list_system_codes(reader(), actor())]
    choices: Choices[CompletionCode] = {words: attrgetter(flag) for flag, words in _FLAGS.items()}
    listing = narrowed("completion-codes", every, _COLUMNS, choices)
    if listing.taken_away:
        return listing.csv()
    return render_template(
        "codes/index.html",
        listing=listing,
        own=[code for code in listing.rows if code.organization_id is not None],
        system=[code for code in listing.rows if code.organization_id is None],
        organizations=organization_names(),
    )


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Permission.STRATEGIES_EDIT)
def new() -> Response | str | tuple[str, int]:
    form = CodeForm()
    form.offer_organizations()
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = codes.create_code(
                    session, actor(), form.name.data, form.flags, form.description.data or "", form.owner
                )
            flash(f"{made.name} can be used in scripts and strategies now.", "success")
            return redirect(url_for("codes.index"))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("codes/edit.html", form=form, code=None)
    return (page, 422) if form.errors else page


@blueprint.route("/<int:code_id>", methods=["GET", "POST"])
@needs(Permission.STRATEGIES_EDIT)
def edit(code_id: int) -> Response | str | tuple[str, int]:
    code = codes.get_code(reader(), actor(), code_id)
    form = CodeForm(obj=code)
    form.name.data = code.name  # shown, never taken from the form
    form.offer_organizations()
    form.organization_id.validate_choice = False
    if form.validate_on_submit():
        try:
            with writing() as session:
                codes.update_code(session, actor(), code_id, form.flags, form.description.data or "")
            flash("Saved. Reports count by it from now on, past attempts included.", "success")
            return redirect(url_for("codes.index"))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("codes/edit.html", form=form, code=code)
    return (page, 422) if form.errors else page


@blueprint.post("/<int:code_id>/delete")
@needs(Permission.STRATEGIES_EDIT)
def delete(code_id: int) -> Response:
    undone_by = keeping(CompletionCode, code_id)
    try:
        codes.delete_code(engine(), actor(), code_id)
    except Refused as refused:
        flash(str(refused), "error")
        return redirect(url_for("codes.edit", code_id=code_id))
    say_deleted("The code is deleted.", undone_by)
    return redirect(url_for("codes.index"))
