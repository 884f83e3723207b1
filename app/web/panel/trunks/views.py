"""Trunks: list, create, change, let calls leave again, delete."""

from __future__ import annotations

from datetime import datetime

from flask import current_app, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.models import Trunk
from app.security.access import Forbidden, Permission
from app.security.secrets import Vault
from app.services import trunks
from app.web.database import reader, writing
from app.web.listing import Choices, Columns, narrowed
from app.web.panel.gate import area, needs
from app.web.panel.owned import organization_names
from app.web.panel.trunks.forms import TrunkForm
from app.web.panel.undo import keeping, say_deleted
from app.web.viewer import actor
from common.clock import utcnow
from common.errors import Refused

blueprint = area("trunks", __name__, "/trunks")
_COLUMNS: Columns[Trunk] = {
    "name": lambda trunk: trunk.name,
    "host": lambda trunk: trunk.host,
    "port": lambda trunk: trunk.port,
    "transport": lambda trunk: trunk.transport,
    "line": lambda trunk: trunk.line,
    "user": lambda trunk: trunk.username,
    "calls at a time": lambda trunk: trunk.max_channels,
    "calls a second": lambda trunk: trunk.calls_per_second,
    "paused until": lambda trunk: trunk.paused_until,
    "paused because": lambda trunk: trunk.paused_reason,
}


@blueprint.get("/")
@needs(Permission.SETTINGS_MANAGE)
def index() -> Response | str:
    now = utcnow()
    choices: Choices[Trunk] = {
        "Open": lambda trunk: not _paused(trunk, now),
        "Paused": lambda trunk: _paused(trunk, now),
        "Simulated": lambda trunk: trunk.simulated,
    }
    listing = narrowed("trunks", trunks.list_trunks(reader(), actor()), _COLUMNS, choices)
    if listing.taken_away:
        return listing.csv()
    rows = [(trunk, trunks.trunk_use(reader(), actor(), trunk.id)) for trunk in listing.rows]
    return render_template("trunks/index.html", listing=listing, rows=rows, organizations=organization_names(), now=now)


def _paused(trunk: Trunk, now: datetime) -> bool:
    return trunk.paused_until is not None and trunk.paused_until > now


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Permission.SETTINGS_MANAGE)
def new() -> Response | str | tuple[str, int]:
    form = TrunkForm()
    form.offer_organizations(common="All organizations")
    if form.validate_on_submit():
        common = form.asks_organization and form.owner is None
        try:
            with writing() as session:
                made = trunks.create_trunk(session, actor(), form.values(), _vault(), form.owner, common=common)
            flash(f"{made.name} is ready. Choose it in a campaign; call your own phones first.", "success")
            return redirect(url_for("trunks.index"))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("trunks/edit.html", form=form, trunk=None, use=None, may=True, now=utcnow())
    return (page, 422) if form.errors else page


@blueprint.route("/<int:trunk_id>", methods=["GET", "POST"])
@needs(Permission.SETTINGS_MANAGE)
def edit(trunk_id: int) -> Response | str | tuple[str, int]:
    trunk = trunks.get_trunk(reader(), actor(), trunk_id)
    form = TrunkForm(data=TrunkForm.filled(trunk))
    form.offer_organizations()
    form.organization_id.validate_choice = False  # not asked for: a trunk stays where it is
    if form.validate_on_submit():
        try:
            with writing() as session:
                trunks.update_trunk(session, actor(), trunk_id, form.values(), _vault())
            flash("Saved. It holds from the next call on, in running jobs too.", "success")
            return redirect(url_for("trunks.index"))
        except Refused as refused:
            form.blame(str(refused))
    use = trunks.trunk_use(reader(), actor(), trunk_id)
    may = trunks.may_change(actor(), trunk)
    page = render_template("trunks/edit.html", form=form, trunk=trunk, use=use, may=may, now=utcnow())
    return (page, 422) if form.errors else page


@blueprint.post("/<int:trunk_id>/resume")
@needs(Permission.SETTINGS_MANAGE)
def resume(trunk_id: int) -> Response:
    with writing() as session:
        trunk = trunks.resume_trunk(session, actor(), trunk_id)
    flash(f"Calls leave by {trunk.name} again. If the fault is still there, it will pause again.", "success")
    return redirect(url_for("trunks.index"))


@blueprint.post("/<int:trunk_id>/delete")
@needs(Permission.SETTINGS_MANAGE)
def delete(trunk_id: int) -> Response:
    undone_by = keeping(Trunk, trunk_id)
    try:
        with writing() as session:
            trunks.delete_trunk(session, actor(), trunk_id)
    except (Refused, Forbidden) as refused:
        flash(str(refused), "error")
        return redirect(url_for("trunks.edit", trunk_id=trunk_id))
    say_deleted("The trunk is deleted.", undone_by)
    return redirect(url_for("trunks.index"))


def _vault() -> Vault:
    return Vault(current_app.config["SECRET_KEY"])
