"""Is the time right where the person is: calling window, guard times, the strategy's contact time, holidays. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from app.core.calendars import (
    NEVER_OPEN,
    NO_HOLIDAYS,
    WEEKDAYS,
    Holiday,
    HolidayRules,
    Hours,
    Opening,
    Place,
    openings_state,
    read_hours,
)
from common import errors

#: How far ahead holidays are known when the end of a refusal is looked for.
_AHEAD = timedelta(days=370)


class GuardScope(StrEnum):
    ZONE = "zone"
    STATE = "state"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True)
class Guard:
    """Hours that hold beside every calling window, for people of a zone ("America/New_York"), a state ("US-FL") or a
    country ("FR")."""

    scope: GuardScope
    key: str
    hours: Hours
    name: str = ""

    def opening(self, place: Place) -> Opening | None:
        if self.scope is GuardScope.ZONE:
            return Opening(self.hours, (self.key,)) if self.key in place.zones else None
        concerned = self.key in place.states if self.scope is GuardScope.STATE else self.key == place.country
        return Opening(self.hours, place.zones) if concerned else None


@dataclass(frozen=True, slots=True)
class Untimely:
    """`until` is when the time will be right; None where it never will. `dropped`: a holiday that gives people up."""

    text: str
    until: datetime | None
    holiday: bool = False
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one attempt has to keep to. `hours` None is around the clock; `earliest`, `latest` the strategy's own."""

    hours: Mapping[str, Any] | None
    guards: tuple[Guard, ...] = ()
    holidays: HolidayRules = NO_HOLIDAYS
    earliest: time | None = None
    latest: time | None = None


def untimely(limits: Limits, place: Place, now: datetime) -> Untimely | None:
    """None while the time is right."""
    try:
        named = tuple(_openings(limits, place))
    except errors.Refused as error:
        return Untimely(str(error), None)
    if not named:
        return None
    first = named[0][1]
    days = _closed_days(limits.holidays, place.country, place.states, (now - timedelta(days=1)).date())
    closing = Opening(first.hours, first.zones, frozenset(days)) if days else first
    state = openings_state((closing, *(opening for _, opening in named[1:])), now)
    if state.is_open:
        return None
    if state.until is None and state.reason != NEVER_OPEN:
        return Untimely(state.reason, None)
    holiday = next((days[today] for today in _dates(place, now) if today in days), None)
    if holiday is not None:
        text = f"{holiday.name} on {holiday.day.isoformat()}"
        return Untimely(text, None if holiday.drop else state.until, holiday=True, dropped=holiday.drop)
    words = next((words for words, opening in named if not openings_state((opening,), now).is_open), named[0][0])
    where = f"{words} in {', '.join(place.zones)}"
    return Untimely(where if state.until else f"{where}: {state.reason}", state.until)


def _openings(limits: Limits, place: Place) -> Iterator[tuple[str, Opening]]:
    if limits.hours is not None:
        yield "outside the calling window", Opening(read_hours(limits.hours), place.zones)
        for guard in limits.guards:
            opening = guard.opening(place)
            if opening is not None:
                yield f"outside the guard time {guard.name or guard.key}", opening
    if limits.earliest not in (None, time()) or limits.latest is not None:
        yield "outside the strategy's contact time", Opening(_contact_time(limits.earliest, limits.latest), place.zones)


@lru_cache(maxsize=256)
def _contact_time(earliest: time | None, latest: time | None) -> Hours:
    start = earliest.strftime("%H:%M") if earliest else "00:00"
    # A pair whose end is not after its start wraps midnight, so 00:00 is the end of the day.
    end = latest.strftime("%H:%M") if latest else "00:00"
    return read_hours({day: [[start, end]] for day in WEEKDAYS})


@lru_cache(maxsize=1024)
def _closed_days(rules: HolidayRules, country: str, states: tuple[str, ...], since: date) -> Mapping[date, Holiday]:
    """From `since` on; of several holidays on one day the one that gives people up."""
    place = Place(country=country, states=states)
    years = range(since.year, (since + _AHEAD).year + 1)
    found = sorted(rules.of(place, years), key=lambda holiday: holiday.drop)
    return {holiday.day: holiday for holiday in found if holiday.day >= since}


def _dates(place: Place, now: datetime) -> list[date]:
    return sorted({now.astimezone(ZoneInfo(zone)).date() for zone in place.zones})
