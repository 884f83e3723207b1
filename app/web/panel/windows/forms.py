from __future__ import annotations

from typing import Any

from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.core.calendars import WEEKDAYS
from app.models import CallingWindow, OnHoliday
from app.services.windows import WindowFields, read_spans, write_spans
from app.web.panel.owned import OwnedForm


def _day(name: str) -> StringField:
    return StringField(name, [Optional(), Length(max=120)], render_kw={"placeholder": "Closed", "spellcheck": "false"})


class WindowForm(OwnedForm):
    name = StringField("Name", [InputRequired("Give the calling window a name."), Length(max=120)])
    source = StringField(
        "Source",
        [Optional(), Length(max=255)],
        description="The rule the hours come from, and when you last looked at it; kept for audits.",
    )
    public_holidays = SelectField(
        "Public holidays",
        default=OnHoliday.IGNORE.value,
        choices=[
            SelectChoice(OnHoliday.IGNORE.value, "Like other days"),
            SelectChoice(OnHoliday.SKIP.value, "Nobody is called; contacts wait"),
            SelectChoice(OnHoliday.DROP.value, "Nobody is called; contacts are given up"),
        ],
        description="Those of the person's country, and of the state where it is known.",
    )
    mon = _day("Monday")
    tue = _day("Tuesday")
    wed = _day("Wednesday")
    thu = _day("Thursday")
    fri = _day("Friday")
    sat = _day("Saturday")
    sun = _day("Sunday")

    def values(self) -> WindowFields:
        """Raise Refused where a day cannot be read."""
        hours = {day: read_spans(day, self[day].data or "") for day in WEEKDAYS}
        return WindowFields(self.name.data, hours, self.source.data or "", self.public_holidays.data)

    @property
    def days(self) -> list[Any]:
        return [self[day] for day in WEEKDAYS]

    @staticmethod
    def filled(window: CallingWindow | WindowFields) -> dict[str, Any]:
        hours = {day: write_spans(window.hours.get(day, ())) for day in WEEKDAYS}
        more = {"source": window.source, "public_holidays": window.public_holidays}
        return {"name": window.name, **more, **hours}
