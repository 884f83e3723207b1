from __future__ import annotations

from wtforms import DateField, SelectField, StringField
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
        ],
        description="A contact ID blocks every address of that person.",
    )
    value = StringField(
        "Number, address or ID",
        [InputRequired("Enter what is not to be contacted."), Length(max=254)],
        description="Phone numbers with + and the country code, such as +15550100123.",
    )
    until = DateField("Until", [Optional()], description="Empty is for ever.")
    proof = StringField("Why", [Optional(), Length(max=255)], description="Where the wish came from; kept as proof.")
