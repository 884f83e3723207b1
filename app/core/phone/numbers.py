"""A phone number as it is dialled (E.164), the country it belongs to, and every time zone it may lie in.

`phonenumbers` is the judge. It is asked once for each block of numbers that it cannot tell apart (see `blocks`), which
is a few thousand times in a million numbers; tests compare the two ways for every country.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, shortnumberinfo, timezone

from app.core.phone import blocks
from app.core.phone.types import TYPES
from common.errors import Refused

#: What people put between digits. Everything else, SIP's own signs above all, has no place in a phone number.
_ALLOWED = re.compile(r"\+?[0-9 ().\-/]*")
_TYPOGRAPHY = str.maketrans(
    {"\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " "}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
_EXTENSION = re.compile(r"(?i)\d\s*(?:,|;?\s*ext?\.?|x|#)\s*=?\s*\d+\s*$")
_ROUNDED = re.compile(r"(?i)\d(?:[.,]\d+)?e\+?\d+")
_BARE = dict.fromkeys(map(ord, " ().-/"))
_LONGEST = 40
_UNKNOWN_ZONE = "Etc/Unknown"
#: Blocks kept for one home country; a file with more of them, which no plan has, learns them anew.
_MOST_BLOCKS = 100_000
#: By country code, as far as they have been asked for.
_CODE_ZONES: dict[int, tuple[str, ...]] = {}
_REFUSALS = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number is never dialled",
    PhoneNumberType.PAGER: "a pager cannot be called",
    PhoneNumberType.VOICEMAIL: "a voicemail access number is never dialled",
}


class BadNumber(Refused):
    """Not a phone number that can be dialled; the message says why and how to mend it."""


class NumberRefused(BadNumber):
    """A number that exists and is refused all the same."""

    def __init__(self, reason: str, number: PhoneNumber) -> None:
        super().__init__(reason)
        self.number = number


class NeverDialled(NumberRefused):
    """Of a kind that nobody is called at: premium rate, pagers, satellites. Administrators may open a range."""


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    e164: str
    #: ISO 3166, "" where the number belongs to no single country.
    country: str
    #: Every IANA zone the number may lie in; empty is unknown.
    time_zones: tuple[str, ...]
    #: A `types.NumberType`, "" where it is not known.
    type: str = ""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the first digits say of a number. `refusal` is "" for one that may be dialled; `exists` tells a kind of
    number that is never dialled from what is none."""

    refusal: str
    country: str = ""
    time_zones: tuple[str, ...] = ()
    type: str = ""
    exists: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """What all numbers of one block have in common: E.164 is `lead` and the digits after the first `cut`."""

    lead: str
    cut: int
    refusal: str
    country: str
    time_zones: tuple[str, ...]
    #: The zones as the database has them.
    zones_text: str
    #: A `types.NumberType`, "" where it is not known.
    type: str
    exists: bool


