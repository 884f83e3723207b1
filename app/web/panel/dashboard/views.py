"""The first page: running jobs, the last day's attempts by code, recent imports, what needs attention."""

from __future__ import annotations

from flask import render_template, request

from app.services.dashboard import overview
from app.web.database import reader
from app.web.panel.gate import area
from app.web.viewer import actor
from common.clock import utcnow

blueprint = area("dashboard", __name__, "/")


@blueprint.get("/")
def index() -> str:
    template = "dashboard/_live.html" if request.headers.get("HX-Request") == "true" else "dashboard/index.html"
    return render_template(template, view=overview(reader(), actor(), utcnow()))
