from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from wtforms import BooleanField, DecimalField, IntegerField, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.services.pacing_trials import MODES, MOST_HOURS, MOST_SHIFTS, Wanted
from app.web.panel.owned import OwnedForm
from app.web.words import MODE_NAMES

#: What a person writes is exact; the float 0.1 is more than that.
_TENTH = Decimal("0.1")


class TrialForm(OwnedForm):
    elsewhere: ClassVar[dict[str, str]] = {"hit_rate, machines, busy and failed add up to more than 1": "hit_rate"}

    campaigns = SelectMultipleField(
        "Campaigns",
        coerce=int,
        widget=ListWidget(html_tag="ul", prefix_label=False),
        option_widget=CheckboxInput(),
        description="None: the traffic of all as one. Several: on the same agents, lines and calls per second, each "
        "with its own traffic, and with the weight, priority and ports of its pacing.",
    )
    days = SelectField(
        "Time",
        coerce=int,
        default=7,
        choices=[
            SelectChoice("7", "Last week"),
            SelectChoice("30", "Last 30 days"),
            SelectChoice("0", "None: typical figures"),
        ],
        description="How calls ended, how long they rang and lasted is taken from these attempts.",
    )
    modes = SelectMultipleField(
        "Pacing",
        choices=[SelectChoice(mode, MODE_NAMES[mode]) for mode in MODES],
        default=["predictive", "progressive"],
        widget=ListWidget(html_tag="ul", prefix_label=False),
        option_widget=CheckboxInput(),
    )
    agents = IntegerField("Agents", [InputRequired(), NumberRange(1, 1000)], default=20)
    hours = DecimalField("Hours of a shift", [InputRequired(), NumberRange(_TENTH, MOST_HOURS)], default=4, places=None)
    limit = DecimalField(
        "Abandonment limit, %",
        [InputRequired(), NumberRange(_TENTH, 20)],
        default=3,
        places=None,
        description="Of the people who answer, how many may meet no agent within two seconds.",
    )
    wrapup = DecimalField(
        "Wrap-up, seconds", [InputRequired(), NumberRange(0, 3600)], default=20, places=None, description="On average."
    )
    talk = DecimalField(
        "Talk, seconds",
        [Optional(), NumberRange(1, 7200)],
        places=None,
        description="On average; empty is as long as the calls lasted.",
    )
    hit_rate = DecimalField(
        "People who answer, % of calls",
        [Optional(), NumberRange(_TENTH, 100)],
        places=None,
        description="Empty: as seen.",
    )
    preview = DecimalField(
        "Look at a contact, seconds",
        [InputRequired(), NumberRange(0, 3600)],
        default=15,
        places=None,
        description="Previews and manual, on average.",
    )
    preview_seconds = DecimalField(
        "Timed preview dials after, seconds", [InputRequired(), NumberRange(0, 3600)], default=15, places=None
    )
    detection = BooleanField("Tell machines from people", description="Agents get people only, some of them later.")
    lines = IntegerField("Lines", [Optional(), NumberRange(1, 10_000)], description="Empty: enough.")
    calls_per_second = DecimalField("Calls per second", [Optional(), NumberRange(Decimal("0.01"), 1000)], places=None)
    shifts = IntegerField(
        "Shifts",
        [InputRequired(), NumberRange(1, MOST_SHIFTS)],
        default=3,
        description="Each with other luck; more tell more and take longer.",
    )

    def wanted(self) -> Wanted:
        return Wanted(
            modes=self.modes.data or (),
            agents=self.agents.data or 0,
            hours=float(self.hours.data or 0),
            campaign_ids=tuple(dict.fromkeys(self.campaigns.data or ())),
            days=self.days.data,
            hit_rate=float(self.hit_rate.data) / 100 if self.hit_rate.data is not None else None,
            talk=float(self.talk.data) if self.talk.data is not None else None,
            wrapup=float(self.wrapup.data or 0),
            preview=float(self.preview.data or 0),
            preview_seconds=float(self.preview_seconds.data or 0),
            limit=float(self.limit.data or 0) / 100,
            detection=self.detection.data,
            lines=self.lines.data,
            calls_per_second=float(self.calls_per_second.data) if self.calls_per_second.data is not None else None,
            shifts=self.shifts.data or 0,
        )
