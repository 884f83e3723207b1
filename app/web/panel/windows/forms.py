from __future__ import annotations

from typing import Any

from wtforms import StringField
from wtforms.validators import InputRequired, Length, Optional

from app.core.calendars import WEEKDAYS
from app.models import CallingWindow
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
        return WindowFields(self.name.data, hours, self.source.data or "")

    @property
    def days(self) -> list[Any]:
        return [self[day] for day in WEEKDAYS]

    @staticmethod
    def filled(window: CallingWindow | WindowFields) -> dict[str, Any]:
        hours = {day: write_spans(window.hours.get(day, ())) for day in WEEKDAYS}
        return {"name": window.name, "source": window.source, **hours}
