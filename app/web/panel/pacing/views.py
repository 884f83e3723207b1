"""What a pacing would do with traffic that was: a trial is asked for, watched and looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse
from wtforms.fields.choices import SelectChoice

from app.models import PacingTrial
from app.security.access import Permission
from app.services import campaigns, pacing_trials
from app.services.csv_text import csv_lines
from app.web.database import afresh, reader, writing
from app.web.downloads import csv_download
from app.web.listing import narrowed
from app.web.panel.gate import area, needs
from app.web.panel.owned import organization_names
from app.web.panel.pacing.forms import TrialForm
from app.web.viewer import actor
from app.web.words import MODE_NAMES
from common.clock import utcnow
from common.errors import Refused
from pacing.simulation.chart import draw, draw_jobs
from pacing.simulation.result import JobResult, Result, SharedResult, complete

blueprint = area("pacing", __name__, "/pacing")
_COLUMNS: Mapping[str, Any] = {
    "trial": lambda trial: trial.title,
    "agents": lambda trial: trial.asked["scenario"]["agents"],
    "pacing": lambda trial: ", ".join(MODE_NAMES[mode] for mode in trial.asked["modes"]),
    "state": lambda trial: trial.state,
    "asked_at": lambda trial: trial.created_at.isoformat(),
}
_FIGURES = (
    "talk_minutes", "utilisation", "of_bound", "abandonment", "abandonment_low", "abandonment_high",
    "abandonment_worst", "with_false_machines", "abandoned", "people", "placed", "agent_wait", "person_wait_p95",
    "agent_hours", "looking_minutes",
)  # fmt: skip
_OF_JOBS = ("share_of_lines", "share_by_weight", "longest_wait")
#: What a refusal says of one of several campaigns is said of all of them in the form.
_OF_ONE_JOB = re.compile(r"^jobs\[\d+\]\.")


@blueprint.get("/")
@needs(Permission.CAMPAIGNS_VIEW)
def index() -> str | Response:
    return _page(_prepared(TrialForm(formdata=None)))


@blueprint.post("/")
@needs(Permission.CAMPAIGNS_VIEW)
def start() -> AnyResponse | str | tuple[str | Response, int]:
    form = _prepared(TrialForm())
    if form.validate_on_submit():
        try:
            with writing() as session:
                trial = pacing_trials.start(session, actor(), form.wanted(), utcnow(), form.owner)
                trial_id = trial.id
            return redirect(url_for("pacing.show", trial_id=trial_id))
        except Refused as refused:
            _blame(form, str(refused))
    return _page(form), 422


@blueprint.get("/<int:trial_id>")
@needs(Permission.CAMPAIGNS_VIEW)
def show(trial_id: int) -> str | Response:
    trial = pacing_trials.get_trial(reader(), actor(), trial_id)
    if request.args.get("format") == "csv":
        return _csv(trial)
    fragment = request.headers.get("HX-Request") == "true"
    modes = trial.result.get("modes", {})
    return render_template(
        "pacing/_trial.html" if fragment else "pacing/show.html",
        trial=trial,
        scenario=trial.asked["scenario"],
        going=not pacing_trials.is_over(trial),
        rows=[(mode, MODE_NAMES[mode], modes[mode]) for mode in trial.asked["modes"] if mode in modes],
        pictures=[(MODE_NAMES[mode], _picture(trial, mode)) for mode in trial.asked["modes"] if mode in modes],
        agentless=pacing_trials.AGENTLESS,
    )


@blueprint.post("/<int:trial_id>/cancel")
@needs(Permission.CAMPAIGNS_VIEW)
def cancel(trial_id: int) -> AnyResponse:
    with writing() as session:
        pacing_trials.cancel(session, actor(), trial_id)
    flash("The trial stops. What is through stays to be seen.", "success")
    return redirect(url_for("pacing.show", trial_id=trial_id))


@blueprint.post("/<int:trial_id>/remove")
@needs(Permission.CAMPAIGNS_VIEW)
def remove(trial_id: int) -> AnyResponse:
    try:
        with writing() as session:
            pacing_trials.remove(session, actor(), trial_id)
        flash("Removed.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("pacing.index"))


def _picture(trial: PacingTrial, mode: str) -> Markup:
    """The first shift, of several campaigns one below the other. All text in it is ours or escaped by the drawing."""
    figures, limit = trial.result["modes"][mode], trial.asked["limit"]
    title = f"{MODE_NAMES[mode]}: agents minute by minute, and the abandonment rate so far"
    if "jobs" not in figures:
        return Markup(draw(_shift(figures), title, limit))  # noqa: S704 - see above
    jobs = [JobResult(job["name"], MODE_NAMES[mode], True, 1.0, _shift(job)) for job in figures["jobs"]]
    return Markup(draw_jobs(SharedResult(jobs), title, limit))  # noqa: S704 - see above


def _shift(figures: Mapping[str, Any]) -> Result:
    return Result(minutes=[complete(row) for row in figures["minutes"]])


def _csv(trial: PacingTrial) -> Response:
    """A row for each mode, and below it one for each of several campaigns."""
    rows = [["pacing", "campaign", *_FIGURES, *_OF_JOBS]]
    for mode, figures in trial.result["modes"].items():
        for one in (figures, *figures.get("jobs", ())):
            rows.append([mode, one.get("name", ""), *(one.get(name, "") for name in (*_FIGURES, *_OF_JOBS))])
    return csv_download(f"pacing-trial-{trial.id}.csv", (csv_lines([row]) for row in rows))


def _blame(form: TrialForm, problem: str) -> None:
    """A refusal at its field, or at the traffic it comes from."""
    problem = _OF_ONE_JOB.sub("", problem)
    name, _, mend = problem.partition(": ")
    name = form.elsewhere.get(problem, name)
    if name not in form or not mend:
        name, mend = "days", problem
    field = form[name]
    field.errors = [*field.errors, mend[:1].upper() + mend[1:]]


def _prepared(form: TrialForm) -> TrialForm:
    form.offer_organizations()
    rows = campaigns.list_campaigns(reader(), actor())
    form.campaigns.choices = [SelectChoice(str(row.id), row.name) for row in rows]
    return form


def _page(form: TrialForm) -> str | Response:
    listing = narrowed("pacing-trials", pacing_trials.list_trials(afresh(), actor()), _COLUMNS)
    if listing.taken_away:
        return listing.csv()
    return render_template(
        "pacing/index.html", form=form, listing=listing, mode_names=MODE_NAMES, organizations=organization_names()
    )
