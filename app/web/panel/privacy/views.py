"""Privacy: what is known of a person, taking it away for them, erasing it, and how long data is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import current_app, flash, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from app.core.retention import Kept
from app.models import ErasureState, ExportState
from app.security.access import Permission
from app.security.secrets import Vault
from app.services import lists, privacy
from app.services.privacy import disclosure, erasure, finding, stores
from app.web.database import reader, writing
from app.web.panel.gate import area, needs
from app.web.panel.owned import organization_names
from app.web.panel.privacy.forms import EraseForm, ExportForm, FindForm, RetentionForm
from app.web.viewer import actor
from common.clock import utcnow
from common.errors import ConfigError, Refused

blueprint = area("privacy", __name__, "/privacy")


@blueprint.get("/")
@needs(Permission.PRIVACY_MANAGE)
def index() -> str:
    return _index(_find_form(fresh=True))


@blueprint.post("/person")
@needs(Permission.PRIVACY_MANAGE)
def find() -> str | tuple[str, int]:
    form = _find_form()
    if form.validate_on_submit():
        try:
            asked = (form.way.data, form.value.data or "")
            return _person(finding.find_person(reader(), actor(), *asked, form.chosen_organization), *asked)
        except Refused as refused:
            form.value.errors = [*form.value.errors, str(refused)]
    return _index(form), 422


@blueprint.get("/person/<int:contact_id>")
@needs(Permission.PRIVACY_MANAGE)
def of_contact(contact_id: int) -> str:
    asked = (finding.CONTACT, str(contact_id))
    return _person(finding.find_person(reader(), actor(), *asked), *asked)


@blueprint.post("/erasures")
@needs(Permission.PRIVACY_MANAGE)
def erase() -> Response | tuple[str, int]:
    form = EraseForm()
    asked = _unsealed(form.subject.data)
    if asked is None:
        return redirect(url_for("privacy.index"))
    way, value, organization_id = asked
    person = finding.find_person(reader(), actor(), way, value, organization_id)
    if not form.validate_on_submit():
        return _person(person, way, value, form), 422
    with writing() as session:
        person = finding.find_person(session, actor(), way, value, organization_id)
        made = erasure.request_erasure(session, actor(), _vault(), person, form.reference.data or "")
    return redirect(url_for("privacy.show", erasure_id=made.id))


@blueprint.post("/exports")
@needs(Permission.PRIVACY_MANAGE)
def export() -> Response:
    form = ExportForm()
    asked = _unsealed(form.subject.data)
    if asked is not None and form.validate_on_submit():
        with writing() as session:
            person = finding.find_person(session, actor(), *asked)
            disclosure.request_export(session, actor(), _vault(), person, form.reference.data or "")
        flash("The export is being made. It can be fetched here for a week.", "success")
    return redirect(url_for("privacy.index"))


@blueprint.get("/exports/<int:export_id>/file")
@needs(Permission.PRIVACY_MANAGE)
def fetch(export_id: int) -> Response:
    home = current_app.config["CLARION"].home
    with writing() as session:
        path = disclosure.fetch_export(session, actor(), export_id, home)
    return send_file(
        path.resolve(), mimetype="application/zip", as_attachment=True, download_name=f"personal-data-{export_id}.zip"
    )


@blueprint.get("/exports")
@needs(Permission.PRIVACY_MANAGE)
def exports() -> str:
    return render_template("privacy/_exports.html", **_exports())


@blueprint.get("/erasures/<int:erasure_id>")
@needs(Permission.PRIVACY_MANAGE)
def show(erasure_id: int) -> str:
    row = erasure.get_erasure(reader(), actor(), erasure_id)
    fragment = request.headers.get("HX-Request") == "true"
    return render_template(
        "privacy/_erasure.html" if fragment else "privacy/erasure.html",
        row=row,
        steps=list(ErasureState),
        going=row.state != ErasureState.COMPLETED,
    )


@blueprint.get("/retention")
@needs(Permission.PRIVACY_MANAGE)
def retention() -> str:
    rules = privacy.list_rules(reader(), actor(), _organization())
    return _retention(RetentionForm(formdata=None, data={kind.value: rule.days for kind, rule in rules.items()}))


@blueprint.post("/retention")
@needs(Permission.PRIVACY_MANAGE)
def keep() -> Response | str | tuple[str, int]:
    """`count` tells what the days typed would take, and keeps nothing."""
    form, organization_id = RetentionForm(), _organization()
    if form.validate_on_submit():
        try:
            if "count" in request.form:
                return _retention(form, {kind: days for kind in Kept if (days := form[kind.value].data) is not None})
            with writing() as session:
                for kind in Kept:
                    privacy.set_rule(session, actor(), kind.value, form[kind.value].data, organization_id)
            flash("Kept. The first purge is within a minute, then one a day.", "success")
            return redirect(url_for("privacy.retention", organization_id=organization_id))
        except Refused as refused:
            name, _, mend = str(refused).partition(": ")
            form[name].errors = [*form[name].errors, mend[:1].upper() + mend[1:]]
    return _retention(form), 422


def _organization() -> int | None:
    """The one asked for; else the person's own, or the first of several."""
    mine = actor().organization_id
    return mine or request.args.get("organization_id", type=int) or next(iter(organization_names()), None)


def _retention(form: RetentionForm, wanted: Mapping[Kept, int] | None = None) -> str:
    organization_id = _organization()
    files = stores.StateFiles(current_app.config["CLARION"].home)
    counts = privacy.preview_purge(reader(), actor(), utcnow(), organization_id, files=files, wanted=wanted)
    return render_template(
        "privacy/retention.html",
        form=form,
        kinds=list(Kept),
        rules=privacy.list_rules(reader(), actor(), organization_id),
        counts=counts,
        counted=wanted is not None,
        organizations=organization_names(),
        organization_id=organization_id,
    )


def _find_form(*, fresh: bool = False) -> FindForm:
    form = FindForm(formdata=None) if fresh else FindForm()
    form.offer_organizations()
    return form


def _index(form: FindForm) -> str:
    return render_template(
        "privacy/index.html",
        form=form,
        erasures=erasure.list_erasures(reader(), actor()),
        **_exports(),
        organizations=organization_names(),
    )


def _exports() -> dict[str, Any]:
    rows = disclosure.list_exports(reader(), actor())
    return {"exports": rows, "making": any(row.state == ExportState.QUEUED for row in rows)}


def _unsealed(subject: str | None) -> tuple[str, str, int] | None:
    """How the person of a page was found; None, and said so, where the page is none of ours."""
    try:
        way, value, organization_id = json.loads(_vault().decrypt(subject or "") or "[]")
    except (ConfigError, ValueError):
        flash("That page is too old. Look for the person again.", "error")
        return None
    return way, value, organization_id


def _person(person: finding.Person, way: str, value: str, form: EraseForm | None = None) -> str:
    form = form or EraseForm(formdata=None)
    export = ExportForm(formdata=None)
    form.subject.data = export.subject.data = _vault().encrypt(json.dumps([way, value, person.organization_id]))
    names = {row.contact_list.id: row.contact_list.name for row in lists.list_lists(reader(), actor())}
    return render_template(
        "privacy/person.html",
        person=person,
        counts=erasure.preview(reader(), actor(), person),
        lists=names,
        form=form,
        export=export,
    )


def _vault() -> Vault:
    return Vault(current_app.config["SECRET_KEY"])
