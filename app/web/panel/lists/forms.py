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

    def blame(self, problem: str) -> None:
        field = self.home_country if problem.startswith("home country") else self.name
        field.errors = [*field.errors, problem.partition(": ")[2] or problem]


class UploadForm(FlaskForm):  # type: ignore[misc]
    file = FileField(
        "CSV file",
        [FileRequired("Choose a file.")],
        description="CSV with a heading line; comma, semicolon, tab, colon or bar between the columns. 256 MB at most.",
        render_kw={"accept": ".csv,.txt,.tsv,text/csv"},
    )
