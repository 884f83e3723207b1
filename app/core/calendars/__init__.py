"""Calling windows, places with their zones, and holidays."""

from __future__ import annotations

from app.core.calendars.holidays import NO_HOLIDAYS, Holiday, HolidayRules, has_public_calendar
from app.core.calendars.hours import WEEKDAYS, Hours, parse_hours
from app.core.calendars.places import Known, Place, Source, ZoneMap, ZoneRule, place_of, state_key
from app.core.calendars.window import (
    NEVER_OPEN,
    Opening,
    WindowState,
    is_known_zone,
    openings_state,
    read_hours,
    window_state,
)

__all__ = [
    "NEVER_OPEN",
    "NO_HOLIDAYS",
    "WEEKDAYS",
    "Holiday",
    "HolidayRules",
    "Hours",
    "Known",
    "Opening",
    "Place",
    "Source",
    "WindowState",
    "ZoneMap",
    "ZoneRule",
    "has_public_calendar",
    "is_known_zone",
    "openings_state",
    "parse_hours",
    "place_of",
    "read_hours",
    "state_key",
    "window_state",
]
