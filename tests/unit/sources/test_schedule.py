from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.sources.schedule import Repeats, Schedule, check, first_run, next_run
from common.errors import Refused

NEW_YORK = "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(text: str, zone: str = NEW_YORK) -> Schedule:
    return check(Schedule(Repeats.CRON, zone=zone, cron=text))


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("30 6 * * *", "2026-01-05T12:00", "2026-01-06T11:30"),
        ("30 6 * * *", "2026-07-05T12:00", "2026-07-06T10:30"),
        # On 8 March 2026 clocks go from 2:00 to 3:00: half past two is not there, and the job comes after the gap.
        ("30 2 * * *", "2026-03-08T05:00", "2026-03-08T07:00"),
        # On 1 November 2026 half past one comes twice: at 5:30 and 6:30 UTC. Once is enough.
        ("30 1 * * *", "2026-11-01T04:00", "2026-11-01T05:30"),
        ("30 1 * * *", "2026-11-01T05:30", "2026-11-02T06:30"),
        # An interval goes through the hour that comes twice.
        ("*/30 * * * *", "2026-11-01T05:30", "2026-11-01T06:00"),
        ("*/30 * * * *", "2026-11-01T06:00", "2026-11-01T06:30"),
        ("0 9 * * 1-5", "2026-01-09T18:00", "2026-01-12T14:00"),
        ("0 0 29 2 *", "2026-01-01T00:00", "2028-02-29T05:00"),
    ],
)
def test_cron_goes_by_the_zone_s_own_clock(text: str, now: str, expected: str) -> None:
    assert next_run(cron(text), utc(now)) == utc(expected)


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)), st.sampled_from([NEW_YORK, "Europe/Berlin", "UTC"]))  # noqa: DTZ001 - the strategy wants them bare
@settings(max_examples=30)
def test_a_daily_time_comes_once_each_local_day(start: datetime, zone: str) -> None:
    now, days = start.replace(tzinfo=UTC), []
    for _ in range(4):
        now = next_run(cron("30 2 * * *", zone), now) or now
        days.append(now.astimezone(ZoneInfo(zone)).date())
    assert [day - days[0] for day in days] == [timedelta(days=number) for number in range(4)]


def test_once_every_and_never() -> None:
    now = utc("2026-03-01T00:00")
    once = check(Schedule(Repeats.ONCE, zone=NEW_YORK, at="2026-03-08T02:30"))
    assert first_run(once, now) == utc("2026-03-08T07:30")
    assert next_run(once, now) is None
    every = check(Schedule(Repeats.EVERY, minutes=15))
    assert first_run(every, now) == now
    assert next_run(every, now) == utc("2026-03-01T00:15")
    assert first_run(check(Schedule()), now) is None


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Schedule("daily"), "repeats: use one of"),
        (Schedule(Repeats.CRON, zone="Mars"), "zone: is not a known time zone"),
        (Schedule(Repeats.CRON, cron="61 * * * *"), "cron: Bad minute"),
        (Schedule(Repeats.CRON, cron="* * * * * *"), "cron: five fields"),
        (Schedule(Repeats.CRON, cron="0 0 30 2 *"), "cron: "),
        (Schedule(Repeats.CRON, cron="1 " * 200), "cron: five fields"),
        (Schedule(Repeats.EVERY, minutes=0), "minutes: give"),
        (Schedule(Repeats.ONCE, at="tomorrow"), "at: is not a date"),
        (Schedule(Repeats.ONCE, at="2026-03-08T02:30Z"), "at: takes no offset"),
    ],
)
def test_refuses_what_never_comes(schedule: Schedule, words: str) -> None:
    with pytest.raises(Refused, match=words):
        check(schedule)
