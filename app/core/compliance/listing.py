"""An entry of a do-not-call list, and until when it holds where the person is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from app.core.compliance.days import LAST_ON_EARTH, begins_last


def earliest_day(now: datetime) -> date:
    """The date in the last place on earth: an entry that ended before it holds nowhere any more."""
    return (now.astimezone(UTC) - LAST_ON_EARTH).date()


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
        midnight = begins_last(self.until_day + timedelta(days=1), zones)
        return max(midnight, self.until) if self.until else midnight

    def holds(self, zones: Sequence[str], now: datetime) -> bool:
        ends = self.ends(zones)
        return ends is None or now < ends
