"""Calling windows: list, look at, create from nothing or from a country's hours, change, delete."""

from __future__ import annotations

import json

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.calendars.presets import PRESETS
from app.models import CallingWindow
from app.security.access import Permission
from app.services import windows
from app.web.database import reader, writing
from app.web.listing import Columns, narrowed
from app.web.panel.gate import area, needs
from app.web.panel.owned import organization_names
from app.web.panel.undo import keeping, say_deleted
from app.web.panel.windows.forms import WindowForm
from app.web.panel.windows.week import Day, has_unusual, week
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("windows", __name__, "/windows")
_COLUMNS: Columns[CallingWindow] = {
    "name": lambda window: window.name,
    "hours": lambda window: "always" if window.always_open else json.dumps(window.hours),
    "source": lambda window: window.source,
}


@blueprint.get("/")
@needs(Permission.CAMPAIGNS_VIEW)
def index() -> Response | str:
    listing = narrowed("calling-windows", windows.list_windows(reader(), actor()), _COLUMNS)
    if listing.taken_away:
        return listing.csv()
    rows = [(window, _week(window), windows.window_use(reader(), actor(), window.id)) for window in listing.rows]
    return render_template("windows/index.html", listing=listing, rows=rows, organizations=organization_names())


@blueprint.get("/presets")
@needs(Permission.SETTINGS_MANAGE)
def presets() -> str:
    rows = [(preset, week(preset.hours)) for preset in PRESETS]
    return render_template("windows/presets.html", rows=rows)


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Permission.SETTINGS_MANAGE)
def new() -> Response | str | tuple[str, int]:
    preset = windows.find_preset(request.args.get("preset", ""))
    form = WindowForm(data=WindowForm.filled(windows.fields_of(preset)) if preset else None)
    form.offer_organizations()
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = windows.create_window(session, actor(), form.values(), form.owner)
            flash(f"{made.name} is ready. Choose it in a campaign.", "success")
            return redirect(url_for("windows.show", window_id=made.id))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("windows/edit.html", form=form, window=None, preset=preset, use=None)
    return (page, 422) if form.errors else page


@blueprint.get("/<int:window_id>")
@needs(Permission.CAMPAIGNS_VIEW)
def show(window_id: int) -> str:
    window = windows.get_window(reader(), actor(), window_id)
    days = _week(window)
    use = windows.window_use(reader(), actor(), window_id)
    unusual = has_unusual(days) and not window.always_open
    return render_template("windows/show.html", window=window, days=days, use=use, unusual=unusual)


@blueprint.route("/<int:window_id>/edit", methods=["GET", "POST"])
@needs(Permission.SETTINGS_MANAGE)
def edit(window_id: int) -> Response | str | tuple[str, int]:
    window = windows.get_window(reader(), actor(), window_id)
    form = WindowForm(data=WindowForm.filled(window))
    form.offer_organizations()
    form.organization_id.validate_choice = False  # not asked for: a window stays where it is
    if form.validate_on_submit():
        try:
            with writing() as session:
                windows.update_window(session, actor(), window_id, form.values())
            flash("Saved. It holds from the next attempt on, in running jobs too.", "success")
            return redirect(url_for("windows.show", window_id=window_id))
        except Refused as refused:
            form.blame(str(refused))
    use = windows.window_use(reader(), actor(), window_id)
    page = render_template("windows/edit.html", form=form, window=window, preset=None, use=use)
    return (page, 422) if form.errors else page


@blueprint.post("/<int:window_id>/delete")
@needs(Permission.SETTINGS_MANAGE)
def delete(window_id: int) -> Response:
    undone_by = keeping(CallingWindow, window_id)
    try:
        with writing() as session:
            windows.delete_window(session, actor(), window_id)
    except Refused as refused:
        flash(str(refused), "error")
        return redirect(url_for("windows.show", window_id=window_id))
    say_deleted("The calling window is deleted.", undone_by)
    return redirect(url_for("windows.index"))


def _week(window: CallingWindow) -> tuple[Day, ...]:
    """Closed all week where the row cannot be read, as for the engine."""
    try:
        return week(window.hours, always_open=window.always_open)
    except Refused:
        return week({})
