from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.core.retention import LONGEST, Kept, floor_of
from app.services.privacy import finding
from app.web.panel.organization import OrganizationForm

WAYS = {finding.PHONE: "Phone number", finding.EMAIL: "Email address", finding.CUSTOMER_ID: "Customer ID"}


_KEPT = {
    Kept.TRACES: "Signalling and script steps of attempts",
    Kept.ATTEMPTS: "Addresses, keys and values of attempts",
    Kept.RECORDINGS: "Recordings",
    Kept.REJECTS: "Rejected rows of imports",
    Kept.FILES: "Files that data sources took or failed with",
    Kept.CONTACTS: "Contacts that nobody used or changed",
    Kept.AUDIT: "Audit trail",
}


def _days(kind: Kept) -> IntegerField:
    floor = floor_of(kind)
    least = f"Days; {floor.days} at least. {floor.rule}." if floor else "Days."
    return IntegerField(_KEPT[kind], [Optional(), NumberRange(1, LONGEST)], description=f"{least} Empty is for ever.")


class RetentionForm(FlaskForm):
    traces = _days(Kept.TRACES)
    attempts = _days(Kept.ATTEMPTS)
    recordings = _days(Kept.RECORDINGS)
    rejects = _days(Kept.REJECTS)
    files = _days(Kept.FILES)
    contacts = _days(Kept.CONTACTS)
    audit = _days(Kept.AUDIT)


class FindForm(OrganizationForm):
    """Sent by POST, so that no address of a person stands in the browser's history."""

    way = SelectField("By", choices=[SelectChoice(way, words) for way, words in WAYS.items()])
    value = StringField(
        "Number, address or ID",
        [InputRequired("Enter what the person is known by."), Length(max=254)],
        description="Numbers with + and the country code.",
        render_kw={"spellcheck": "false", "autocomplete": "off"},
    )


class ExportForm(FlaskForm):
    #: Who was found, sealed.
    subject = HiddenField(id="export-subject")
    reference = StringField(
        "Reference of the request",
        [Optional(), Length(max=64)],
        description="Your own, such as a case number; no name.",
        render_kw={"autocomplete": "off"},
    )


class EraseForm(FlaskForm):
    subject = HiddenField(id="erase-subject")
    reference = StringField(
        "Reference of the erasure",
        [Optional(), Length(max=64)],
        id="erase-reference",
        description="Your own, such as a case number; no name.",
        render_kw={"autocomplete": "off"},
    )
    sure = BooleanField(
        "Erase this person for good",
        [InputRequired("Tick it: nothing brings the data back.")],
        description="There is no undo, and no copy is kept.",
    )
