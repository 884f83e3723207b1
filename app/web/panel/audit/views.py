"""The audit trail: who did what."""

from __future__ import annotations

from flask import Response, render_template, request

from app.security.access import Permission
from app.services import audit, users
from app.web.database import reader
from app.web.downloads import csv_of, note_export
from app.web.panel.gate import area, needs
from app.web.viewer import actor, viewer_row

blueprint = area("audit", __name__, "/audit")
_PAGE = 100


@blueprint.get("/entries.csv")
@needs(Permission.AUDIT_VIEW)
def export() -> Response:
    who = actor()
    kind, action = _only(request.args.get("kind", ""))
    note_export(viewer_row(reader()), "audit_entry.export")
    return csv_of("audit.csv", lambda session: audit.export_csv(session, who, kind=kind, action=action))


@blueprint.get("/")
@needs(Permission.AUDIT_VIEW)
def index() -> str:
    kind = request.args.get("kind", "")
    only, before = _only(kind), request.args.get("before", type=int)
    entries = audit.list_entries(reader(), actor(), kind=only[0], action=only[1], before_id=before, limit=_PAGE + 1)
    logins = {}
    if actor().may(Permission.USERS_MANAGE):
        logins = {user.id: user.login for user in users.list_users(reader(), actor())}
    return render_template(
        "audit/index.html", entries=entries[:_PAGE], more=len(entries) > _PAGE, kind=kind, logins=logins
    )


def _only(chosen: str) -> tuple[str, str]:
    """The kind of thing that is asked about, or one action (its name has a point)."""
    return ("", chosen) if "." in chosen else (chosen, "")
