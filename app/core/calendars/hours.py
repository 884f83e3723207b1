"""Opening hours by weekday, as a calling window keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time

from common.errors import Refused

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


@dataclass(frozen=True, slots=True)
class Hours:
    """`spans[weekday]` (Monday is 0) holds half-open spans of minutes since that day's midnight, sorted and apart.
    What wraps midnight is already split between its two days."""

    spans: tuple[tuple[tuple[int, int], ...], ...]

    def contain(self, weekday: int, clock: time) -> bool:
        minute = clock.hour * 60 + clock.minute
        return any(start <= minute < end for start, end in self.spans[weekday])


def parse_hours(hours: Mapping[str, Sequence[Sequence[str]]]) -> Hours:
    """Read {"mon": [["09:00", "17:00"], ...], ...}; a missing day is closed all day, and a pair whose start is later
    than its end wraps midnight. Raise Refused naming the day and the mend."""
    spans: list[list[tuple[int, int]]] = [[] for _ in WEEKDAYS]
    for day, pairs in hours.items():
        if day not in WEEKDAYS:
            raise Refused(f"{day}: no such day; use {', '.join(WEEKDAYS)}")
        weekday = WEEKDAYS.index(day)
        for pair in pairs:
            if isinstance(pair, str) or len(pair) != 2:
                raise Refused(f"{day}: write pairs of start and end, such as 09:00 and 17:00")
            start, end = (_minutes(day, text) for text in pair)
            if start in (end, MINUTES_A_DAY):
                raise Refused(f"{day}: {pair[0]} to {pair[1]} is no time at all; for the whole day use 00:00 to 24:00")
            if start < end:
                spans[weekday].append((start, end))
            else:
                spans[weekday].append((start, MINUTES_A_DAY))
                if end:
                    spans[(weekday + 1) % 7].append((0, end))
    return Hours(tuple(_joined(day) for day in spans))


def _minutes(day: str, text: str) -> int:
    if not _CLOCK.fullmatch(str(text)):
        raise Refused(f"{day}: {text!r} is not a time of day; write HH:MM, from 00:00 to 24:00")
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)
