from __future__ import annotations

from wtforms import BooleanField, DateField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.models import DncKind
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
