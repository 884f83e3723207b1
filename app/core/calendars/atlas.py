"""Where area codes, postcodes and countries lie: tables that ship with Clarion, read once.

States by area code come from phonenumbers' geography, zones by country from tzdata, and zones by postcode (United
States, Canada, Australia) from public postal data; a zone that is not listed here is not known.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

#: Days whose offsets tell two zones apart: what zone rules change, they change for longer than this.
_SAMPLED = tuple(datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=10 * step) for step in range(256))
_LONGEST_POSTCODE = 10


@lru_cache(maxsize=1)
def _area_codes() -> Mapping[str, tuple[str, ...]]:
    return {row["area_code"]: tuple(row["states"].split("|")) for row in _rows("area_codes.csv")}


@lru_cache(maxsize=1)
def _postcodes() -> Mapping[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]]:
    return {
        (row["country"], row["prefix"]): (_split(row["states"]), _split(row["zones"])) for row in _rows("postcodes.csv")
    }


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    table = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found.setdefault(country, []).append(zone)
    return {country: tuple(zones) for country, zones in found.items()}


def states_of_number(number: str) -> tuple[str, ...]:
    """States or provinces of an E.164 number of the North American plan, such as ("FL",); () where none is known."""
    return _area_codes().get(number[2:5], ()) if number.startswith("+1") else ()


@lru_cache(maxsize=1 << 14)
def of_postcode(country: str, postcode: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """States and zones of a postcode; both empty where it is not known."""
    text = spelled(postcode)
    table = _postcodes()
    for length in range(len(text), 0, -1):
        found = table.get((country, text[:length]))
        if found is not None:
            return found
    return (), ()


def spelled(postcode: str) -> str:
    """As the tables have it: capitals, no space or hyphen."""
    return postcode.upper().replace(" ", "").replace("-", "")[:_LONGEST_POSTCODE]


def zones_of_country(country: str) -> tuple[str, ...]:
    """Every zone of an ISO 3166 country; () for none such."""
    return _countries().get(country, ())


def has_one_offset(zones: tuple[str, ...]) -> bool:
    return len({_offsets(zone) for zone in zones}) == 1


def show_other_times(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """True where no zone of `one` ever shows the time that some zone of `other` does."""
    return not {_offsets(zone) for zone in one} & {_offsets(zone) for zone in other}


@lru_cache(maxsize=1024)
def _offsets(zone: str) -> tuple[timedelta | None, ...]:
    try:
        info = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return ()
    return tuple(moment.astimezone(info).utcoffset() for moment in _SAMPLED)


def _rows(name: str) -> list[dict[str, str]]:
    file = resources.files("app.core.calendars") / "data" / name
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()
