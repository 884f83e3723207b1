from __future__ import annotations

from wtforms import IntegerField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange

from app.security.access import Permission
from app.web.checkboxes import CheckboxesField
from app.web.panel.owned import OwnedForm

_GROUPS = {
    "Contacts": {
        Permission.LISTS_VIEW: "See lists and contacts",
        Permission.NUMBERS_VIEW: "See numbers and emails whole",
        Permission.LISTS_EDIT: "Add, change and delete contacts, import, exclude, split and share lists",
    },
    "Do not call and consent": {
        Permission.DNC_VIEW: "Ask whether somebody may be called, and consents",
        Permission.DNC_EDIT: "Change the do-not-call list, enter consents",
    },
    "Numbers": {
        Permission.CAMPAIGNS_VIEW: "See how numbers are read, refused and dialled",
        Permission.SETTINGS_MANAGE: "Change that, and open ranges",
    },
}


class TokenForm(OwnedForm):
    name = StringField(
        "Name",
        [InputRequired("Name the program that gets it."), Length(max=120)],
        description="The program that gets it, such as CRM.",
    )
    permissions = CheckboxesField(
        "It may",
        [InputRequired("Choose what it may do.")],
        groups={
            title: [SelectChoice(permission.value, words) for permission, words in each.items()]
            for title, each in _GROUPS.items()
        },
    )
    requests_per_minute = IntegerField(
        "Requests a minute", [NumberRange(1, 60_000, "Give a whole number from 1 to 60000.")], default=600
    )