class NumberReader:
    """Reads numbers of one home country, remembering every block that it has met."""

    def __init__(self, home_country: str) -> None:
        self.home_country = home_country
        #: Blocks in the tables.
        self.learnt = 0
        #: Of them those that this reader has learnt itself, ever.
        self.fresh = 0
        self._forget()

    @property
    def tables(self) -> tuple[dict[int, dict[str, Block | int]], ...]:
        """By a number's length, then by first digits: the block, or of how many digits to look next. For numbers with
        a + and for those as they are dialled at home."""
        return self._international, self._national

    def read(self, text: str) -> PhoneNumber:
        """Raise BadNumber with the mend."""
        plain = cleaned(text)
        _check_signs(plain)
        found = self.find(plain)
        if found is None:
            return _parse(plain, self.home_country)
        e164, block = found
        return _allowed(block, e164)

    def find(self, text: str) -> tuple[str, Block] | None:
        """The number and its block, which may be refused; None where only `read` can tell."""
        digits = text.translate(_BARE)
        international = digits.startswith("+")
        if international:
            digits = digits[1:]
        if len(text) > _LONGEST or not digits.isdigit() or not digits.isascii() or (international and text[0] != "+"):
            return None
        table = (self._international if international else self._national).get(len(digits))
        if table is None:
            return None
        level = blocks.LEVELS[0]
        while level:
            block = table.get(digits[:level])
            if isinstance(block, Block):
                return block.lead + digits[block.cut :], block
            level = self._learn(table, digits, international) if block is None else block
        return None

    def _learn(self, table: dict[str, Block | int], digits: str, international: bool) -> int:
        """Put the block of this number into the table, or the way to it; the level it stands at, 0 for none."""
        self.learnt += 1
        self.fresh += 1
        if self.learnt > _MOST_BLOCKS:
            self._forget()
        bound = blocks.bound(digits, "" if international else self.home_country)
        block = self._block(digits, international, bound.stripped) if bound else None
        for shallower in blocks.LEVELS:
            if bound is None or block is None or shallower < bound.level:
                table[digits[:shallower]] = next((deeper for deeper in blocks.LEVELS if deeper > shallower), 0)
        if bound is None or block is None:
            return 0
        table[digits[: bound.level]] = block
        return bound.level

    def _block(self, digits: str, international: bool, cut: int) -> Block | None:
        text = f"+{digits}" if international else digits
        try:
            number = phonenumbers.parse(text, self.home_country)
        except NumberParseException:
            return None
        kind = _kind(number)
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        lead = "+" if international else f"+{number.country_code}"
        if e164 != lead + digits[cut:]:
            return None
        return Block(
            lead, cut, kind.refusal, kind.country, kind.time_zones, ",".join(kind.time_zones), kind.type, kind.exists
        )

    def _forget(self) -> None:
        self.learnt = 0
        self._international: dict[int, dict[str, Block | int]] = {length: {} for length in blocks.LENGTHS}
        known = is_country(self.home_country)
        self._national: dict[int, dict[str, Block | int]] = {length: {} for length in blocks.LENGTHS if known}


@lru_cache(maxsize=64)
def reader_for(home_country: str) -> NumberReader:
    """The one reader of the process for a home country, "" for none."""
    return NumberReader(home_country)


def parse_number(text: str, home_country: str) -> PhoneNumber:
    """Read a number as people write it; one without + belongs to `home_country`. Raise BadNumber with the mend."""
    return reader_for(home_country).read(text)


def known_number(e164: str) -> PhoneNumber | None:
    """One that exists, of a kind that is never dialled too."""
    try:
        return parse_number(e164, "")
    except NumberRefused as error:
        return error.number
    except BadNumber:
        return None


def cleaned(text: str) -> str:
    """Without what typesetting and spreadsheets put around a number."""
    return text.translate(_TYPOGRAPHY).strip(" \t").removeprefix("'")


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
    return _allowed(_kind(number), phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _allowed(kind: _Kind | Block, e164: str) -> PhoneNumber:
    number = PhoneNumber(e164, kind.country, kind.time_zones, kind.type)
    if kind.refusal and kind.exists:
        raise NeverDialled(kind.refusal, number)
    if kind.refusal:
        raise BadNumber(kind.refusal)
    return number


def _kind(number: phonenumbers.PhoneNumber) -> _Kind:
    number_type = phonenumbers.number_type(number)
    if number_type == PhoneNumberType.UNKNOWN:
        return _Kind(_why_invalid(number), exists=False)
    country = phonenumbers.region_code_for_number(number)
    if country == "001":
        reason = "belongs to a satellite or global network, which is never dialled"
        return _Kind(reason, type=TYPES.get(number_type, ""))
    if phonenumbers.is_number_type_geographical(number_type, number.country_code or 0):
        zones = timezone.time_zones_for_geographical_number(number)
    else:
        zones = _zones_of_country_code(number)
    known = tuple(zone for zone in zones if zone != _UNKNOWN_ZONE)
    return _Kind(_REFUSALS.get(number_type, ""), country or "", known, TYPES.get(number_type, ""))


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
