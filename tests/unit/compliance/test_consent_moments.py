"""When something was given or taken back, as files and programs write it."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from app.models import ConsentAct
from app.services.consent_lines import When, said_at

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01", datetime.combine(NOW.replace(day=1), time.max, UTC)),
        ("2026-03-02", NOW),
        ("2026-03-03", NOW),  # where it is tomorrow already
        ("2026-03-02T11:00", NOW.replace(hour=11)),
        ("2026-03-02T22:30", NOW),  # by a clock ahead of UTC
        ("2026-03-02T22:30+13:00", NOW.replace(hour=9, minute=30)),
    ],
)
def test_a_taking_back_counts_from_the_latest_moment_that_it_may_mean(text: str, at: datetime) -> None:
    said = said_at(text, ConsentAct.REVOKED, NOW)
    assert (said.moment, said.day is not None) == (at, len(text) == 10)


@pytest.mark.parametrize("text", ["2026-03-04", "2026-03-03T03:00", "2026-03-02T12:01+00:00"])
def test_a_taking_back_that_nobody_can_have_said_yet_stays_in_the_future(text: str) -> None:
    moment = said_at(text, ConsentAct.REVOKED, NOW).moment
    assert moment is not None
    assert moment > NOW


def test_a_giving_counts_from_the_beginning_of_its_day() -> None:
    assert said_at("2026-03-02", ConsentAct.GIVEN, NOW) == When(NOW.replace(hour=0), NOW.date())
