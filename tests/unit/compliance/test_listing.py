from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.compliance import Listing, earliest_day

DAY = date(2026, 3, 8)


def listing(**ends: object) -> Listing:
    return Listing("phone", "+12025550100", "List", **ends)


def test_an_entry_without_end_holds_for_ever() -> None:
    assert listing().ends(["America/New_York"]) is None
    assert listing().holds([], datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("zones", "ends"),
    [
        (["America/New_York"], datetime(2026, 3, 9, 4, tzinfo=UTC)),  # in the night of a change
        (["Pacific/Auckland"], datetime(2026, 3, 8, 11, tzinfo=UTC)),
        (["Pacific/Auckland", "Pacific/Honolulu"], datetime(2026, 3, 9, 10, tzinfo=UTC)),
        ([], datetime(2026, 3, 9, 12, tzinfo=UTC)),
        (["Mars/Olympus"], datetime(2026, 3, 9, 12, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_where_the_person_is(zones: list[str], ends: datetime) -> None:
    entry = listing(until_day=DAY)
    assert entry.ends(zones) == ends
    assert entry.holds(zones, ends - timedelta(seconds=1))
    assert not entry.holds(zones, ends)


def test_the_later_of_a_moment_and_a_day_counts() -> None:
    late = datetime(2026, 3, 20, tzinfo=UTC)
    assert listing(until_day=DAY, until=late).ends(["Europe/London"]) == late


ZONES = [
    "Asia/Beirut",
    "America/Havana",
    "Africa/Cairo",
    "Pacific/Apia",
    "America/Nuuk",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
]


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.dates(date(2024, 1, 1), date(2030, 12, 30)),
    st.integers(-3 * 1440, 3 * 1440).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_it_holds_exactly_while_the_calendar_there_shows_no_later_day(zone: str, day: date, away: timedelta) -> None:
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + away
    entry = listing(until_day=day)
    shown = now.astimezone(ZoneInfo(zone)).date()
    # Clocks put back over midnight show the day again: it has not ended until it is shown for the last time.
    later = [(now + timedelta(minutes=minutes)).astimezone(ZoneInfo(zone)).date() for minutes in (0, 30, 60, 90)]
    assert entry.holds([zone], now) == (min(shown, *later) <= day)
    if entry.holds([zone], now):
        assert day >= earliest_day(now)
