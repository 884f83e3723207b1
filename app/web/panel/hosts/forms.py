from __future__ import annotations

from typing import ClassVar

from wtforms import StringField
from wtforms.validators import InputRequired, Length, Optional

from app.web.panel.owned import OwnedForm


class HostForm(OwnedForm):
    elsewhere: ClassVar[dict[str, str]] = {"origin": "name"}

    name = StringField(
        "Server",
        [InputRequired("Enter the server's address."), Length(max=270)],
        description="Scheme, host and port, such as https://pay.example.com. A bare name means https.",
        render_kw={"spellcheck": "false", "inputmode": "url"},
    )
    note = StringField("What it is for", [Optional(), Length(max=255)])
