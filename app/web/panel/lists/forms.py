from __future__ import annotations

from collections.abc import Sequence

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.models import ImportMode
from app.services.importing import Choices, Understood
from app.services.importing.encodings import AUTO, USUAL
from app.web.panel.organization import OrganizationForm

#: What a file says of contacts who are not in it.
MODES = {
    ImportMode.DELTA: "Adds and changes; who is not in it stays",
    ImportMode.FULL: "Is the whole list; who is not in it is taken out",
    ImportMode.REPLACE: "Replaces the list; what it does not have is emptied too",
    ImportMode.EXCLUDE: "Names whom not to call for now",
    ImportMode.RESET: "Names whom to call again",
}
HELD_WORDS = "Where more of the list is not in the file, nobody is taken out before somebody says so."


class ListForm(OrganizationForm):
    name = StringField("Name", [InputRequired("Give the list a name."), Length(max=120)])
    description = StringField("Description", [Optional(), Length(max=255)])
    home_country = StringField(
        "Home country",
        [InputRequired("Give the two letters of the country."), Length(2, 2, "Write two letters, such as US.")],
        default="US",
        description="Two letters, such as US or DE: where numbers without + belong to.",
        render_kw={"size": 2, "autocapitalize": "characters"},
    )

    time_zone = StringField(
        "Time zone",
        [Optional(), Length(max=64)],
        description="For contacts of whom nothing else is known. It counts only where the home country has one time; "
        "elsewhere all of the country's zones do.",
        render_kw={"spellcheck": "false"},
    )

    def blame(self, problem: str) -> None:
        fields = {"home country": self.home_country, "time zone": self.time_zone}
        field = fields.get(problem.partition(":")[0], self.name)
        field.errors = [*field.errors, problem.partition(": ")[2] or problem]


class UploadForm(FlaskForm):
    file = FileField(
        "File",
        [FileRequired("Choose a file.")],
        description="CSV with any sign between the columns, or an Excel workbook; also in gzip or zip. 256 MB at most.",
        render_kw={"accept": ".csv,.txt,.tsv,.xlsx,.xlsm,.gz,.zip,text/csv"},
    )


_OTHER = "other"
_DELIMITERS = ((",", "Comma"), (";", "Semicolon"), ("\t", "Tab"), ("|", "Bar"), (":", "Colon"))


class ReadingForm(FlaskForm):
    """How an uploaded file is to be read."""

    usual = USUAL

    step = StringField()
    member = SelectField("File in the archive", default="", validate_choice=False, choices=[])
    sheet = SelectField("Sheet", default="", validate_choice=False, choices=[])
    encoding = StringField(
        "Encoding",
        default="",
        description="Such as windows-1252 or shift_jis; empty finds it out.",
        render_kw={"list": "encodings", "spellcheck": "false", "autocomplete": "off"},
    )
    delimiter = SelectField(
        "Between the columns",
        default="",
        choices=[
            SelectChoice("", "Find out"),
            *(SelectChoice(*one) for one in _DELIMITERS),
            SelectChoice(_OTHER, "Other"),
        ],
    )
    other = StringField("Other sign", render_kw={"maxlength": 1, "size": 2})
    heading = IntegerField("Line with the columns' names", [Optional()], description="Lines above it are left out.")

    home_country = StringField(
        "Home country",
        [Optional(), Length(2, 2, "Write two letters, such as US.")],
        description="Of numbers without +, in this file; empty is the list's.",
        render_kw={"size": 2, "autocapitalize": "characters"},
    )

    def choices(self) -> Choices:
        return Choices(
            member=self.member.data or "",
            sheet=self.sheet.data or "",
            encoding=(self.encoding.data or "").strip() or AUTO,
            delimiter=(self.other.data or "") if self.delimiter.data == _OTHER else self.delimiter.data or "",
            heading=max(self.heading.data or 0, 0),
            home_country=(self.home_country.data or "").strip().upper(),
        )

    def offer_members(self, members: Sequence[str]) -> None:
        self.member.choices = [SelectChoice(name, name) for name in members]

    def show(self, understood: Understood) -> None:
        """What the file was taken for, as what can be changed."""
        chosen = understood.choices
        self.offer_members(understood.members)
        self.sheet.choices = [SelectChoice(name, name) for name in understood.sheets]
        self.member.data, self.sheet.data = chosen.member, chosen.sheet
        self.encoding.data = "" if chosen.encoding == AUTO else chosen.encoding
        known = chosen.delimiter in ("", *(sign for sign, _ in _DELIMITERS))
        self.delimiter.data = chosen.delimiter if known else _OTHER
        self.other.data = "" if known else chosen.delimiter
        self.heading.data = chosen.heading or None
        self.home_country.data = chosen.home_country

    def blame(self, problem: str) -> None:
        field = self.encoding if problem.startswith("encoding:") else self.delimiter
        field = self.heading if problem.startswith("heading:") else field
        field.errors = [*field.errors, problem]
