from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, DateField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.core.compliance import NATIONAL
from app.models import DncKind
from app.services.dnc_files import FileFields
from app.web.panel.organization import OrganizationForm


class DncForm(OrganizationForm):
    kind = SelectField(
        "What",
        choices=[
            SelectChoice(DncKind.PHONE.value, "Phone number"),
            SelectChoice(DncKind.EMAIL.value, "Email address"),
            SelectChoice(DncKind.CONTACT_ID.value, "Contact ID"),
            SelectChoice(DncKind.CUSTOMER_ID.value, "Customer ID"),
        ],
        description="An ID blocks every address of that person; a customer ID does so in every list.",
    )
    value = StringField(
        "Number, address or ID",
        [InputRequired("Enter what is not to be contacted."), Length(max=254)],
        description="Phone numbers with + and the country code, such as +15550100123.",
    )
    until = DateField("Until", [Optional()], description="The last day, where the person is. Empty is for ever.")
    proof = StringField("Why", [Optional(), Length(max=255)], description="Where the wish came from; kept as proof.")


class DncListForm(OrganizationForm):
    name = StringField("Name", [InputRequired("Give the list a name."), Length(max=120)])
    national = SelectField(
        "A country's list",
        default="",
        choices=[SelectChoice("", "No"), *(SelectChoice(row.key, row.name) for row in NATIONAL.values())],
        description="Its numbers are then called only while a young copy of the list has them.",
    )
    by_group = BooleanField(
        "Only for campaigns that choose it",
        description="By a group below. Otherwise the list holds for every campaign.",
    )


class DncGroupForm(OrganizationForm):
    name = StringField(
        "Name",
        [InputRequired("Give the group a name."), Length(max=120)],
        description="A group of that name gets what you choose here.",
    )
    lists = SelectMultipleField("Lists", coerce=int)
    campaigns = SelectMultipleField("Campaigns that they hold for", coerce=int)


class DncFileForm(FlaskForm):
    file = FileField("File", [FileRequired("Choose a file.")])
    form = SelectField(
        "Format",
        choices=[
            SelectChoice("csv", "CSV: value or ID, kind or ID_TYPE, days"),
            SelectChoice("numbers", "One number a line"),
            SelectChoice("us", "US registry, flat file"),
            SelectChoice("gb", "UK TPS"),
        ],
    )
    action = SelectField(
        "What to do",
        choices=[
            SelectChoice("add", "Add what it has"),
            SelectChoice("remove", "Take off what it has"),
            SelectChoice("replace", "Add, and take off what it has not"),
        ],
    )
    as_of = DateField("Drawn on", [Optional()], description="Of a country's list: the day that its age counts from.")
    home_country = StringField(
        "Home country",
        [Optional(), Length(2, 2, "Write two letters, such as US.")],
        description="Of numbers without +, in two letters. Empty is the organization's own, else US.",
    )

    def values(self) -> FileFields:
        return FileFields(self.form.data, self.action.data, self.as_of.data, (self.home_country.data or "").upper())

    def blame(self, problem: str) -> None:
        name, _, mend = problem.partition(": ")
        field = self._fields.get({"format": "form", "country": "home_country"}.get(name, name), self.file)
        field.errors = [*field.errors, mend or problem]
