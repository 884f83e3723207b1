from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.core.calendars import WEEKDAYS
from app.core.compliance import Coverage, Refused, Rules, Subject, check, too_old

NOW = datetime(2026, 3, 1, 17, tzinfo=UTC)


def us(**as_of: date) -> Coverage:
    return Coverage("us", "Registry", {f"+1{area[1:]}": day for area, day in as_of.items()})


@pytest.mark.parametrize(
    ("number", "country", "words"),
    [
        ("+12025550100", "US", ""),
        ("+13055550100", "US", "32 days old; the law allows 31"),
        ("+14155550100", "US", "never been loaded for numbers of +1415"),
        ("+14165550100", "CA", ""),
        ("+14155550100", "", "never been loaded"),
        ("+442079460123", "GB", ""),
        ("+442079460123", "", ""),
    ],
)
def test_a_number_is_called_only_by_a_young_copy_of_its_part(number: str, country: str, words: str) -> None:
    found = too_old([us(_202=date(2026, 1, 29), _305=date(2026, 1, 28))], number, country, NOW)
    assert words in found
    assert bool(found) == bool(words)


def test_of_two_copies_the_younger_counts() -> None:
    copies = [us(_202=date(2025, 1, 1)), us(_202=date(2026, 2, 20))]
    assert too_old(copies, "+12025550100", "US", NOW) == ""


def test_the_united_kingdom_is_one_part_of_28_days() -> None:
    old, young = (Coverage("gb", "TPS", {"+44": day}) for day in (date(2026, 1, 31), date(2026, 2, 1)))
    assert "29 days old; the law allows 28" in too_old([old], "+442079460123", "GB", NOW)
    assert too_old([young], "+442079460123", "GB", NOW) == ""


def test_what_is_not_screened_waits_for_a_young_copy() -> None:
    rules = Rules({day: [["08:00", "21:00"]] for day in WEEKDAYS})
    verdict = check(Subject("voice", ("America/New_York",), unscreened="too old"), rules, NOW)
    assert isinstance(verdict, Refused)
    assert (verdict.code, verdict.detail) == ("RESTRICTED_RULE", "too old")
    assert verdict.until is not None
