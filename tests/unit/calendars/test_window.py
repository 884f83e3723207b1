from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.calendars import WEEKDAYS, parse_hours, window_state
from common.errors import Refused

DAYTIME = {day: [["08:00", "21:00"]] for day in WEEKDAYS}
NIGHT = {day: [["22:00", "03:00"]] for day in WEEKDAYS}
ZONES = [
    "America/New_York",
    "America/Los_Angeles",
    "Pacific/Honolulu",
    "Europe/London",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
]


def local(zone: str, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def test_opens_and_closes_by_the_clock_on_the_wall() -> None:
    zone = "America/New_York"
    assert not window_state(DAYTIME, [zone], local(zone, "2026-01-05T07:59:59")).is_open
    assert window_state(DAYTIME, [zone], local(zone, "2026-01-05T08:00:00")).is_open
    assert window_state(DAYTIME, [zone], local(zone, "2026-01-05T20:59:59")).is_open
    assert not window_state(DAYTIME, [zone], local(zone, "2026-01-05T21:00:00")).is_open


def test_says_until_when() -> None:
    zone = "America/New_York"
    closed = window_state(DAYTIME, [zone], local(zone, "2026-01-05T22:00:00"))
    assert closed.until == local(zone, "2026-01-06T08:00:00")
    opened = window_state(DAYTIME, [zone], local(zone, "2026-01-05T12:00:00"))
    assert opened.until == local(zone, "2026-01-05T21:00:00")


def test_all_zones_of_a_number_must_be_open() -> None:
    zones = ["America/New_York", "Pacific/Honolulu"]
    morning = window_state(DAYTIME, zones, local("America/New_York", "2026-01-05T09:00:00"))
    assert not morning.is_open
    assert morning.until == local("Pacific/Honolulu", "2026-01-05T08:00:00")
    evening = window_state(DAYTIME, zones, local("America/New_York", "2026-01-05T20:00:00"))
    assert evening.is_open
    assert evening.until == local("America/New_York", "2026-01-05T21:00:00")


def test_a_window_may_wrap_midnight() -> None:
    zone = "America/New_York"
    assert window_state(NIGHT, [zone], local(zone, "2026-01-05T23:00:00")).is_open
    after = window_state(NIGHT, [zone], local(zone, "2026-01-06T01:00:00"))
    assert after.is_open
    assert after.until == local(zone, "2026-01-06T03:00:00")
    assert not window_state({"fri": [["22:00", "03:00"]]}, [zone], local(zone, "2026-01-05T01:00:00")).is_open
    assert window_state({"sun": [["22:00", "03:00"]]}, [zone], local(zone, "2026-01-05T01:00:00")).is_open


def test_the_hour_that_is_skipped_is_not_waited_for() -> None:
    zone = "America/New_York"  # 2026-03-08: 02:00 becomes 03:00
    hours = {day: [["02:30", "09:00"]] for day in WEEKDAYS}
    state = window_state(hours, [zone], local(zone, "2026-03-08T01:00:00"))
    assert state.until == local(zone, "2026-03-08T03:00:00")
    assert window_state(hours, [zone], local(zone, "2026-03-08T03:00:00")).is_open


def test_the_hour_that_comes_twice_counts_both_times() -> None:
    zone = "America/New_York"  # 2026-11-01: 02:00 becomes 01:00 again
    hours = {day: [["01:00", "01:30"]] for day in WEEKDAYS}
    assert window_state(hours, [zone], local(zone, "2026-11-01T01:10:00", 0)).is_open
    between = window_state(hours, [zone], local(zone, "2026-11-01T01:40:00", 0))
    assert not between.is_open
    assert between.until == datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
    assert window_state(hours, [zone], local(zone, "2026-11-01T01:10:00", 1)).is_open


def test_days_without_hours_are_closed() -> None:
    hours = {day: [["09:00", "17:00"]] for day in WEEKDAYS[:5]}
    zone = "Europe/London"
    state = window_state(hours, [zone], local(zone, "2026-01-03T12:00:00"))
    assert not state.is_open
    assert state.until == local(zone, "2026-01-05T09:00:00")


@pytest.mark.parametrize(
    "zones", [[], ["Mars/Olympus"], ["America/New_York", ""], ["../../etc/passwd"], ["Etc/Unknown"]]
)
def test_an_unknown_zone_is_closed(zones: list[str]) -> None:
    state = window_state(DAYTIME, zones, datetime(2026, 1, 5, 17, tzinfo=UTC))
    assert not state.is_open
    assert state.until is None
    assert "time zone" in state.reason


@pytest.mark.parametrize(
    "hours", [{}, {"mon": []}, {"someday": [["08:00", "09:00"]]}, {"mon": [["8", "9"]]}, {"mon": 5}]
)
def test_hours_that_are_missing_or_cannot_be_read_are_closed(hours: dict[str, object]) -> None:
    assert not window_state(hours, ["America/New_York"], datetime(2026, 1, 5, 17, tzinfo=UTC)).is_open


def test_open_around_the_clock_never_changes() -> None:
    state = window_state({day: [["00:00", "24:00"]] for day in WEEKDAYS}, ["Asia/Kolkata"], datetime.now(UTC))
    assert state.is_open
    assert state.until is None


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ({"monday": [["08:00", "09:00"]]}, "no such day"),
        ({"mon": ["08:00"]}, "pairs"),
        ({"mon": [["8:00", "09:00"]]}, "HH:MM"),
        ({"mon": [["08:00", "25:00"]]}, "HH:MM"),
        ({"mon": [["08:00", "08:00"]]}, "no time at all"),
    ],
)
def test_refuses_hours_naming_day_and_mend(hours: dict[str, list[list[str]]], words: str) -> None:
    with pytest.raises(Refused, match=words):
        parse_hours(hours)


clocks = st.integers(0, 47).map(lambda half: f"{half // 2:02d}:{half % 2 * 30:02d}")
pairs = st.tuples(clocks, clocks).filter(lambda pair: pair[0] != pair[1]).map(list)
weeks = st.dictionaries(st.sampled_from(WEEKDAYS), st.lists(pairs, max_size=2), max_size=7)
minutes = st.integers(0, 365 * 24 * 60)
moments = minutes.map(lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute))


@settings(deadline=None, max_examples=60)
@given(weeks, st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True), moments)
def test_the_state_holds_exactly_until_it_says(
    hours: dict[str, list[list[str]]], zones: list[str], now: datetime
) -> None:
    def is_open(moment: datetime) -> bool:
        return all(
            parsed.contain((there := moment.astimezone(ZoneInfo(zone))).weekday(), there.time()) for zone in zones
        )

    parsed = parse_hours(hours)
    state = window_state(hours, zones, now)
    assert state.is_open == is_open(now)
    end = state.until or now + timedelta(days=8)
    moment = now
    while moment < end:
        assert is_open(moment) == state.is_open
        moment += timedelta(minutes=29)
    assert is_open(end - timedelta(seconds=1)) == state.is_open
    if state.until is not None:
        assert is_open(state.until) != state.is_open
