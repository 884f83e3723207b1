from __future__ import annotations

from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.web.panel.owned import OwnedForm

_EDITOR = {"rows": 28, "spellcheck": "false", "autocapitalize": "none", "wrap": "off", "data-editor": "yes"}


class DraftForm(OwnedForm):
    xml = TextAreaField("Strategy XML", [InputRequired("Write the strategy.")], render_kw=_EDITOR)

    @property
    def text(self) -> str:
        """Browsers send line ends as CR LF."""
        return str(self.xml.data).replace("\r\n", "\n")


class NewStrategyForm(DraftForm):
    name = StringField("Name", [InputRequired("Give the strategy a name."), Length(max=120)])
    description = StringField(
        "Description", [Optional(), Length(max=255)], description="What it does, for colleagues who choose a strategy."
    )
