"""Media servers: which there are, and whether they answer."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, render_template, request

from app.models import MediaServer
from app.security.access import Permission
from app.services.media_servers import list_media_servers
from app.web.database import reader
from app.web.listing import Columns, narrowed
from app.web.panel.gate import area, needs
from app.web.viewer import actor
from common.clock import utcnow

blueprint = area("media_servers", __name__, "/media-servers")
#: Engines write down every few seconds that a server answers; after this long it does not.
_SILENT = timedelta(seconds=30)
#: It says so itself: see docs/how-to/watch-a-media-server.md.
_LOADED = frozenset(("overloaded", "cpu exhausted", "no dialog worker"))
_SEEN_BY_ALL: Columns[MediaServer] = {
    "name": lambda server: server.name,
    "state": lambda server: _state(server)[0],
    "calls": lambda server: server.active_calls,
    "capacity": lambda server: server.capacity,
    "last seen": lambda server: server.last_seen_at,
    "version": lambda server: server.load.get("version"),
}
_COLUMNS: Columns[MediaServer] = {**_SEEN_BY_ALL, "url": lambda server: server.url}


@blueprint.get("/")
@needs(Permission.JOBS_VIEW)
def index() -> Response | str:
    columns = _COLUMNS if actor().may(Permission.SETTINGS_MANAGE) else _SEEN_BY_ALL
    listing = narrowed("media-servers", list_media_servers(reader(), actor()), columns)
    if listing.taken_away:
        return listing.csv()
    rows = [(server, _state(server)) for server in listing.rows]
    fragment = request.headers.get("HX-Request") == "true"
    page = "media_servers/_rows.html" if fragment else "media_servers/index.html"
    return render_template(page, listing=listing, rows=rows)


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
