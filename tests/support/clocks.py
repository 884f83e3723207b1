"""The window check's oracle: for every minute, what the clock on the wall shows, and whether that is inside.

It shares nothing with the code under test but the zone's offset at a moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from app.core.calendars import WEEKDAYS

MINUTE = timedelta(minutes=1)
_HOUR, _WEEK = 60, 7 * 24 * 60
Bools = npt.NDArray[np.bool_]


def offsets(zone: str, start: datetime, minutes: int) -> npt.NDArray[np.int64]:
    """The zone's offset (minutes, rounded down) at each minute from `start`; changes are looked for hour by hour."""
    info = ZoneInfo(zone)

    def at(minute: int) -> int:
        offset = (start + minute * MINUTE).astimezone(info).utcoffset()
        assert offset is not None
        return int(offset.total_seconds() // 60)

    found = np.empty(minutes, np.int64)
    for begin in range(0, minutes, _HOUR):
        end = min(begin + _HOUR, minutes)
        if (first := at(begin)) == at(end):
            found[begin:end] = first
        else:
            found[begin:end] = [at(minute) for minute in range(begin, end)]
    return found


def open_minutes(hours: Mapping[str, Sequence[Sequence[str]]], zone: str, start: datetime, minutes: int) -> Bools:
    """For each minute from `start`: does the wall show a time inside?"""
    week = np.zeros(_WEEK, np.bool_)
    for day, pairs in hours.items():
        base = WEEKDAYS.index(day) * 24 * 60
        for first, last in pairs:
            begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in (first, last))
            length = end - begin if begin < end else end + 24 * 60 - begin
            for minute in range(length):
                week[(base + begin + minute) % _WEEK] = True
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    since = int((start - monday) / MINUTE)
    return week[(since + np.arange(minutes) + offsets(zone, start, minutes)) % _WEEK]


def changes_of_offset(zone: str, start: datetime, end: datetime) -> list[datetime]:
    """The moments at which the zone's clocks are put forward or back."""
    found = offsets(zone, start, int((end - start) / MINUTE))
    return [start + int(index + 1) * MINUTE for index in np.flatnonzero(np.diff(found))]
