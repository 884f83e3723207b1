"""Strategies: revisions with their source, problems line by line, a drawing, drafts and publishing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.strategy.parser import Problem, shipped, shipped_names
from app.models import Strategy, StrategyRevision
from app.security.access import Permission
from app.services import strategies
from app.services.reports import code_flags
from app.web.database import reader, writing
from app.web.listing import Columns, narrowed
from app.web.panel.gate import area, needs
from app.web.panel.owned import organization_names
from app.web.panel.strategies.forms import DraftForm, NewStrategyForm
from app.web.panel.strategies.outline import BOX_HEIGHT, BOX_WIDTH, outline
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("strategies", __name__, "/strategies")
_COLUMNS: Columns[Strategy] = {
    "name": lambda strategy: strategy.name,
    "description": lambda strategy: strategy.description,
}


@dataclass(frozen=True, slots=True)
class SourceLine:
    text: str
    notes: Sequence[str]


@blueprint.get("/")
@needs(Permission.STRATEGIES_VIEW)
def index() -> Response | str:
    listing = narrowed("strategies", strategies.list_strategies(reader(), actor()), _COLUMNS)
    if listing.taken_away:
        return listing.csv()
    rows = []
    for strategy in listing.rows:
        revisions = strategies.list_revisions(reader(), actor(), strategy.id)
        problems = len(strategies.problems_of(reader(), revisions[0])) if revisions else 0
        rows.append((strategy, revisions, problems))
    return render_template("strategies/index.html", listing=listing, rows=rows, organizations=organization_names())


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Permission.STRATEGIES_EDIT)
def new() -> Response | str | tuple[str, int]:
    chosen = request.args.get("from", "")
    start = chosen if chosen in shipped_names() else shipped_names()[0]
    form = NewStrategyForm(data={"xml": shipped(start)})
    form.offer_organizations()
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = strategies.create_strategy(
                    session, actor(), form.name.data, form.text, form.description.data or "", form.owner
                )
            return redirect(url_for("strategies.show", strategy_id=made.id))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("strategies/new.html", form=form, starts=shipped_names(), start=start)
    return (page, 422) if form.errors else page


@blueprint.get("/<int:strategy_id>")
@needs(Permission.STRATEGIES_VIEW)
def show(strategy_id: int) -> str:
    """The newest revision."""
    revisions = strategies.list_revisions(reader(), actor(), strategy_id)
    return _page(strategy_id, revisions[0]) if revisions else abort(404)


@blueprint.get("/<int:strategy_id>/revisions/<int:revision_id>")
@needs(Permission.STRATEGIES_VIEW)
def revision(strategy_id: int, revision_id: int) -> str:
    return _page(strategy_id, _revision(strategy_id, revision_id))


@blueprint.route("/<int:strategy_id>/revisions/<int:revision_id>/edit", methods=["GET", "POST"])
@needs(Permission.STRATEGIES_EDIT)
def edit(strategy_id: int, revision_id: int) -> Response | str | tuple[str, int]:
    """Saving makes a new draft; revisions never change."""
    strategy = strategies.get_strategy(reader(), actor(), strategy_id)
    base = _revision(strategy_id, revision_id)
    form = DraftForm(data={"xml": base.xml})
    form.offer_organizations()
    form.organization_id.validate_choice = False
    if form.validate_on_submit():
        try:
            with writing() as session:
                draft = strategies.add_draft(session, actor(), strategy_id, form.text)
            flash(f"Saved as revision {draft.number}, a draft. Publish it when it is right.", "success")
            return redirect(url_for("strategies.revision", strategy_id=strategy_id, revision_id=draft.id))
        except Refused as refused:
            form.xml.errors = [*form.xml.errors, str(refused).removeprefix("xml: ")]
    problems = strategies.problems_of(reader(), base)
    page = render_template("strategies/edit.html", strategy=strategy, revision=base, form=form, problems=problems)
    return (page, 422) if form.errors else page


@blueprint.post("/<int:strategy_id>/revisions/<int:revision_id>/publish")
@needs(Permission.STRATEGIES_EDIT)
def publish(strategy_id: int, revision_id: int) -> Response:
    _revision(strategy_id, revision_id)
    try:
        with writing() as session:
            done = strategies.publish(session, actor(), revision_id)
        flash(f"Revision {done.number} is published. Jobs started from now on use it.", "success")
    except Refused:
        flash("It has errors and cannot be published; each is shown at its line.", "error")
    return redirect(url_for("strategies.revision", strategy_id=strategy_id, revision_id=revision_id))


def _revision(strategy_id: int, revision_id: int) -> StrategyRevision:
    found = strategies.get_revision(reader(), actor(), revision_id)
    return found if found.strategy_id == strategy_id else abort(404)


def _page(strategy_id: int, shown: StrategyRevision) -> str:
    problems = strategies.problems_of(reader(), shown)
    revisions = strategies.list_revisions(reader(), actor(), strategy_id)
    used = next((row for row in revisions if row.state == "published"), None)
    return render_template(
        "strategies/show.html",
        strategy=strategies.get_strategy(reader(), actor(), strategy_id),
        revision=shown,
        revisions=revisions,
        used=used,
        problems=problems,
        lines=_lines(shown.xml, problems),
        flags=code_flags(reader(), shown.organization_id),
        drawing=outline(shown.xml),
        box=(BOX_WIDTH, BOX_HEIGHT),
    )


def _lines(xml: str, problems: Sequence[Problem]) -> list[SourceLine]:
    notes: dict[int, list[str]] = {}
    for problem in problems:
        notes.setdefault(max(problem.line, 1), []).append(problem.message)
    return [SourceLine(text, notes.get(number, [])) for number, text in enumerate(xml.splitlines() or [""], 1)]
