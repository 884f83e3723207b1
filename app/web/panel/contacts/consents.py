"""What a person has allowed: the ledger on their page, entering into it, its evidence."""

from __future__ import annotations

from datetime import UTC, datetime, time

from flask import flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileSize
from werkzeug.wrappers import Response
from wtforms import DateField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.models import ConsentAct
from app.security.access import Permission
from app.services import consents, contacts
from app.services.consents import CHANNELS, ConsentFields
from app.web.database import reader, writing
from app.web.panel.consents.evidence import proof_of
from app.web.panel.contacts.views import blueprint
from app.web.panel.gate import needs
from app.web.viewer import actor
from common.errors import Refused

_CHANNEL_WORDS = {"voice": "Calls", "sms": "SMS", "email": "Email"}


class ConsentForm(FlaskForm):
    act = SelectField(
        "What",
        choices=[
            SelectChoice(ConsentAct.GIVEN.value, "Consent given"),
            SelectChoice(ConsentAct.REVOKED.value, "Consent taken back"),
        ],
    )
    channel = SelectField("Channel", choices=[SelectChoice(name, _CHANNEL_WORDS[name]) for name in CHANNELS])
    purpose = StringField(
        "Purpose", [InputRequired("Say what for."), Length(max=64)], description="As campaigns name it: marketing."
    )
    source = StringField(
        "By what", [InputRequired("Say by what."), Length(max=64)], description="Web form, paper, call, SMS."
    )
    text_shown = TextAreaField(
        "Words shown or said", [Optional(), Length(max=10_000)], render_kw={"rows": 3, "spellcheck": "false"}
    )
    expires = DateField(
        "Ends after", [Optional()], description="The last day, where the person is; empty is until taken back."
    )
    evidence = FileField(
        "Evidence",
        [FileSize(consents.LARGEST_EVIDENCE, message="5 MB at most.")],
        description="A scan or recording, 5 MB at most.",
    )

    def values(self) -> ConsentFields:
        file = self.evidence.data
        day = self.expires.data if self.act.data == ConsentAct.GIVEN else None
        ends = datetime.combine(day, time.max, UTC) if day else None
        return ConsentFields(
            self.channel.data,
            self.purpose.data or "",
            self.source.data or "",
            self.text_shown.data or "",
            expires_at=ends,
            last_day=day,
            evidence=(file.filename or "evidence", file.read()) if file else None,
        )

    def blame(self, problem: str) -> None:
        name, _, mend = problem.partition(": ")
        field = self._fields.get({"expires_at": "expires"}.get(name, name), self.purpose)
        field.errors = [*field.errors, mend or problem]


@blueprint.get("/<int:contact_id>/consents")
@needs(Permission.LISTS_VIEW)
def ledger(contact_id: int) -> str:
    return _page(contact_id, ConsentForm(formdata=None))


@blueprint.post("/<int:contact_id>/consents")
@needs(Permission.DNC_EDIT)
def enter_consent(contact_id: int) -> Response | tuple[str, int]:
    contact = contacts.get_contact(reader(), actor(), contact_id).contact
    form = ConsentForm()
    if form.validate_on_submit():
        enter = consents.give if form.act.data == ConsentAct.GIVEN else consents.revoke
        person = ("customer_id", contact.customer_id) if contact.customer_id else ("contact_id", contact.external_id)
        try:
            with writing() as session:
                enter(session, actor(), person, form.values(), contact.organization_id)
            flash("Entered. It holds from the next attempt on.", "success")
            return redirect(url_for("contacts.ledger", contact_id=contact_id))
        except Refused as refused:
            form.blame(str(refused))
    return _page(contact_id, form), 422


@blueprint.get("/<int:contact_id>/consents/evidence/<int:evidence_id>")
@needs(Permission.LISTS_VIEW)
def evidence(contact_id: int, evidence_id: int) -> Response:
    contacts.get_contact(reader(), actor(), contact_id)
    return proof_of(evidence_id)


def _page(contact_id: int, form: ConsentForm) -> str:
    view = contacts.get_contact(reader(), actor(), contact_id)
    events = consents.of_contact(reader(), actor(), contact_id)
    return render_template(
        "contacts/consents.html", contact=view.contact, form=form, events=events, words=_CHANNEL_WORDS
    )
