"""Consents of everybody: taking files, counting them first, looking a person up, the whole ledger as a file."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.models import ConsentEvent, ConsentFile, DncKind
from app.security.access import Permission, get_scoped
from app.services import consent_files, consents, number_formats
from app.web.database import afresh, engine, reader, writing
from app.web.downloads import csv_of, note_export
from app.web.file_taker import CONSENT
from app.web.panel.consents.evidence import proof_of
from app.web.panel.consents.forms import ConsentFileForm
from app.web.panel.gate import area, needs
from app.web.panel.large_files import received
from app.web.viewer import actor, viewer_row
from common.errors import Refused

blueprint = area("consents", __name__, "/consents")


@blueprint.get("/")
@needs(Permission.DNC_VIEW)
def index() -> str:
    form = ConsentFileForm(formdata=None)
    form.offer_organizations()
    if not form.organization_id:
        form.home_country.data = number_formats.home_country_for(reader(), actor())
    return _page(form)


@blueprint.post("/")
@needs(Permission.DNC_EDIT)
def take() -> Response | str | tuple[str, int]:
    """Small files at once, large ones in the background; `count` enters nothing."""
    form = ConsentFileForm()
    form.offer_organizations()
    if not form.validate_on_submit():
        return _page(form), 422
    try:
        done = _take(form, dry="count" in request.form)
    except Refused as refused:
        form.blame(str(refused))
        return _page(form), 422
    if done is None:
        flash("The file is being taken in the background. How far it is stands under Files.", "success")
        return redirect(url_for("consents.index"))
    if done.detail:
        form.blame(done.detail)
        return _page(form), 422
    if "count" in request.form:
        return _page(form, counted=done)
    flash(f"Taken: {words(done)}. It holds from the next attempt on.", "success")
    return redirect(url_for("consents.index"))


@blueprint.get("/files")
@needs(Permission.DNC_VIEW)
def files() -> str:
    """The table alone, which asks for itself again while something is under way."""
    return render_template("consents/_files.html", files=consent_files.list_files(reader(), actor()))


@blueprint.post("/files/<int:file_id>/cancel")
@needs(Permission.DNC_EDIT)
def cancel(file_id: int) -> Response:
    try:
        with writing() as session:
            consent_files.request_cancel(session, actor(), file_id)
        flash("It stops. What is taken already stays.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("consents.index"))


@blueprint.get("/files/<int:file_id>/rejects.csv")
@needs(Permission.DNC_VIEW)
def rejects(file_id: int) -> Response:
    who = actor()
    note_export(get_scoped(reader(), who, ConsentFile, file_id))
    return csv_of(f"consents-{file_id}-rejects.csv", lambda session: consent_files.rejects_csv(session, who, file_id))


@blueprint.get("/evidence/<int:evidence_id>")
@needs(Permission.LISTS_VIEW)
def evidence(evidence_id: int) -> Response:
    return proof_of(evidence_id)


@blueprint.get("/entries.csv")
@needs(Permission.DNC_VIEW)
def export() -> Response:
    who, purpose = actor(), request.args.get("purpose", "").strip().lower()
    note_export(viewer_row(reader()), "consent.export")
    return csv_of("consents.csv", lambda session: consents.export_csv(session, who, purpose))


def words(done: ConsentFile) -> str:
    counts = (
        (done.rows_given, "given"),
        (done.rows_revoked, "taken back"),
        (done.rows_known, "in the ledger already"),
        (done.rows_rejected, "rejected"),
    )
    return f"{done.rows_read} lines read, " + ", ".join(f"{count} {what}" for count, what in counts)


def _take(form: ConsentFileForm, *, dry: bool) -> ConsentFile | None:
    """None where it is taken in the background."""
    how: dict[str, Any] = {
        "home_country": (form.home_country.data or "").upper(),
        "organization_id": form.chosen_organization,
        "dry": dry,
    }
    with received(form.file.data, "consents.csv", form.proofs.data or None) as file:
        if not file.is_large:
            return consent_files.take_file(engine(), actor(), file.path, proofs=file.proofs, **how)
        who, name = actor(), file.path.name
        file.hand_over(CONSENT, lambda session: consent_files.start_file(session, who, name, **how).id)
        return None


def _page(form: ConsentFileForm, counted: ConsentFile | None = None) -> str:
    kind, value = request.args.get("kind", "phone"), request.args.get("value", "").strip()
    organization = request.args.get("organization", type=int) if form.organization_id else None
    events: list[ConsentEvent] | None = None
    problem = ""
    if value:
        try:
            events = consents.of_subject(reader(), actor(), (kind, value), organization)
        except Refused as refused:
            problem = str(refused)
    return render_template(
        "consents/index.html",
        form=form,
        files=consent_files.list_files(afresh(), actor()),
        counted=counted,
        counted_words=words(counted) if counted else "",
        kinds=[row.value for row in DncKind if row is not DncKind.ERASED],
        kind=kind,
        value=value,
        organization=organization,
        events=events,
        problem=problem,
    )
