"""Days on which nobody is called: public holidays of the person's country, and an organization's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import holidays as calendars

from app.core.calendars.places import Place


@dataclass(frozen=True, slots=True)
class Holiday:
    """One date. Without country and state it is everybody's; `state` is such as "US-FL"; `drop` gives the contact up
    where others wait for the next day."""

    day: date
    name: str
    country: str = ""
    state: str = ""
    drop: bool = False

    def concerns(self, place: Place) -> bool:
        if self.state:
            return self.state in place.states
        return self.country in ("", place.country)


@dataclass(frozen=True, slots=True)
class HolidayRules:
    """`public` is "" (public holidays are like other days), "skip" or "drop"."""

    own: tuple[Holiday, ...] = ()
    public: str = ""

    def of(self, place: Place, years: Sequence[int]) -> tuple[Holiday, ...]:
        found = [holiday for holiday in self.own if holiday.concerns(place)]
        if self.public:
            for year in years:
                found += public_holidays(place.country, place.states, year, self.public == "drop")
        return tuple(found)


NO_HOLIDAYS = HolidayRules()


@lru_cache(maxsize=2048)
def public_holidays(country: str, states: tuple[str, ...], year: int, drop: bool) -> tuple[Holiday, ...]:
    """Those of the country, and of each state that is known; none for a country that no calendar has."""
    if country not in _supported():
        return ()
    days: dict[date, str] = {}
    for subdivision in (None, *_subdivisions(country, states)):
        days.update(calendars.country_holidays(country, subdiv=subdivision, years=year))
    return tuple(Holiday(day, name, country, drop=drop) for day, name in sorted(days.items()))


def has_public_calendar(country: str) -> bool:
    return country in _supported()


@lru_cache(maxsize=1)
def _supported() -> dict[str, list[str]]:
    return calendars.list_supported_countries()


def _subdivisions(country: str, states: Iterable[str]) -> list[str]:
    known = _supported()[country]
    return [state.partition("-")[2] for state in states if state.partition("-")[2] in known]
