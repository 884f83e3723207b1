from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.services.privacy import finding
from app.web.panel.organization import OrganizationForm

WAYS = {finding.PHONE: "Phone number", finding.EMAIL: "Email address", finding.CUSTOMER_ID: "Customer ID"}


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
