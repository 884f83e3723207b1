"""When a data source is fetched next. Pure: `now` is a parameter; daylight saving is the zone's own.

A cron time that a clock passes over comes at the moment after the gap, one that comes twice counts the first time;
times by interval (`*/30`) count every time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from app.core.calendars import is_known_zone
from common.errors import Refused

_LONGEST_CRON = 120
#: Minutes between two fetches: a month at most.
_MOST_MINUTES = 31 * 24 * 60


class Repeats(StrEnum):
    #: Only when somebody says so.
    NEVER = "never"
    ONCE = "once"
    EVERY = "every"
    CRON = "cron"


@dataclass(frozen=True, slots=True)
class Schedule:
    """`at` is the wall clock in `zone`, such as 2026-03-31T14:30; `minutes` is the time between two fetches."""

    repeats: str = Repeats.NEVER
    zone: str = "UTC"
    at: str = ""
    minutes: int = 0
    cron: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**data)


def check(schedule: Schedule) -> Schedule:
    """Raise Refused naming field and mend."""
    if not is_known_zone(schedule.zone):
        raise Refused("zone: is not a known time zone; write one such as America/New_York")
    if schedule.repeats == Repeats.ONCE:
        _moment(schedule)
    elif schedule.repeats == Repeats.EVERY:
        if not 1 <= schedule.minutes <= _MOST_MINUTES:
            raise Refused(f"minutes: give a whole number from 1 to {_MOST_MINUTES:,}")
    elif schedule.repeats == Repeats.CRON:
        _times(schedule, datetime(2026, 1, 1, tzinfo=UTC))
    elif schedule.repeats != Repeats.NEVER:
        raise Refused(f"repeats: use one of {', '.join(Repeats)}")
    return schedule


def first_run(schedule: Schedule, now: datetime) -> datetime | None:
    """Of a source that has just been made or whose schedule was changed."""
    if schedule.repeats == Repeats.ONCE:
        return _moment(schedule)
    return now if schedule.repeats == Repeats.EVERY else next_run(schedule, now)


def next_run(schedule: Schedule, now: datetime) -> datetime | None:
    """After a fetch that ended now; None for no further one. Times that passed meanwhile are not made up for."""
    if schedule.repeats == Repeats.EVERY:
        return now + timedelta(minutes=schedule.minutes)
    if schedule.repeats == Repeats.CRON:
        found = next(_times(schedule, now), None)
        return found.astimezone(UTC) if found else None
    return None


def _times(schedule: Schedule, after: datetime) -> CronSim:
    try:
        if len(schedule.cron) > _LONGEST_CRON or len(schedule.cron.split()) != 5:
            raise CronSimError("five fields are needed")
        times = CronSim(schedule.cron, after.astimezone(ZoneInfo(schedule.zone)))
        if next(iter(CronSim(schedule.cron, after)), None) is None:
            raise CronSimError("no such day comes in fifty years")
    except CronSimError as error:
        raise Refused(f"cron: {error}; write minute, hour, day, month and weekday, such as 30 6 * * 1-5") from error
    return times


def _moment(schedule: Schedule) -> datetime:
    try:
        wall = datetime.fromisoformat(schedule.at)
    except ValueError:
        raise Refused("at: is not a date and time; write it such as 2026-03-31T14:30") from None
    if wall.tzinfo is not None:
        raise Refused("at: takes no offset; the zone says where this clock hangs")
    # A time in the gap is read with the offset before it, which is the moment after the gap; one of two is the first.
    return wall.replace(tzinfo=ZoneInfo(schedule.zone), fold=0).astimezone(UTC)
