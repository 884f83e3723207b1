from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import StringField
from wtforms.validators import InputRequired, Length, Optional

from app.web.panel.organization import OrganizationForm


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
        "CSV file",
        [FileRequired("Choose a file.")],
        description="CSV with a heading line; comma, semicolon, tab, colon or bar between the columns. 256 MB at most.",
        render_kw={"accept": ".csv,.txt,.tsv,text/csv"},
    )
