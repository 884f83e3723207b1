from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from app.core.calendars import WEEKDAYS, Holiday, HolidayRules, Place, parse_hours
from app.core.compliance import (
    Allowed,
    Candidate,
    Closed,
    Guard,
    GuardScope,
    Limits,
    Refused,
    Rules,
    Subject,
    check,
    choose,
    untimely,
)

DAYTIME = {day: [["08:00", "21:00"]] for day in WEEKDAYS}
FLORIDA = Place(("America/New_York",), country="US", states=("US-FL",))
UNTIL_20 = parse_hours({day: [["08:00", "20:00"]] for day in WEEKDAYS})


def in_new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("scope", "key"), [(GuardScope.STATE, "US-FL"), (GuardScope.ZONE, "America/New_York"), (GuardScope.COUNTRY, "US")]
)
def test_guard_times_hold_beside_the_window(scope: GuardScope, key: str) -> None:
    limits = Limits(DAYTIME, (Guard(scope, key, UNTIL_20),))
    evening = in_new_york("2026-01-05T20:30:00")
    late = untimely(limits, FLORIDA, evening)
    assert late is not None
    assert key in late.text
    assert late.until == in_new_york("2026-01-06T08:00:00")
    assert untimely(limits, Place(("America/Chicago",), country="CA", states=("CA-MB",)), evening) is None


def test_a_holiday_is_passed_over_and_the_next_open_day_named() -> None:
    holidays = HolidayRules((Holiday(date(2026, 1, 5), "Founders' day"), Holiday(date(2026, 1, 6), "The day after")))
    late = untimely(Limits(DAYTIME, holidays=holidays), FLORIDA, in_new_york("2026-01-05T12:00:00"))
    assert late is not None
    assert late.holiday
    assert late.text == "Founders' day on 2026-01-05"
    assert late.until == in_new_york("2026-01-07T08:00:00")


def test_weeks_of_holidays_end_some_day() -> None:
    days = tuple(Holiday(date(2026, 8, day), "Summer") for day in range(1, 31))
    late = untimely(Limits(DAYTIME, holidays=HolidayRules(days)), FLORIDA, in_new_york("2026-08-01T12:00:00"))
    assert late is not None
    assert late.until == in_new_york("2026-08-31T08:00:00")


def test_a_holiday_is_one_where_the_person_is() -> None:
    holidays = HolidayRules((Holiday(date(2026, 1, 6), "Day"),))
    auckland = Place(("Pacific/Auckland",), country="NZ")
    limits = Limits(DAYTIME, holidays=holidays)
    moment = datetime(2026, 1, 5, 22, tzinfo=UTC)  # the 6th in Auckland, the 5th in New York
    assert untimely(limits, auckland, moment) is not None
    assert untimely(limits, FLORIDA, moment) is None


@pytest.mark.parametrize(
    ("country", "state", "concerned"),
    [("", "", True), ("US", "", True), ("DE", "", False), ("US", "US-FL", True), ("US", "US-TX", False)],
)
def test_a_holiday_concerns_its_country_or_state(country: str, state: str, concerned: bool) -> None:
    holidays = HolidayRules((Holiday(date(2026, 1, 5), "Day", country, state),))
    late = untimely(Limits(DAYTIME, holidays=holidays), FLORIDA, in_new_york("2026-01-05T12:00:00"))
    assert (late is not None) == concerned


def test_public_holidays_are_the_countrys_and_the_known_states() -> None:
    limits = Limits(DAYTIME, holidays=HolidayRules(public="skip"))
    berlin = Place(("Europe/Berlin",), country="DE")
    unity = datetime(2026, 10, 3, 12, tzinfo=UTC)
    assert untimely(limits, berlin, unity) is not None
    epiphany = datetime(2026, 1, 6, 12, tzinfo=UTC)
    assert untimely(limits, berlin, epiphany) is None
    assert untimely(limits, replace(berlin, states=("DE-BY",)), epiphany) is not None


def test_a_holiday_may_give_the_contact_up() -> None:
    rules = Rules(DAYTIME, holidays=HolidayRules((Holiday(date(2026, 1, 5), "Day", drop=True),)))
    subject = Subject("voice", ("America/New_York",))
    noon = in_new_york("2026-01-05T12:00:00")
    assert isinstance(check(subject, rules, noon), Refused)
    assert choose([Candidate(1, subject)], rules, noon) == Closed("RESTRICTED_HOLIDAY", "Day on 2026-01-05")
    assert check(replace(subject, channel="email"), rules, noon) == Allowed()


def test_zones_that_are_never_open_together_refuse_for_good() -> None:
    morning = {day: [["08:00", "09:00"]] for day in WEEKDAYS}
    both = Place(("America/New_York", "Pacific/Honolulu"))
    late = untimely(Limits(morning), both, in_new_york("2026-01-05T08:30:00"))
    assert late is not None
    assert late.until is None
    assert "no time is inside in all its zones" in late.text


def test_an_unknown_zone_fails_closed_whatever_else_holds() -> None:
    late = untimely(
        Limits(DAYTIME, (Guard(GuardScope.COUNTRY, "US", UNTIL_20),)), Place(country="US"), datetime.now(UTC)
    )
    assert late is not None
    assert (late.text, late.until) == ("the time zone is unknown", None)


def test_guard_hours_that_nobody_can_open_close_for_good() -> None:
    never = Guard(GuardScope.STATE, "US-FL", parse_hours({}))
    late = untimely(Limits(DAYTIME, (never,)), FLORIDA, in_new_york("2026-01-05T12:00:00"))
    assert late is not None
    assert late.until is None
