from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import SelectField, SelectMultipleField, StringField, widgets
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.models import Role
from app.web.words import ROLE_NAMES


class UserForm(FlaskForm):
    login = StringField("Login", [InputRequired("Give a login."), Length(max=120)], render_kw={"autocomplete": "off"})
    name = StringField("Name", [Optional(), Length(max=120)])
    organization_id = SelectField("Organization", coerce=int, description="All organizations is for operators.")
    roles = SelectMultipleField(
        "Roles",
        choices=[SelectChoice(role.value, ROLE_NAMES[role]) for role in Role],
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(prefix_label=False),
    )
