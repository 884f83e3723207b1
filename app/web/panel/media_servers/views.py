"""Media servers: which there are, and whether they answer."""

from __future__ import annotations

from datetime import timedelta

from flask import render_template, request

from app.models import MediaServer
from app.security.access import Permission
from app.services.media_servers import list_media_servers
from app.web.database import reader
from app.web.panel.gate import area, needs
from app.web.viewer import actor
from common.clock import utcnow

blueprint = area("media_servers", __name__, "/media-servers")
#: Engines write down every few seconds that a server answers; after this long it does not.
_SILENT = timedelta(seconds=30)
#: It says so itself: see docs/how-to/watch-a-media-server.md.
_LOADED = frozenset(("overloaded", "cpu exhausted", "no dialog worker"))


@blueprint.get("/")
@needs(Permission.JOBS_VIEW)
def index() -> str:
    rows = [(server, _state(server)) for server in list_media_servers(reader(), actor())]
    fragment = request.headers.get("HX-Request") == "true"
    return render_template("media_servers/_rows.html" if fragment else "media_servers/index.html", rows=rows)


def _state(server: MediaServer) -> tuple[str, str]:
    """Words, and Tabler's colour for them."""
    if not server.enabled:
        return "Disabled", "secondary"
    if server.last_seen_at is None:
        return "Never seen", "red"
    if utcnow() - server.last_seen_at > _SILENT:
        return "Not answering", "red"
    if server.load.get("status") in _LOADED:
        return str(server.load["status"]).capitalize(), "red"
    if server.load.get("status") == "draining":
        return "Draining", "yellow"
    if server.capacity and server.active_calls >= server.capacity:
        return "Full", "yellow"
    return "Answering", "green"
