"""Privacy: what is known of a person, and erasing it."""

from __future__ import annotations

import json

from flask import current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.models import ErasureState
from app.security.access import Permission
from app.security.secrets import Vault
from app.services import lists
from app.services.privacy import erasure, finding
from app.web.database import reader, writing
from app.web.panel.gate import area, needs
from app.web.panel.owned import organization_names
from app.web.panel.privacy.forms import EraseForm, FindForm
from app.web.viewer import actor
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
    try:
        way, value, organization_id = json.loads(_vault().decrypt(form.subject.data or "") or "[]")
    except (ConfigError, ValueError):
        flash("That page is too old. Look for the person again.", "error")
        return redirect(url_for("privacy.index"))
    person = finding.find_person(reader(), actor(), way, value, organization_id)
    if not form.validate_on_submit():
        return _person(person, way, value, form), 422
    with writing() as session:
        person = finding.find_person(session, actor(), way, value, organization_id)
        made = erasure.request_erasure(session, actor(), _vault(), person, form.reference.data or "")
    return redirect(url_for("privacy.show", erasure_id=made.id))


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


def _find_form(*, fresh: bool = False) -> FindForm:
    form = FindForm(formdata=None) if fresh else FindForm()
    form.offer_organizations()
    return form


def _index(form: FindForm) -> str:
    return render_template(
        "privacy/index.html",
        form=form,
        erasures=erasure.list_erasures(reader(), actor()),
        organizations=organization_names(),
    )


def _person(person: finding.Person, way: str, value: str, form: EraseForm | None = None) -> str:
    form = form or EraseForm(formdata=None)
    form.subject.data = _vault().encrypt(json.dumps([way, value, person.organization_id]))
    names = {row.contact_list.id: row.contact_list.name for row in lists.list_lists(reader(), actor())}
    return render_template(
        "privacy/person.html",
        person=person,
        counts=erasure.preview(reader(), actor(), person),
        lists=names,
        form=form,
    )


def _vault() -> Vault:
    return Vault(current_app.config["SECRET_KEY"])
