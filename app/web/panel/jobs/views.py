"""Jobs: the list, the live page, pause, resume and stop, export of attempts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

from flask import Response, abort, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import Engine
from werkzeug.wrappers import Response as AnyResponse

from app.db import read_transaction
from app.models import Attempt, Job
from app.security.access import Actor, Permission
from app.services import jobs, reports
from app.services.csv_text import csv_lines
from app.services.jobs import REQUESTS
from app.web import headers
from app.web.database import engine, reader, writing
from app.web.downloads import csv_download, note_export
from app.web.listing import Choices, Columns, narrowed
from app.web.live.access import Grant, StreamTokens
from app.web.live.snapshot import chart, render_parts, take
from app.web.panel.gate import area, needs
from app.web.viewer import Viewer, actor
from common.clock import utcnow
from common.errors import Refused
from common.settings import Settings

blueprint = area("jobs", __name__, "/jobs")
_PAGE = 50
#: Jobs that are looked through.
_NEWEST = 2000
_JOB_COLUMNS: Columns[Job] = {
    "job": lambda job: job.id,
    "campaign": lambda job: job.settings["campaign"],
    "state": lambda job: job.state,
    "contact list": lambda job: job.settings["contact_list"],
    "audience": lambda job: job.audience,
    "started": lambda job: job.started_at or job.created_at,
    "ended": lambda job: job.ended_at,
}
_WORDS = {
    "pause": "Pausing: calls in progress finish, no new ones start.",
    "resume": "Running again.",
    "stop": "Stopping: calls in progress finish, then the job ends.",
}


@blueprint.get("/")
def index() -> AnyResponse | str:
    choices: Choices[Job] = {
        "Not ended": lambda job: job.state not in jobs.ENDED,
        "Ended": lambda job: job.state in jobs.ENDED,
    }
    listing = narrowed("jobs", jobs.list_jobs(reader(), actor(), limit=_NEWEST), _JOB_COLUMNS, choices)
    if listing.taken_away:
        return listing.csv()
    return render_template("jobs/index.html", listing=listing, jobs=listing.rows[:_PAGE])


@blueprint.get("/<int:job_id>")
def show(job_id: int) -> str:
    job = jobs.get_job(reader(), actor(), job_id)
    view = take(reader(), actor(), job_id, utcnow())
    parts = render_parts(current_app.jinja_env, view)
    headers.allow_connection(_origin(_stream_base()))
    return render_template("jobs/show.html", job=job, view=view, parts=parts, chart=chart(view), requests=_requests())


@blueprint.get("/<int:job_id>/live")
def live(job_id: int) -> Response:
    """What the stream says, asked for by pages that cannot reach the stream."""
    view = take(reader(), actor(), job_id, utcnow())
    return jsonify(
        parts=render_parts(current_app.jinja_env, view),
        chart=chart(view),
        state=view.summary.state,
        ended=view.ended,
    )


@blueprint.get("/<int:job_id>/stream")
def stream(job_id: int) -> Response:
    """Where to listen, with a token of a minute."""
    viewer = cast("Viewer", current_user)
    jobs.get_job(reader(), viewer.actor, job_id)
    assert viewer.actor.user_id is not None
    tokens = StreamTokens(current_app.config["SECRET_KEY"])
    token = tokens.make(Grant(job_id, viewer.actor.user_id, viewer.session_generation))
    return jsonify(url=f"{_stream_base()}/live/jobs/{job_id}?token={token}")


@blueprint.post("/<int:job_id>/<wish>")
@needs(Permission.JOBS_CONTROL)
def control(job_id: int, wish: str) -> AnyResponse:
    if wish not in REQUESTS:
        abort(404)
    try:
        with writing() as session:
            jobs.request(session, actor(), job_id, wish)
        flash(_WORDS[wish], "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("jobs.show", job_id=job_id))


@blueprint.get("/<int:job_id>/attempts.csv")
@needs(Permission.REPORTS_VIEW)
def export(job_id: int) -> Response:
    note_export(jobs.get_job(reader(), actor(), job_id))
    return csv_download(f"job-{job_id}-attempts.csv", _csv_rows(engine(), actor(), job_id))


_COLUMNS = (
    "id",
    "contact_id",
    "number",
    "channel",
    "action",
    "address",
    "state",
    "completion_code",
    "disposition",
    "sip_status",
    "reason",
    "started_at",
    "ringing_at",
    "answered_at",
    "ended_at",
)


def _csv_rows(database: Engine, who: Actor, job_id: int) -> Iterator[str]:
    """Read page by page, each in a transaction of its own, so that a large export holds nothing up."""
    yield csv_lines([("external_id", *_COLUMNS)])
    after = ""
    while True:
        with read_transaction(database) as session:
            page = reports.attempts_of_job(session, who, job_id, after)
            names = reports.external_ids(session, page)
        if not page:
            return
        yield csv_lines((names.get(row.contact_id, ""), *_values(row)) for row in page)
        after = page[-1].id


def _values(attempt: Attempt) -> Iterator[str]:
    for name in _COLUMNS:
        value = getattr(attempt, name)
        yield "" if value is None else value.isoformat() if name.endswith("_at") else str(value)


def _requests() -> list[tuple[str, str]]:
    """Each wish with the states (space-separated) in which it can be asked."""
    return [(wish, " ".join(sorted(allowed))) for wish, (allowed, _) in REQUESTS.items()]


def _stream_base() -> str:
    """Where the live process is reached: the setting, or its own port at the host the page was asked from."""
    settings: Settings = current_app.config["CLARION"]
    if settings.web.stream_url:
        return settings.web.stream_url
    host = request.host.rsplit(":", 1)[0] if ":" in request.host else request.host
    return f"{request.scheme}://{host}:{settings.web.stream_bind.port}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
