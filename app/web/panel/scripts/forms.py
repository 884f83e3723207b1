from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.services.test_calls import Options, Wanted, read_values
from app.web.panel.organization import OrganizationForm

_FILES = ".vxml,.xml,.zip"
_HELP = "One .vxml document, or a .zip of the application with its grammars and audio. 20 MB at most."


class NewScriptForm(OrganizationForm):
    name = StringField("Name", [InputRequired("Give the script a name."), Length(max=120)])
    description = StringField(
        "Description", [Optional(), Length(max=255)], description="What it says, for colleagues who choose a script."
    )
    file = FileField("File", [FileRequired("Choose a file.")], description=_HELP, render_kw={"accept": _FILES})


class UploadForm(FlaskForm):
    file = FileField("File", [FileRequired("Choose a file.")], description=_HELP, render_kw={"accept": _FILES})
    entry = StringField(
        "First document",
        [Optional(), Length(max=255)],
        description="Where a call starts. Leave empty for main.vxml, index.vxml, start.vxml or the only document.",
    )


class TestCallForm(FlaskForm):
    number = StringField(
        "Number",
        [InputRequired("Give the number to call."), Length(max=40)],
        description="With + and country code. It rings once, now.",
        render_kw={"type": "tel", "inputmode": "tel", "autocomplete": "off", "placeholder": "+12125550140"},
    )
    trunk_id = SelectField("Trunk", coerce=int)
    calling_window_id = SelectField(
        "Calling window", coerce=int, description="The number is called only while it is open in the number's own zone."
    )
    sender = StringField(
        "Caller number", [InputRequired("Give the number that the phone shows.")], render_kw={"inputmode": "tel"}
    )
    values = TextAreaField(
        "Values",
        [Optional(), Length(max=20_000)],
        description="One NAME=VALUE a line, such as first_name=Ana: what a contact would bring along.",
        render_kw={"rows": 3, "spellcheck": "false", "class": "mono"},
    )

    def offer(self, options: Options) -> None:
        """Call it before validating."""
        self.trunk_id.choices = [SelectChoice(str(choice.id), choice.label) for choice in options.trunks]
        self.calling_window_id.choices = [
            SelectChoice(str(choice.id), choice.label) for choice in options.calling_windows
        ]
        if not self.is_submitted():
            self.sender.data = options.sender

    @property
    def wanted(self) -> Wanted:
        """Raise Refused where the values cannot be read."""
        return Wanted(
            self.number.data,
            self.trunk_id.data,
            self.calling_window_id.data,
            self.sender.data,
            read_values(self.values.data or ""),
        )

    def blame(self, problem: str) -> None:
        """Show a refusal ("field: mend") at its field, else at the number."""
        name, _, mend = problem.partition(": ")
        field = self._fields.get(name)
        if field is None:
            field, mend = self.number, problem
        field.errors = [*field.errors, mend[:1].upper() + mend[1:]]
