"""When a day of somebody's own calendar begins, where several zones may be theirs or none is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.core.calendars import is_known_zone

#: How far from UTC the day begins first and last on earth: for people of whom no zone is known.
FIRST_ON_EARTH = timedelta(hours=14)
LAST_ON_EARTH = timedelta(hours=12)


def begins_first(day: date, zones: Sequence[str]) -> datetime:
    """In the earliest of the zones; without a known one in the earliest on earth."""
    moments = _midnights(day, zones)
    return min(moments) if moments else _of_utc(day) - FIRST_ON_EARTH


def begins_last(day: date, zones: Sequence[str]) -> datetime:
    """In the latest of the zones; without a known one in the latest on earth."""
    moments = _midnights(day, zones)
    return max(moments) if moments else _of_utc(day) + LAST_ON_EARTH


def _midnights(day: date, zones: Sequence[str]) -> list[datetime]:
    """A midnight that clocks show twice is there twice; one they pass over is when they do. Empty where any of the
    zones is unknown."""
    if not all(is_known_zone(zone) for zone in zones):
        return []
    midnight = datetime.combine(day, time())
    return [midnight.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for zone in zones for fold in (0, 1)]


def _of_utc(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
