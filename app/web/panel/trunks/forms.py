from __future__ import annotations

from typing import Any

from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.models import Trunk
from app.services.trunks import TRANSPORTS, TrunkFields
from app.web.panel.owned import OwnedForm

_PYVOIP = "pyVoIP (small sites; media servers must run with CLARION_MEDIASERVER_LINE=pyvoip)"


class TrunkForm(OwnedForm):
    name = StringField("Name", [InputRequired("Give the trunk a name."), Length(max=120)])
    host = StringField(
        "Host",
        [InputRequired("Give the carrier's host."), Length(max=253)],
        description="The carrier's or PBX's SIP host name or IP address, such as sip.example.com.",
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )
    port = IntegerField(
        "Port",
        [InputRequired("Give the port; 5060 is usual."), NumberRange(1, 65535, "Give a number from 1 to 65535.")],
        default=5060,
    )
    transport = SelectField(
        "Transport", choices=[SelectChoice(name, name.upper()) for name in TRANSPORTS], default="udp"
    )
    username = StringField(
        "Login",
        [Optional(), Length(max=120)],
        description="Empty where the carrier knows you by your address.",
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField("Password", [Optional(), Length(max=120)], render_kw={"autocomplete": "new-password"})
    forget_password = BooleanField("Remove the password")
    max_channels = IntegerField(
        "Calls at a time",
        [InputRequired("Give a number."), NumberRange(1, 100_000, "Give a whole number of 1 or more.")],
        default=100,
        description="The most the carrier allows, over all campaigns.",
    )
    calls_per_second = IntegerField(
        "New calls a second",
        [InputRequired("Give a number."), NumberRange(1, 1000, "Give a whole number from 1 to 1000.")],
        default=10,
        description="Carriers often block trunks that exceed theirs.",
    )
    line = SelectField(
        "Line", choices=[SelectChoice("native", "Native (recommended)"), SelectChoice("pyvoip", _PYVOIP)]
    )
    simulated = BooleanField(
        "Simulated",
        description="Leads to the simulated carrier on this machine; may be called around the clock. "
        "Only for 127.0.0.1, ::1 and localhost.",
    )

    def values(self) -> TrunkFields:
        """An empty password keeps the one there is: stored passwords are never sent to the browser."""
        return TrunkFields(
            name=self.name.data,
            host=self.host.data,
            port=self.port.data,
            transport=self.transport.data,
            line=self.line.data,
            username=self.username.data or "",
            password="" if self.forget_password.data else self.password.data or None,
            max_channels=self.max_channels.data,
            calls_per_second=self.calls_per_second.data,
            simulated=self.simulated.data,
        )

    @staticmethod
    def filled(trunk: Trunk) -> dict[str, Any]:
        return {name: getattr(trunk, name) for name in _SAME}


#: Fields that are the trunk's columns as they are.
_SAME = ("name", "host", "port", "transport", "username", "max_channels", "calls_per_second", "line", "simulated")
