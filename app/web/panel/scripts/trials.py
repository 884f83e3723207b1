"""Test calls of a revision: asked for by a form, shown while they last, cancelled."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.models import TestCall, TestCallState
from app.security.access import Permission
from app.services import reports, test_calls
from app.web.database import reader, writing
from app.web.panel.gate import needs
from app.web.panel.scripts.forms import TestCallForm
from app.web.panel.scripts.views import blueprint, revision_page
from app.web.viewer import actor
from common.clock import utcnow
from common.errors import Refused

_MAKING = (Permission.SCRIPTS_EDIT, Permission.JOBS_CONTROL)


@blueprint.post("/<int:script_id>/revisions/<int:revision_id>/test-calls")
@needs(*_MAKING)
def call(script_id: int, revision_id: int) -> Response | tuple[str, int]:
    form = TestCallForm()
    form.offer(test_calls.options(reader(), actor(), revision_id))
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = test_calls.request(session, actor(), revision_id, form.wanted)
            return redirect(url_for("scripts.trial", script_id=script_id, revision_id=revision_id, key=made.id))
        except Refused as refused:
            form.blame(str(refused))
    return revision_page(script_id, revision_id, form), 422


@blueprint.get("/<int:script_id>/revisions/<int:revision_id>/test-calls/<key>")
def trial(script_id: int, revision_id: int, key: str) -> str:
    return render_template("scripts/trial.html", script_id=script_id, **_shown(revision_id, key))


@blueprint.get("/<int:script_id>/revisions/<int:revision_id>/test-calls/<key>/live")
def live_trial(script_id: int, revision_id: int, key: str) -> str:
    """The part of the page that asks for itself again while the call lasts."""
    return render_template("scripts/_trial.html", script_id=script_id, **_shown(revision_id, key))


@blueprint.post("/<int:script_id>/revisions/<int:revision_id>/test-calls/<key>/cancel")
@needs(*_MAKING)
def cancel_trial(script_id: int, revision_id: int, key: str) -> Response:
    with writing() as session:
        cancelled = test_calls.cancel(session, actor(), key)
    if cancelled.state == TestCallState.DONE:
        flash("The test call is over.", "info")
    return redirect(url_for("scripts.trial", script_id=script_id, revision_id=revision_id, key=key))


def _shown(revision_id: int, key: str) -> dict[str, object]:
    found: TestCall = test_calls.get_test_call(reader(), actor(), key)
    if found.script_revision_id != revision_id:
        abort(404)
    queued = found.state == TestCallState.QUEUED
    return {
        "call": found,
        "going": found.state != TestCallState.DONE,
        "orphaned": queued and not test_calls.engine_runs(reader(), utcnow()),
        "flags": reports.code_flags(reader(), found.organization_id),
    }
