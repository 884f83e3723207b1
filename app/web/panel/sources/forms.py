from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.models import DataSource, ImportMode, OnDuplicate
from app.services.importing import MOST_REMOVED, Choices
from app.services.importing.encodings import AUTO
from app.services.sources import AFTERWARDS, Kind, Repeats, Schedule, SourceFields
from app.web.panel.lists.forms import HELD_WORDS, MODES
from common.errors import Refused

_KINDS = {
    Kind.FOLDER: "Watched folder",
    Kind.SFTP: "SFTP",
    Kind.FTPS: "FTPS (FTP with TLS)",
    Kind.FTP: "FTP (open to everyone on the way)",
    Kind.SQL: "Database query",
}
_REPEATS = {
    Repeats.NEVER: "Only when I say so",
    Repeats.ONCE: "Once",
    Repeats.EVERY: "Every so many minutes",
    Repeats.CRON: "By a cron expression",
}
_AFTERWARDS = {
    "leave": "Leave it; a changed one is taken again",
    "delete": "Delete it",
    "move": "Move it to the folder processed or failed",
}
_PLAIN = {"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}


class SourceForm(FlaskForm):
    name = StringField("Name", [InputRequired("Give the source a name."), Length(max=120)])
    kind = SelectField("Kind", choices=[SelectChoice(kind.value, words) for kind, words in _KINDS.items()])
    folder = StringField(
        "Folder",
        render_kw=_PLAIN,
        description="A name. The folder lies in the state directory, in drop and the organization's number; "
        "what lies still there is taken, and moved to processed or failed.",
    )
    host = StringField("Host", render_kw=_PLAIN, description="Such as files.example.com.")
    port = IntegerField("Port", [Optional()], description="Empty is the usual one.")
    username = StringField("Login", [Optional(), Length(max=255)], render_kw=_PLAIN)
    url = StringField(
        "Database",
        [Optional(), Length(max=500)],
        render_kw=_PLAIN,
        description="An SQLAlchemy URL without password, such as postgresql+psycopg://reader@db.example.com/crm.",
    )
    query = TextAreaField(
        "Query",
        [Optional(), Length(max=20_000)],
        render_kw={"rows": 4, "spellcheck": "false", "class": "mono"},
        description="Begins with SELECT or WITH. Give the login an account that only reads.",
    )
    secret = PasswordField("Password", [Optional(), Length(max=10_000)], render_kw={"autocomplete": "new-password"})
    key = TextAreaField(
        "Or a private key",
        [Optional(), Length(max=10_000)],
        render_kw={"rows": 3, "spellcheck": "false", "autocomplete": "off"},
        description="For SFTP, in OpenSSH's form without a passphrase. It is kept encrypted and never shown again.",
    )
    forget_secret = BooleanField("Remove the password or key")
    fingerprint = StringField(
        "Fingerprint",
        render_kw=_PLAIN,
        description="Of the server's host key (SFTP) or certificate (FTPS). Test the connection to see it.",
    )
    path = StringField("Folder on the server", [Optional(), Length(max=255)], render_kw=_PLAIN)
    pattern = StringField("Files", default="*", render_kw=_PLAIN, description="With * and ?, such as people-*.csv.")
    afterwards = SelectField(
        "With a file that was taken", choices=[SelectChoice(name, _AFTERWARDS[name]) for name in AFTERWARDS]
    )
    repeats = SelectField("When", choices=[SelectChoice(one.value, words) for one, words in _REPEATS.items()])
    at = StringField("At", description="Date and time, such as 2026-03-31T14:30.", render_kw=_PLAIN)
    minutes = IntegerField("Minutes", [Optional()], default=60)
    cron = StringField(
        "Cron",
        description="Minute, hour, day, month, weekday; 30 6 * * 1-5 is 6:30 on weekdays.",
        render_kw=_PLAIN,
    )
    zone = StringField("In the time zone", default="UTC", description="Such as America/New_York.", render_kw=_PLAIN)
    on_duplicate = SelectField(
        "A row of a known contact",
        choices=[
            SelectChoice(OnDuplicate.UPDATE.value, "Changes the contact"),
            SelectChoice(OnDuplicate.SKIP.value, "Is passed over"),
        ],
    )
    mode = SelectField("What a file is", choices=[SelectChoice(mode.value, words) for mode, words in MODES.items()])
    most_removed = IntegerField(
        "Percent that may be taken out without asking", [Optional()], default=MOST_REMOVED, description=HELD_WORDS
    )
    campaign = SelectField("In which campaign", default="", choices=[SelectChoice("", "All campaigns")])
    encoding = StringField("Encoding", render_kw=_PLAIN, description="Such as windows-1252; empty finds Unicode.")
    delimiter = StringField("Between the columns", [Length(max=1)], render_kw=_PLAIN, description="Empty finds it out.")
    member = StringField("File in a zip", render_kw=_PLAIN)
    sheet = StringField("Sheet of a workbook", render_kw=_PLAIN)
    heading = IntegerField("Line with the columns' names", [Optional()])
    home_country = StringField(
        "Home country",
        [Optional(), Length(2, 2, "Write two letters, such as US.")],
        description="Of numbers without +; empty is the list's.",
    )
    mapping = TextAreaField(
        "Columns",
        render_kw={"rows": 4, "spellcheck": "false", "class": "mono"},
        description="Column=target, one a line, such as Mobile=phone1, or Notes= to leave it out; the rest by name.",
    )

    def offer_campaigns(self, campaigns: Sequence[tuple[int, str]]) -> None:
        self.campaign.choices = [
            SelectChoice("", "All campaigns"),
            *(SelectChoice(str(k), name) for k, name in campaigns),
        ]

    def fields(self) -> SourceFields:
        """Raise Refused for a line of the mapping that is none."""
        secret = self.key.data or self.secret.data or None
        return SourceFields(
            name=self.name.data or "",
            kind=self.kind.data,
            schedule=Schedule(
                self.repeats.data,
                self.zone.data or "UTC",
                self.at.data or "",
                self.minutes.data or 0,
                self.cron.data or "",
            ),
            choices=Choices(
                self.member.data or "",
                self.sheet.data or "",
                (self.encoding.data or "").strip() or AUTO,
                self.delimiter.data or "",
                max(self.heading.data or 0, 0),
                (self.home_country.data or "").strip().upper(),
            ),
            mapping=_mapping(self.mapping.data or ""),
            on_duplicate=self.on_duplicate.data or OnDuplicate.UPDATE,
            mode=self.mode.data or ImportMode.DELTA,
            campaign_id=int(self.campaign.data) if self.campaign.data else None,
            most_removed=MOST_REMOVED if self.most_removed.data is None else self.most_removed.data,
            secret="" if self.forget_secret.data else secret,
            **{name: getattr(self, name).data or "" for name in _TEXTS},
            port=self.port.data or 0,
            afterwards=self.afterwards.data or "leave",
        )

    def show(self, source: DataSource) -> None:
        """What is kept, without the secret."""
        values: dict[str, Any] = {"name": source.name, "kind": source.kind, "on_duplicate": source.on_duplicate}
        values |= {"mode": source.mode, "most_removed": source.most_removed, "campaign": str(source.campaign_id or "")}
        values |= {**source.place, **source.schedule}
        values |= {**source.choices, "encoding": source.choices.get("encoding", AUTO).removeprefix(AUTO)}
        values["mapping"] = "\n".join(f"{column}={target}" for column, target in source.mapping.items())
        for name, value in values.items():
            if name in self._fields:
                self._fields[name].data = value

    def blame(self, problem: str) -> None:
        name, _, mend = problem.partition(": ")
        field = self._fields.get(name)
        if field is None:
            field, mend = self.name, problem
        field.errors = [*field.errors, mend[:1].upper() + mend[1:]]


_TEXTS = ("folder", "host", "username", "url", "query", "fingerprint", "path", "pattern")


def _mapping(text: str) -> dict[str, str]:
    mapping = {}
    for number, line in enumerate(text.splitlines(), 1):
        column, equals, target = line.rpartition("=")
        if line.strip() and not (equals and column.strip()):
            raise Refused(f"mapping: line {number} is no column and target; write such as Mobile=phone1")
        if line.strip():
            mapping[column.strip()] = target.strip()
    return mapping
