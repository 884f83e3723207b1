"""A calling window as seven rows to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from app.core.calendars import WEEKDAYS, parse_hours
from app.core.calendars.hours import MINUTES_A_DAY
from app.services.windows import write_spans

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: What few rules anywhere allow: before 8:00 and after 21:30.
_EARLY, _LATE = 8 * 60, 21 * 60 + 30


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes of the day; `unusual` for early mornings, late evenings and nights."""

    start: int
    length: int
    unusual: bool


@dataclass(frozen=True, slots=True)
class Day:
    name: str
    spans: tuple[Span, ...]
    #: As it is written; what began the evening before is not in it.
    text: str


def week(hours: Mapping[str, Any], *, always_open: bool = False) -> tuple[Day, ...]:
    written = {day: [("00:00", "24:00")] for day in WEEKDAYS} if always_open else hours
    parsed = parse_hours(written)
    return tuple(
        Day(name, tuple(_pieces(spans)), write_spans(written.get(day, ())))
        for name, day, spans in zip(DAY_NAMES, WEEKDAYS, parsed.spans, strict=True)
    )


def has_unusual(days: tuple[Day, ...]) -> bool:
    return any(span.unusual for day in days for span in day.spans)


def _pieces(spans: tuple[tuple[int, int], ...]) -> list[Span]:
    """The spans cut where usual hours begin and end."""
    pieces = []
    for start, end in spans:
        edges = [start, *(edge for edge in (_EARLY, _LATE) if start < edge < end), min(end, MINUTES_A_DAY)]
        for left, right in pairwise(edges):
            pieces.append(Span(left, right - left, not _EARLY <= left < _LATE))
    return pieces
