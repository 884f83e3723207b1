"""What a person has allowed: the newest act for a channel and a purpose decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.core.compliance.days import begins_first, begins_last

_DAY = timedelta(days=1)


class Consent(StrEnum):
    #: Nobody asked for one.
    NOT_NEEDED = ""
    GIVEN = "given"
    MISSING = "missing"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Act:
    """`order` tells acts of one moment apart: the later entered counts as later.

    Where no hour is known, `day` is the day of the person's own calendar, and `at` when it was entered, by which it
    was said in any case. `last_day` is the last of their days on which a consent holds, in place of `expires_at`.
    """

    at: datetime
    order: int
    given: bool
    expires_at: datetime | None = None
    day: date | None = None
    last_day: date | None = None

    def said(self, zones: Sequence[str]) -> datetime:
        """Its place among the acts of a person in the zones. A giving is of its day's beginning where that comes first,
        a taking back of its end where that comes last: no giving of a day outdoes a taking back of it."""
        if self.day is None:
            return self.at
        return min(self.at, begins_first(self.day, zones) if self.given else begins_last(self.day + _DAY, zones))

    def ends(self, zones: Sequence[str]) -> datetime | None:
        """None is never; the end of the last day where that comes first."""
        return begins_first(self.last_day + _DAY, zones) if self.last_day is not None else self.expires_at


def consent_of(acts: Iterable[Act], now: datetime, zones: Sequence[str] = ()) -> Consent:
    """What holds at `now`, of all acts of one person, who may be in any of the zones, for one channel and purpose;
    those of the future do not count. Of a giving and a taking back at the same moment the taking back counts."""
    past = [(act.said(zones), not act.given, act.order, act) for act in acts]
    past = [each for each in past if each[0] <= now]
    if not past:
        return Consent.MISSING
    last = max(past, key=lambda each: each[:3])[3]
    if not last.given:
        return Consent.REVOKED
    ends = last.ends(zones)
    return Consent.EXPIRED if ends is not None and ends <= now else Consent.GIVEN
