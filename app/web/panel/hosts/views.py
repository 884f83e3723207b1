"""Allowed servers: where an organization's scripts may fetch from and submit to."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.models import AllowedHost
from app.security.access import Permission
from app.services import hosts
from app.web.database import afresh, writing
from app.web.panel.gate import area, needs
from app.web.panel.hosts.forms import HostForm
from app.web.panel.owned import organization_names
from app.web.panel.undo import keeping, say_deleted
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("hosts", __name__, "/hosts")


@blueprint.get("/")
@needs(Permission.SETTINGS_MANAGE)
def index() -> str:
    form = HostForm(formdata=None)
    form.offer_organizations()
    return _page(form)


@blueprint.post("/")
@needs(Permission.SETTINGS_MANAGE)
def allow() -> Response | tuple[str, int]:
    form = HostForm()
    form.offer_organizations()
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = hosts.allow_host(session, actor(), form.name.data or "", form.note.data or "", form.owner)
                origin = made.origin
            flash(f"Scripts may use {origin} from the next call on.", "success")
            return redirect(url_for("hosts.index"))
        except Refused as refused:
            form.blame(str(refused))
    return _page(form), 422


@blueprint.post("/<int:host_id>/remove")
@needs(Permission.SETTINGS_MANAGE)
def remove(host_id: int) -> Response:
    undone_by = keeping(AllowedHost, host_id)
    with writing() as session:
        origin = hosts.remove_host(session, actor(), host_id)
    say_deleted(f"Scripts may not use {origin} any more, from the next call on.", undone_by)
    return redirect(url_for("hosts.index"))


def _page(form: HostForm) -> str:
    return render_template(
        "hosts/index.html", form=form, hosts=hosts.list_hosts(afresh(), actor()), organizations=organization_names()
    )
