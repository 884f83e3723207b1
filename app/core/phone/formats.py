"""How numbers are written where phonenumbers does not decide: by spreadsheets that lose zeros, by houses of their own.

A format is asked where phonenumbers has found no number in a text. What it makes of the text is read like any other;
emergency and short numbers, and numbers of a kind that is never dialled, are not made anything of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    country_code_for_region,
    parse,
    shortnumberinfo,
)

from app.core.phone.numbers import PhoneNumber, cleaned
from app.core.phone.rejects import Automaton, ways
from common.errors import Refused

#: Signs that may stand between country code and number: none that people put between digits.
SEPARATORS = "#*|:;=_,~"
#: Zeros that a file may have lost.
_MOST_LOST = 3
_LENGTHS = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")
_LONGEST_NUMBER = 15
_PREFIX = re.compile(r"[0-9]{1,8}")
_MOST_LOCAL = 20


@dataclass(frozen=True, slots=True)
class CountryFormat:
    """Of numbers of `country`; what is empty or 0 is not used."""

    country: str
    #: Digits that its numbers may have, without country code and trunk prefix.
    lengths: frozenset[int] = frozenset()
    #: Digits that a number has as it is dialled there: zeros that are missing in front are put back.
    pad: int = 0
    #: What people write before a number besides the country's own trunk prefix.
    trunk_prefix: str = ""
    #: Patterns of local numbers, each with the digits that belong before them.
    local: tuple[tuple[str, str], ...] = ()


class Formats:
    """An organization's, and the sign that it writes between country code and number ("" for none)."""

    def __init__(self, formats: Iterable[CountryFormat] = (), separator: str = "") -> None:
        self.by_country: Mapping[str, CountryFormat] = {each.country: each for each in formats}
        self.separator = separator
        self._local = {
            country: Automaton((at, way) for at, (pattern, _) in enumerate(each.local) for way in ways(pattern))
            for country, each in self.by_country.items()
            if each.local
        }
        #: Signs that E.164 of a country may have, where its format says so.
        self.e164_lengths = {
            country: frozenset(1 + len(str(country_code_for_region(country))) + length for length in each.lengths)
            for country, each in self.by_country.items()
            if each.lengths
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formats) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        return (self.separator, tuple(sorted(self.by_country.values(), key=lambda each: each.country)))

    def wrong_length(self, number: PhoneNumber) -> str:
        """Why the format of its country does not have it; "" where it does."""
        allowed = self.e164_lengths.get(number.country)
        if allowed is None or len(number.e164) in allowed:
            return ""
        before = 1 + len(str(country_code_for_region(number.country)))
        words = " or ".join(map(str, sorted(self.by_country[number.country].lengths)))
        return f"has {len(number.e164) - before} digits; numbers of {number.country} have {words} by your own format"

    def readings(self, text: str, home_country: str) -> Iterator[tuple[str, str]]:
        """What a text that is no number may mean, with the home country of each, the likeliest first."""
        plain, country = cleaned(text), home_country
        if self.separator and plain.count(self.separator) == 1:
            code, plain = (part.strip() for part in plain.split(self.separator))
            code = code.removeprefix("+")
            if code:
                if not _regions(code):
                    # Such as a whole number with its extension behind the sign.
                    return
                country = _main_country(code)
                yield f"+{code}{plain}", ""
            else:
                yield plain, country
        digits = re.sub(r"[ ().\-/]", "", plain)
        if country and digits.isascii() and digits.isdecimal() and not _is_short(digits, country):
            yield from ((made, country) for made in self._made(digits, country))

    def _made(self, digits: str, country: str) -> Iterator[str]:
        chosen = self.by_country.get(country)
        if chosen is None:
            return
        if chosen.trunk_prefix and digits.startswith(chosen.trunk_prefix):
            yield digits.removeprefix(chosen.trunk_prefix)
        if chosen.pad - _MOST_LOST <= len(digits) < chosen.pad:
            yield digits.zfill(chosen.pad)
        if country in self._local:
            for at in self._local[country].matches(digits):
                yield chosen.local[at][1] + digits


def check_lengths(text: str) -> frozenset[int]:
    """From "9, 11-12". Raise Refused with the mend."""
    found: set[int] = set()
    for part in text.replace(" ", "").split(","):
        match = _LENGTHS.fullmatch(part)
        low = int(match[1]) if match else 0
        high = int(match[2] or low) if match else 0
        if part and not 1 <= low <= high <= _LONGEST_NUMBER:
            raise Refused("lengths: write numbers of digits from 1 to 15, such as 9 or 10-11, with commas between")
        found.update(range(low, high + 1) if part else ())
    return frozenset(found)


def lengths_text(lengths: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(lengths)))


def check_local(text: str) -> tuple[tuple[str, str], ...]:
    """Lines of a pattern and the digits before it. Raise Refused naming the line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        pattern, _, prefix = line.strip().partition(" ")
        try:
            ways(pattern)
        except Refused as error:
            raise Refused(f"local: line {number}: {str(error).partition(': ')[2]}") from None
        if "*" in pattern or not _PREFIX.fullmatch(prefix.strip()):
            raise Refused(
                f"local: line {number}: write a pattern without * and the digits that belong before it, "
                "such as [2-9]?????? 212"
            )
        found.append((pattern, prefix.strip()))
    if len(found) > _MOST_LOCAL:
        raise Refused(f"local: {_MOST_LOCAL} lines at most")
    return tuple(found)


def _regions(code: str) -> Sequence[str]:
    return COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code.isascii() and code.isdecimal() else ()


def _main_country(code: str) -> str:
    regions = _regions(code)
    return regions[0] if regions and regions[0] != "001" else ""


def _is_short(digits: str, country: str) -> bool:
    """What is dialled as it is must not become the end of another number."""
    if shortnumberinfo.is_emergency_number(digits, country):
        return True
    try:
        number = parse(digits, country)
    except NumberParseException:
        return True
    return shortnumberinfo.is_valid_short_number_for_region(number, country)
