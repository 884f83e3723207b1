"""A phone number as it is dialled (E.164), the country it belongs to, and every time zone it may lie in.

`phonenumbers` is the judge. Numbers of the North American plan, where the last four digits decide nothing, go through
a cache by their first six digits; a test compares the two ways.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, shortnumberinfo, timezone

from common.errors import Refused

#: What people put between digits. Everything else, SIP's own signs above all, has no place in a phone number.
_ALLOWED = re.compile(r"\+?[0-9 ().\-/]*")
_TYPOGRAPHY = str.maketrans(
    {"\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " "}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
_EXTENSION = re.compile(r"(?i)\d\s*(?:,|;?\s*ext?\.?|x|#)\s*=?\s*\d+\s*$")
_ROUNDED = re.compile(r"(?i)\d(?:[.,]\d+)?e\+?\d+")
_NORTH_AMERICAN = re.compile(r"(?:\+?1)?[ .-]?\(?([2-9]\d\d)\)?[ .-]?([2-9]\d\d)[ .-]?(\d{4})")
#: Area codes whose numbers are told apart by more than six digits.
_FINER_AREAS = frozenset({"246"})
_LONGEST = 40
_UNKNOWN_ZONE = "Etc/Unknown"
#: By country code, as far as they have been asked for.
_CODE_ZONES: dict[int, tuple[str, ...]] = {}
_REFUSED_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number is never dialled",
    PhoneNumberType.PAGER: "a pager cannot be called",
    PhoneNumberType.VOICEMAIL: "a voicemail access number is never dialled",
}


class BadNumber(Refused):
    """Not a phone number that can be dialled; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    e164: str
    #: ISO 3166, "" where the number belongs to no single country.
    country: str
    #: Every IANA zone the number may lie in; empty is unknown.
    time_zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the first digits say of a number. `refusal` is "" for one that may be dialled."""

    refusal: str
    country: str = ""
    time_zones: tuple[str, ...] = ()


def parse_number(text: str, home_country: str) -> PhoneNumber:
    """Read a number as people write it; one without + belongs to `home_country`. Raise BadNumber with the mend."""
    cleaned = text.translate(_TYPOGRAPHY).strip(" \t").removeprefix("'")
    _check_signs(cleaned)
    if home_country in ("US", "CA") or cleaned.startswith("+1"):
        match = _NORTH_AMERICAN.fullmatch(cleaned)
        if match and match[1] not in _FINER_AREAS:
            kind = _north_american(match[1] + match[2])
            if kind.refusal:
                raise BadNumber(kind.refusal)
            return PhoneNumber(f"+1{match[1]}{match[2]}{match[3]}", kind.country, kind.time_zones)
    return _parse(cleaned, home_country)


def is_country(code: str) -> bool:
    """True for an ISO 3166 country that has telephone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def _check_signs(text: str) -> None:
    if not text:
        raise BadNumber("the number is empty")
    if len(text) > _LONGEST:
        raise BadNumber("too long for a phone number")
    if _ALLOWED.fullmatch(text):
        return
    if _ROUNDED.fullmatch(text):
        raise BadNumber("a spreadsheet has rounded this number; format the column as text and export again")
    if re.search(r"[;@:\r\n\0]", text) is None and _EXTENSION.search(text):
        raise BadNumber("has an extension, which cannot be dialled; give the direct number")
    found = next(sign for sign in text.removeprefix("+") if not _ALLOWED.fullmatch(sign) or sign == "+")
    name = {"\r": "a line break", "\n": "a line break", "\0": "a NUL", "+": "a + inside"}.get(
        found, f"the sign {found!r}"
    )
    raise BadNumber(f"holds {name}; use digits, spaces and + ( ) - . / only")


@lru_cache(maxsize=1 << 16)
def _north_american(first_six: str) -> _Kind:
    return _kind(phonenumbers.parse(f"+1{first_six}1234"))


def _parse(text: str, home_country: str) -> PhoneNumber:
    if not text.startswith("+") and not is_country(home_country):
        raise BadNumber("has no country code and the list no home country; write it with + and the country code")
    digits = re.sub(r"\D", "", text)
    if not text.startswith("+") and shortnumberinfo.is_emergency_number(digits, home_country):
        raise BadNumber("an emergency number is never dialled")
    try:
        number = phonenumbers.parse(text, home_country)
    except NumberParseException as error:
        raise BadNumber(_unreadable(error, digits)) from error
    kind = _kind(number)
    if kind.refusal:
        raise BadNumber(kind.refusal)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return PhoneNumber(e164, kind.country, kind.time_zones)


def _kind(number: phonenumbers.PhoneNumber) -> _Kind:
    number_type = phonenumbers.number_type(number)
    if number_type == PhoneNumberType.UNKNOWN:
        return _Kind(_why_invalid(number))
    country = phonenumbers.region_code_for_number(number)
    if country == "001":
        return _Kind("belongs to a satellite or global network, which is never dialled")
    if phonenumbers.is_number_type_geographical(number_type, number.country_code or 0):
        zones = timezone.time_zones_for_geographical_number(number)
    else:
        zones = _zones_of_country_code(number)
    known = tuple(zone for zone in zones if zone != _UNKNOWN_ZONE)
    return _Kind(_REFUSED_TYPES.get(number_type, ""), country or "", known)


def _zones_of_country_code(number: phonenumbers.PhoneNumber) -> tuple[str, ...]:
    """phonenumbers tells numbers of no place by their country code alone, and finds out their type again to do so."""
    code = number.country_code or 0
    if code not in _CODE_ZONES:
        _CODE_ZONES[code] = tuple(timezone.time_zones_for_number(number))
    return _CODE_ZONES[code]


def _why_invalid(number: phonenumbers.PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason == phonenumbers.ValidationResult.TOO_LONG:
        return "too many digits for its country"
    if reason in (phonenumbers.ValidationResult.TOO_SHORT, phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return "too few digits for its country; short and local numbers are not dialled, add the area code"
    return "no such number exists in its country's numbering plan; check the area code"


def _unreadable(error: NumberParseException, digits: str) -> str:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        return "begins with a country code that does not exist"
    if error.error_type == NumberParseException.TOO_LONG or len(digits) > 15:
        return "too many digits for a phone number"
    return "too few digits for a phone number" if digits else "holds no digits"
