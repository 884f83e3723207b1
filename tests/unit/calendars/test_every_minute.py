"""The window check against a brute-force oracle; `script/soak windows` does all zones and all of 2024 to 2030."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.clocks import changes_of_offset
from tests.support.window_oracle import WEEKS, disagreements

#: Clocks that change at midnight, by half an hour, by Ramadan, twice at odd hours, across the date line, or never.
ODD = [
    "Africa/Cairo", "Africa/Casablanca", "America/Asuncion", "America/Havana", "America/Nuuk", "America/St_Johns",
    "America/Santiago", "Antarctica/Troll", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Atlantic/Azores",
    "Australia/Lord_Howe", "Europe/London", "Pacific/Apia", "Pacific/Chatham",
]  # fmt: skip


@pytest.mark.parametrize("zone", ODD)
def test_every_minute_around_the_years_changes_is_as_the_wall_shows_it(zone: str) -> None:
    year = 2024 + ODD.index(zone) % 7
    start = datetime(year, 1, 1, tzinfo=UTC)
    changes = changes_of_offset(zone, start, datetime(year + 1, 1, 1, tzinfo=UTC)) or [start + timedelta(days=100)]
    week = WEEKS[ODD.index(zone) % len(WEEKS)]
    for change in changes[:3]:
        assert disagreements(week, zone, change - timedelta(days=2), change + timedelta(days=2)) == []


def test_the_oracle_finds_a_window_that_ignores_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    change = datetime(2026, 3, 8, 7, tzinfo=UTC)  # New York: 02:00 becomes 03:00
    monkeypatch.setattr("tests.support.window_oracle.open_minutes", lambda *_: _shifted(change))
    assert disagreements(WEEKS[0], "America/New_York", change - timedelta(days=1), change + timedelta(days=1))


def _shifted(change: datetime) -> object:
    from tests.support.clocks import open_minutes

    return open_minutes(WEEKS[0], "America/Jamaica", change - timedelta(days=1), 2 * 24 * 60)
