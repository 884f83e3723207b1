"""National do-not-call lists, and whether the copy at hand is young enough to call by. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class National:
    """`digits` of an E.164 number's beginning name the part of the list that has it: the area code, or the country."""

    key: str
    name: str
    country: str
    code: str
    digits: int
    most_days: int
    source: str


NATIONAL: Mapping[str, National] = MappingProxyType(
    {
        "us": National(
            "us", "US National Do Not Call Registry", "US", "+1", 5, 31,
            "16 CFR 310.4(b)(3)(iv): a version obtained no more than 31 days before the call (as of 2026-11-26)",
        ),
        "gb": National(
            "gb", "UK Telephone Preference Service", "GB", "+44", 3, 28,
            "PECR 2003, regulations 21 and 26: 28 days after registration (as of 2026-11-26)",
        ),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coverage:
    """One list: the day that each part of it was drawn, by the beginning of numbers."""

    national: str
    list_name: str
    as_of: Mapping[str, date]


def part_of(national: National, number: str) -> str:
    return number[: national.digits]


def too_old(coverages: Iterable[Coverage], number: str, country: str, now: datetime) -> str:
    """Why the number cannot be screened, in words; "" where no national list concerns it or a young copy has it."""
    newest: dict[str, date] = {}
    asked: dict[str, str] = {}
    for coverage in coverages:
        national = NATIONAL[coverage.national]
        # A number of no known country may be anybody's who shares its country code.
        if country != national.country and (country or not number.startswith(national.code)):
            continue
        asked[national.key] = coverage.list_name
        day = coverage.as_of.get(part_of(national, number))
        if day is not None:
            newest[national.key] = max(day, newest.get(national.key, day))
    for key, list_name in asked.items():
        national, day = NATIONAL[key], newest.get(key)
        if day is None:
            return (
                f"the do-not-call list {list_name!r} has never been loaded for numbers of {part_of(national, number)}"
            )
        age = now.astimezone(UTC).date() - day
        if age > timedelta(days=national.most_days):
            return f"the do-not-call list {list_name!r} is {age.days} days old; the law allows {national.most_days}"
    return ""
