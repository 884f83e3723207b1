"""Is a calling window open now, and when does that change?

A moment is inside when the clock on the wall shows a time inside, in every zone the person may be in: the windows of
all zones are intersected. That definition needs no special case for daylight saving: an hour that is skipped is never
shown, one that is repeated is shown twice. What cannot be read (an unknown zone, no zone) is closed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from app.core.calendars.hours import Hours, parse_hours
from common.errors import Refused

#: A week shows every weekday; the second one covers spans that a week's edge or daylight saving cuts.
_DAYS_AHEAD = 9


@dataclass(frozen=True, slots=True)
class WindowState:
    """`until` is when the state changes next; None where it never does (or nobody can tell)."""

    is_open: bool
    until: datetime | None
    reason: str = ""


def window_state(hours: Mapping[str, Any], zones: Sequence[str], now: datetime) -> WindowState:
    """`hours` as `parse_hours` reads them; `zones` are IANA names, `now` is aware."""
    if not zones:
        return WindowState(False, None, "the time zone is unknown")
    unknown = [zone for zone in zones if not is_known_zone(zone)]
    if unknown:
        return WindowState(False, None, f"{unknown[0]} is not a known time zone")
    try:
        parsed = _parsed(tuple((day, tuple(tuple(pair) for pair in pairs)) for day, pairs in hours.items()))
    except (Refused, TypeError, AttributeError) as error:
        return WindowState(False, None, f"the calling window cannot be read: {error}")
    now = now.astimezone(UTC)
    names = tuple(dict.fromkeys(zones))
    changes = _changes(parsed, names, now.date())
    index = bisect_right(changes, now)
    is_open = _is_open(parsed, names, now)
    until = changes[index] if index < len(changes) else None
    return WindowState(is_open, until, "" if is_open else "outside the calling window")


@lru_cache(maxsize=1024)
def is_known_zone(name: str) -> bool:
    """True for an IANA zone of a place (or UTC); names that only look like a path are no zones."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return not name.startswith(("posix", "right", "Etc/Unknown", "Factory", "localtime"))


@lru_cache(maxsize=256)
def _parsed(hours: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]) -> Hours:
    return parse_hours(dict(hours))


def _is_open(hours: Hours, zones: tuple[str, ...], moment: datetime) -> bool:
    for zone in zones:
        local = moment.astimezone(ZoneInfo(zone))
        if not hours.contain(local.weekday(), local.time()):
            return False
    return True


@lru_cache(maxsize=4096)
def _changes(hours: Hours, zones: tuple[str, ...], day: date) -> tuple[datetime, ...]:
    """Every moment from `day` (UTC) on at which open turns to closed or back."""
    candidates = sorted({moment for zone in zones for moment in _edges(hours, zone, day)})
    start = datetime.combine(day, time(), UTC)
    changes, before = [], _is_open(hours, zones, start)
    for moment in candidates:
        if moment > start and (after := _is_open(hours, zones, moment)) != before:
            changes.append(moment)
            before = after
    return tuple(changes)


def _edges(hours: Hours, zone: str, day: date) -> Iterator[datetime]:
    """Moments at which the wall clock of `zone` may step into or out of a span: its edges, each read both ways where
    the hour is repeated, and the changes of the zone's offset."""
    info = ZoneInfo(zone)
    for offset in range(-1, _DAYS_AHEAD):
        local_day = day + timedelta(days=offset)
        midnight = datetime.combine(local_day, time(), info)
        next_midnight = datetime.combine(local_day + timedelta(days=1), time(), info)
        yield midnight.astimezone(UTC)
        if midnight.utcoffset() != next_midnight.utcoffset():
            yield _transition(midnight.astimezone(UTC), next_midnight.astimezone(UTC), info)
        for minute in (edge for span in hours.spans[local_day.weekday()] for edge in span):
            naive = datetime.combine(local_day, time()) + timedelta(minutes=minute)
            for fold in (0, 1):
                yield naive.replace(tzinfo=info, fold=fold).astimezone(UTC)


def _transition(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The minute between two moments at which the zone's offset changes."""
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(minutes=1):
        middle = low + timedelta(minutes=int((high - low) / timedelta(minutes=2)))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
