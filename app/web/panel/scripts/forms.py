from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import StringField
from wtforms.validators import InputRequired, Length, Optional

from app.web.panel.organization import OrganizationForm

_FILES = ".vxml,.xml,.zip"
_HELP = "One .vxml document, or a .zip of the application with its grammars and audio. 20 MB at most."


class NewScriptForm(OrganizationForm):
    name = StringField("Name", [InputRequired("Give the script a name."), Length(max=120)])
    description = StringField(
        "Description", [Optional(), Length(max=255)], description="What it says, for colleagues who choose a script."
    )
    file = FileField("File", [FileRequired("Choose a file.")], description=_HELP, render_kw={"accept": _FILES})


class UploadForm(FlaskForm):  # type: ignore[misc]
    file = FileField("File", [FileRequired("Choose a file.")], description=_HELP, render_kw={"accept": _FILES})
    entry = StringField(
        "First document",
        [Optional(), Length(max=255)],
        description="Where a call starts. Leave empty for main.vxml, index.vxml, start.vxml or the only document.",
    )
