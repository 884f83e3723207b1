"""Is it time to call, and when does that change?

An opening is a week's hours in all the zones the person may be in, less the dates that are closed there. A moment is
inside when every clock on a wall concerned shows a time inside: zones and openings are intersected. That definition
needs no special case for daylight saving: an hour that is skipped is never shown, one that is repeated is shown twice.
What cannot be read (an unknown zone, no zone) is closed.
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
#: How far to look for the end of a run of closed dates.
_FARTHEST = 400
NEVER_OPEN = "no time is inside in all its zones"


@dataclass(frozen=True, slots=True)
class WindowState:
    """`until` is when the state changes next; None where it never does (or nobody can tell)."""

    is_open: bool
    until: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """`zones` are IANA names; `closed` are dates on those zones' calendars."""

    hours: Hours
    zones: tuple[str, ...]
    closed: frozenset[date] = frozenset()


def window_state(hours: Mapping[str, Any], zones: Sequence[str], now: datetime) -> WindowState:
    """`hours` as `parse_hours` reads them; `zones` are IANA names, `now` is aware."""
    try:
        parsed = read_hours(hours)
    except Refused as error:
        return WindowState(False, None, str(error))
    return openings_state((Opening(parsed, tuple(dict.fromkeys(zones))),), now)


def read_hours(hours: Mapping[str, Any]) -> Hours:
    """As the database keeps them. Raise Refused where nobody can read them."""
    try:
        return _parsed(tuple((day, tuple(tuple(pair) for pair in pairs)) for day, pairs in hours.items()))
    except (Refused, TypeError, AttributeError) as error:
        raise Refused(f"the calling window cannot be read: {error}") from error


def openings_state(openings: tuple[Opening, ...], now: datetime) -> WindowState:
    """Open while every one of `openings` is; `now` is aware."""
    for opening in openings:
        if not opening.zones:
            return WindowState(False, None, "the time zone is unknown")
        unknown = [zone for zone in opening.zones if not is_known_zone(zone)]
        if unknown:
            return WindowState(False, None, f"{unknown[0]} is not a known time zone")
    now = now.astimezone(UTC)
    is_open = _is_open(openings, now)
    until = _next_change(openings, now)
    if is_open:
        return WindowState(True, until)
    return WindowState(False, until, "outside the calling window" if until else NEVER_OPEN)


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


def _is_open(openings: tuple[Opening, ...], moment: datetime) -> bool:
    for opening in openings:
        for zone in opening.zones:
            local = moment.astimezone(ZoneInfo(zone))
            if local.date() in opening.closed or not opening.hours.contain(local.weekday(), local.time()):
                return False
    return True


def _next_change(openings: tuple[Opening, ...], now: datetime) -> datetime | None:
    """Dates that are closed one after the other may go beyond the days that one look covers."""
    last_closed = max((max(opening.closed) for opening in openings if opening.closed), default=now.date())
    day = now.date()
    farthest = day + timedelta(days=_FARTHEST)
    while True:
        changes = _changes(openings, day)
        index = bisect_right(changes, now)
        if index < len(changes):
            return changes[index]
        day += timedelta(days=_DAYS_AHEAD - 2)
        if day > min(last_closed + timedelta(days=1), farthest):
            return None


@lru_cache(maxsize=4096)
def _changes(openings: tuple[Opening, ...], day: date) -> tuple[datetime, ...]:
    """Every moment from `day` (UTC) on, for some days, at which open turns to closed or back."""
    pairs = {(opening.hours, zone) for opening in openings for zone in opening.zones}
    candidates = sorted({moment for hours, zone in pairs for moment in _edges(hours, zone, day)})
    start = datetime.combine(day, time(), UTC)
    changes, before = [], _is_open(openings, start)
    for moment in candidates:
        if moment > start and (after := _is_open(openings, moment)) != before:
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
