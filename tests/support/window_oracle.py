"""Follows a window from one change to the next and holds every minute of it against the oracle.

`python -m tests.support.window_oracle` does so for every zone and every minute of 2024 to 2030; `script/soak windows`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from zoneinfo import TZPATH, available_timezones

import numpy as np

from app.core.calendars import WEEKDAYS, is_known_zone, window_state
from tests.support.clocks import MINUTE, changes_of_offset, open_minutes

Week = Mapping[str, Sequence[Sequence[str]]]
START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
WEEKS: tuple[Week, ...] = (
    {day: [["08:00", "21:00"]] for day in WEEKDAYS},
    {day: [["22:30", "02:15"]] for day in WEEKDAYS},
    {
        "mon": [["00:00", "24:00"]],
        "tue": [["01:30", "02:30"]],
        "sat": [["23:00", "01:00"]],
        "sun": [["02:00", "03:30"]],
    },
    {day: [["00:30", "01:00"], ["02:59", "03:01"], ["23:59", "00:01"]] for day in WEEKDAYS},
)


def disagreements(week: Week, zone: str, start: datetime, end: datetime) -> list[str]:
    """Where the window check and the oracle differ, in words; both are asked for every minute."""
    minutes = int((end - start) / MINUTE)
    truth = open_minutes(week, zone, start, minutes)
    found, now = [], start
    while now < end:
        state = window_state(week, [zone], now)
        until = min(state.until or end, end)
        span = truth[int((now - start) / MINUTE) : int((until - start) / MINUTE)]
        wrong = np.flatnonzero(span != state.is_open)
        if wrong.size:
            found.append(f"{zone} at {now + int(wrong[0]) * MINUTE}: {'closed' if state.is_open else 'open'} in truth")
        if until < end and truth[int((until - start) / MINUTE)] == state.is_open:
            found.append(f"{zone} at {until}: no change in truth")
        now = until
    return found


def around_changes(week: Week, zone: str, changes: Iterable[datetime]) -> list[str]:
    """Every minute of the 26 hours on both sides of each change of the clocks, asked one by one."""
    found = []
    day = timedelta(hours=26)
    for change in changes:
        truth = open_minutes(week, zone, change - day, int(2 * day / MINUTE))
        for index, expected in enumerate(truth):
            now = change - day + index * MINUTE
            if window_state(week, [zone], now).is_open != expected:
                found.append(f"{zone} at {now}: {'open' if expected else 'closed'} in truth")
    return found


def distinct_zones() -> list[str]:
    """One name for each set of rules: the others are links to it."""
    by_rules: dict[bytes, str] = {}
    for zone in filter(is_known_zone, sorted(available_timezones())):
        files = [Path(root, zone) for root in TZPATH if Path(root, zone).is_file()]
        by_rules.setdefault(files[0].read_bytes() if files else zone.encode(), zone)
    return sorted(by_rules.values())


def main() -> int:
    wrong, checked = 0, 0
    weeks = cycle(WEEKS)
    zones = distinct_zones()
    for number, zone in enumerate(zones, 1):
        week = next(weeks)
        changes = changes_of_offset(zone, START, END)
        problems = disagreements(week, zone, START, END) + around_changes(week, zone, changes)
        checked += int((END - START) / MINUTE)
        wrong += len(problems)
        for problem in problems[:5]:
            print(problem)
        if number % 25 == 0 or number == len(zones):
            print(f"{number} of {len(zones)} zones, {checked:,} minutes, {wrong} wrong", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
