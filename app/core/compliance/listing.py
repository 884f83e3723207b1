"""An entry of a do-not-call list, and until when it holds where the person is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.core.calendars import is_known_zone

#: Where the day ends last on earth: for people of whom no zone is known.
_LAST_MIDNIGHT = timedelta(hours=12)


def earliest_day(now: datetime) -> date:
    """The date in the last place on earth: an entry that ended before it holds nowhere any more."""
    return (now.astimezone(UTC) - _LAST_MIDNIGHT).date()


@dataclass(frozen=True, slots=True)
class Listing:
    """`until` is the moment it ends, `until_day` the last day it holds by the person's own calendar."""

    kind: str
    value: str
    list_name: str
    until: datetime | None = None
    until_day: date | None = None

    def ends(self, zones: Sequence[str]) -> datetime | None:
        """None is never. With several zones the last of their midnights counts, without a known one the last on
        earth."""
        if self.until_day is None:
            return self.until
        next_day = datetime.combine(self.until_day + timedelta(days=1), time())
        if not zones or not all(is_known_zone(zone) for zone in zones):
            midnight = next_day.replace(tzinfo=UTC) + _LAST_MIDNIGHT
        else:
            # A midnight that clocks show twice counts when it is shown last; one they pass over, when they do.
            midnight = max(
                next_day.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for zone in zones for fold in (0, 1)
            )
        return max(midnight, self.until) if self.until else midnight

    def holds(self, zones: Sequence[str], now: datetime) -> bool:
        ends = self.ends(zones)
        return ends is None or now < ends
