from __future__ import annotations

from typing import ClassVar

from wtforms import DateField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.core.calendars import WEEKDAYS
from app.core.compliance import GuardScope
from app.models import LineKind, OnHoliday
from app.services.calendars import HolidayFields, ZoneRuleFields
from app.services.windows import read_spans
from app.web.panel.owned import OwnedForm


class HolidayForm(OwnedForm):
    day = DateField("Date", [InputRequired("Choose the date.")])
    name = StringField("Name", [InputRequired("Give the holiday a name."), Length(max=120)])
    country = StringField("Country", [Optional(), Length(2, 2, "Write two letters, such as US.")])
    state = StringField("State", [Optional(), Length(max=16)], description="Such as FL; empty is the whole country.")
    campaign_id = SelectField("Campaign", coerce=int, default=0)
    effect = SelectField(
        "Contacts",
        default=OnHoliday.SKIP.value,
        choices=[
            SelectChoice(OnHoliday.SKIP.value, "Wait for the next day"),
            SelectChoice(OnHoliday.DROP.value, "Are given up in the job"),
        ],
    )

    def values(self) -> HolidayFields:
        assert self.day.data is not None
        return HolidayFields(
            self.day.data,
            self.name.data or "",
            self.country.data or "",
            self.state.data or "",
            self.campaign_id.data or None,
            self.effect.data,
        )


class GuardForm(OwnedForm):
    elsewhere: ClassVar[dict[str, str]] = dict.fromkeys((*WEEKDAYS, "hours"), "weekdays")

    scope = SelectField(
        "For people of a",
        choices=[
            SelectChoice(GuardScope.STATE.value, "State"),
            SelectChoice(GuardScope.ZONE.value, "Time zone"),
            SelectChoice(GuardScope.COUNTRY.value, "Country"),
        ],
    )
    key = StringField(
        "Which",
        [InputRequired("Say which one."), Length(max=64)],
        description="US-FL, America/New_York or FR.",
        render_kw={"spellcheck": "false"},
    )
    weekdays = StringField("Monday to Friday", [Optional(), Length(max=120)], render_kw={"placeholder": "Closed"})
    saturday = StringField("Saturday", [Optional(), Length(max=120)], render_kw={"placeholder": "Closed"})
    sunday = StringField(
        "Sunday",
        [Optional(), Length(max=120)],
        description="Spans such as 09:00-12:00, 13:00-20:00.",
        render_kw={"placeholder": "Closed"},
    )
    source = StringField("Source", [Optional(), Length(max=255)], description="The rule the hours come from.")

    def hours(self) -> dict[str, list[list[str]]]:
        """Raise Refused where a day cannot be read."""
        texts = {**dict.fromkeys(WEEKDAYS[:5], self.weekdays.data), "sat": self.saturday.data, "sun": self.sunday.data}
        return {day: read_spans(day, text or "") for day, text in texts.items()}


class ZoneForm(OwnedForm):
    prefix = StringField(
        "Numbers or postcodes that begin with",
        [InputRequired("Give the first digits."), Length(max=24)],
        description="+1212 for numbers; US:902 for postcodes.",
        render_kw={"spellcheck": "false"},
    )
    first = StringField("From", [Optional(), Length(max=12)], description="Digits after those, such as 200.")
    last = StringField("To", [Optional(), Length(max=12)], description="Such as 599; both empty is every number.")
    zones = StringField(
        "Time zones",
        [InputRequired("Give the time zone."), Length(max=900)],
        description="Such as America/New_York; several by commas: all of them count.",
        render_kw={"spellcheck": "false"},
    )
    state = StringField("State", [Optional(), Length(max=16)])
    line = SelectField(
        "Line",
        default=LineKind.UNKNOWN.value,
        choices=[
            SelectChoice(LineKind.UNKNOWN.value, "Not known"),
            SelectChoice(LineKind.WIRED.value, "Wired"),
            SelectChoice(LineKind.WIRELESS.value, "Wireless"),
        ],
    )
    note = StringField("Note", [Optional(), Length(max=255)])

    def values(self) -> ZoneRuleFields:
        return ZoneRuleFields(
            self.prefix.data or "",
            (self.zones.data or "").split(","),
            self.state.data or "",
            self.line.data,
            self.first.data or "",
            self.last.data or "",
            self.note.data or "",
        )
