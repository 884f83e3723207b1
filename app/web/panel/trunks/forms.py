from __future__ import annotations

from typing import Any

from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.models import Trunk
from app.services.trunks import MEDIA, TRANSPORTS, TrunkFields
from app.web.panel.owned import OwnedForm
from common.media_terms import PTIMES

_ASTERISK = "Asterisk (media servers must run with CLARION_MEDIASERVER_LINE=asterisk)"
_PYVOIP = "pyVoIP (small sites; media servers must run with CLARION_MEDIASERVER_LINE=pyvoip)"


_TRANSPORT_WORDS = {"udp": "UDP", "tcp": "TCP", "tls": "TLS", "dns": "As DNS says"}


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
        [InputRequired("Give the port; 5060 is usual."), NumberRange(0, 65535, "Give a number up to 65535.")],
        default=5060,
        description="0 has DNS find the servers (SRV).",
    )
    transport = SelectField(
        "Transport", choices=[SelectChoice(name, _TRANSPORT_WORDS[name]) for name in TRANSPORTS], default="udp"
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
        "Line",
        choices=[
            SelectChoice("native", "Native (recommended)"),
            SelectChoice("pyvoip", _PYVOIP),
            SelectChoice("asterisk", _ASTERISK),
        ],
    )
    proxy = StringField(
        "Outbound proxy", [Optional(), Length(max=260)], description="HOST or HOST:PORT that every call goes through."
    )
    gateways = TextAreaField(
        "Further gateways",
        [Optional(), Length(max=2000)],
        description="One a line: HOST:PORT;weight=1;priority=0. Another is tried only where nobody can have rung.",
        render_kw={"rows": 3, "spellcheck": "false"},
    )
    redirects = StringField(
        "Redirections to",
        [Optional(), Length(max=500)],
        description="Number prefixes that the carrier may redirect calls to, such as +1212, and IP addresses of its "
        "other servers; commas between. Empty follows none. Redirected numbers do not pass the compliance gate again.",
    )
    transfers = StringField(
        "Transfers to",
        [Optional(), Length(max=500)],
        description="Where scripts may have callers connected to: number prefixes such as +1212 (+ for any number) and "
        "hosts of SIP addresses; commas between. Empty allows no transfer. They do not pass the compliance gate: "
        "name your own agents and partners.",
    )
    domain = StringField(
        "Our domain",
        [Optional(), Length(max=253)],
        description="Behind the @ of our addresses, where the carrier wants one.",
    )
    srtp = SelectField(
        "Encrypted audio (SRTP)",
        choices=[
            SelectChoice("off", "Off"),
            SelectChoice("offer", "Where they take it"),
            SelectChoice("require", "Always"),
        ],
        default="off",
        description="Keys travel in the SDP: take TLS as the transport. Always refuses calls that cannot be encrypted.",
    )
    keys = SelectField(
        "Keys (DTMF)",
        choices=[
            SelectChoice("auto", "As the far end says"),
            SelectChoice("inband", "In the audio"),
            SelectChoice("info", "By SIP INFO"),
        ],
        default="auto",
        description="How they are sent. Telephone events and INFO are always heard; tones in the audio where the far "
        "end takes no telephone events, or with In the audio.",
    )
    ptime = SelectField(
        "Packet length",
        coerce=int,
        choices=[SelectChoice(length, f"{length} ms") for length in PTIMES],
        default=20,
        description="What we ask for; what we send is as they ask.",
    )
    g722 = BooleanField(
        "G.722", description="Offer it before G.711, for telephones and exchanges that speak nothing else."
    )
    register = BooleanField("Register before calling", description="Where the carrier wants a registration.")
    route = StringField(
        "Group",
        [Optional(), Length(max=64)],
        description="Trunks of one group carry the calls of a campaign that has any of them. Empty: it stands alone.",
    )
    priority = IntegerField(
        "Priority", [Optional(), NumberRange(0, 1000)], default=0, description="In its group, the lowest goes first."
    )
    weight = IntegerField(
        "Weight",
        [Optional(), NumberRange(0, 1000)],
        default=1,
        description="The share of calls among equal priorities.",
    )
    country = StringField(
        "Country",
        [Optional(), Length(max=2)],
        description="Where it leads into the telephone network, such as US: dialing rules are checked by its numbers.",
        render_kw={"autocapitalize": "characters", "spellcheck": "false"},
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
            proxy=self.proxy.data or "",
            gateways=tuple((self.gateways.data or "").split()),
            redirects=tuple((self.redirects.data or "").replace(",", " ").split()),
            transfers=tuple((self.transfers.data or "").replace(",", " ").split()),
            domain=self.domain.data or "",
            register=self.register.data,
            route=self.route.data or "",
            priority=self.priority.data or 0,
            weight=1 if self.weight.data is None else self.weight.data,
            ptime=self.ptime.data,
            keys=self.keys.data,
            srtp=self.srtp.data,
            g722=self.g722.data,
            country=self.country.data or "",
        )

    @staticmethod
    def filled(trunk: Trunk) -> dict[str, Any]:
        settings = trunk.signalling
        return {
            **{name: getattr(trunk, name) for name in _SAME},
            **{name: settings.get(name) for name in ("proxy", "domain", "register")},
            **{name: settings[name] for name in MEDIA if name in settings},
            "gateways": "\n".join(settings.get("gateways", ())),
            "redirects": ", ".join(settings.get("redirects", ())),
            "transfers": ", ".join(settings.get("transfers", ())),
        }


#: Fields that are the trunk's columns as they are.
_SAME = (
    *("name", "host", "port", "transport", "username", "max_channels", "calls_per_second", "line", "simulated"),
    *("route", "priority", "weight", "country"),
)
