"""From a number to what is dialled by a trunk: a tech prefix, a national writing, an extension.

Rules are read in their order and the first that matches decides, as one rule alone decides in POM: what is dialled is
told by one line. They are asked at the dial only. Whoever asks has found before that the number may be dialled, and
what a rule makes of it is looked at once more: it still means the same number, and is no emergency or short number.

Where the trunk leads decides what digits mean. Of one whose country nobody said, a number in full (with its country
code) means itself, and what is less than that means it in its own country alone: there it is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from app.core.phone.numbers import BadNumber, NeverDialled, PhoneNumber, parse_number
from common.control import DIALLED

#: Digits of the number that have to stay: by fewer nobody could be told.
_FEWEST_KEPT = 2
#: Emergency numbers of most countries, and digits that no short number has: for trunks that may lead anywhere.
_EMERGENCY = ("112", "911", "999")
_FEWEST_ABROAD = 7
_SIGNS = str.maketrans("", "", "+*#")
_NOT_A_DIGIT = re.compile(r"\D")


class Written(StrEnum):
    """How the number is written before digits are taken off and put before it."""

    #: With + and country code: +442079460958.
    E164 = "e164"
    #: E.164 without its +: 442079460958.
    DIGITS = "digits"
    #: As within its own country: 02079460958.
    NATIONAL = "national"
    #: The same without the trunk prefix: 2079460958.
    SIGNIFICANT = "significant"
    #: As from the trunk's country: 011442079460958 from the US, 02079460958 from the UK.
    FROM_TRUNK = "from_trunk"


@dataclass(frozen=True, slots=True)
class DialingRule:
    """What is empty matches every number. `prefix` is an area code, or with + the beginning of E.164."""

    name: str
    country: str = ""
    prefix: str = ""
    type: str = ""
    trunk_id: int | None = None
    written: str = Written.E164
    #: Digits taken off the front; then these, where it begins with them: what is left may be an extension.
    strip: int = 0
    strip_prefix: str = ""
    prepend: str = ""


@dataclass(frozen=True, slots=True)
class TrunkSite:
    """The trunk asked about; `country` is where it leads into the network, "" where nobody said."""

    id: int
    country: str = ""


@dataclass(frozen=True, slots=True)
class Dialled:
    """`rule` is the name of the rule that made it so, "" for none: E.164."""

    text: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class NotDialled:
    """A rule makes something of the number that must not be dialled."""

    rule: str
    reason: str

    def __str__(self) -> str:
        return f"the dialing rule {self.rule!r} {self.reason}"


def dial(e164: str, rules: Sequence[DialingRule], trunk: TrunkSite) -> Dialled | NotDialled:
    """What `trunk` dials for a number that may be dialled. One that no country has (a simulated one) has no rule."""
    if not rules:
        return Dialled(e164)
    try:
        number = parse_number(e164, "")
    except NeverDialled as error:
        # Whoever asks has an open range for it.
        number = error.number
    except BadNumber:
        return Dialled(e164)
    parsed = phonenumbers.parse(number.e164)
    national = phonenumbers.national_significant_number(parsed)
    rule = next((rule for rule in rules if _matches(rule, number, national, trunk.id)), None)
    if rule is None:
        return Dialled(e164)
    written = _written(rule.written, parsed, trunk.country)
    kept = written.lstrip("+")[rule.strip :] if rule.strip else written
    kept = kept.removeprefix(rule.strip_prefix)
    reason = _why_not(kept, rule.prepend, number, trunk.country)
    return NotDialled(rule.name, reason) if reason else Dialled(rule.prepend + kept, rule.name)


def _matches(rule: DialingRule, number: PhoneNumber, national: str, trunk_id: int) -> bool:
    begins = number.e164 if rule.prefix.startswith("+") else national
    return (
        rule.trunk_id in (None, trunk_id)
        and rule.country in ("", number.country)
        and rule.type in ("", number.type)
        and begins.startswith(rule.prefix)
    )


def _written(written: str, number: phonenumbers.PhoneNumber, trunk_country: str) -> str:
    if written == Written.SIGNIFICANT:
        return phonenumbers.national_significant_number(number)
    if written == Written.NATIONAL:
        return _digits(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
    if written == Written.FROM_TRUNK and trunk_country:
        # Where a country has several ways abroad the library writes +.
        return _digits(phonenumbers.format_out_of_country_calling_number(number, trunk_country))
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return e164.removeprefix("+") if written == Written.DIGITS else e164


def _digits(text: str) -> str:
    return ("+" if text.startswith("+") else "") + _NOT_A_DIGIT.sub("", text)


def _why_not(kept: str, prepend: str, number: PhoneNumber, trunk_country: str) -> str:
    """Why the result must not be dialled, "" where it may."""
    text = prepend + kept
    if len(kept.translate(_SIGNS)) < _FEWEST_KEPT:
        return f"leaves {kept or 'nothing'} of the number; take fewer digits off"
    if not DIALLED.fullmatch(text):
        return f"makes {text[:40]!r} of it, which cannot be dialled: 2 to 32 digits, * and #, + only in front"
    if text.startswith("+"):
        return "" if text == number.e164 else f"makes {text} of it, which is another number; drop the +"
    country = trunk_country or _own_country(kept, number)
    for part in dict.fromkeys((kept.translate(_SIGNS), text.translate(_SIGNS))):
        reason = _why_short(part, country) if country else ""
        if reason or (reason := "" if trunk_country else _why_unsafe(part, country, number)):
            return f"makes {text} of it: {reason}"
    other = _read_as(text, country) if country else ""
    if other not in ("", number.e164):
        return f"makes {text} of it, which in {country} is {other}"
    return ""


def _own_country(kept: str, number: PhoneNumber) -> str:
    """The country in which these digits mean the number; "" where they mean it in every one."""
    return "" if kept.translate(_SIGNS) == number.e164[1:] else number.country


def _why_short(digits: str, country: str) -> str:
    """Exchanges connect at the first digits that tell: in the US, 911123456789 (Delhi without its +) is 911."""
    if shortnumberinfo.connects_to_emergency_number(digits, country):
        return f"{digits} reaches the emergency services in {country}"
    return f"{digits} is a short number in {country}" if _is_short(digits, country) else ""


def _why_unsafe(digits: str, country: str, number: PhoneNumber) -> str:
    """For a trunk that may lead anywhere. Few digits are well where they are the complete number in its own country."""
    if digits.startswith(_EMERGENCY):
        return f"{digits} may reach the emergency services; say in which country the trunk is"
    if len(digits) < _FEWEST_ABROAD and not (country and _read_as(digits, country) == number.e164):
        return f"{digits} may be a short number where the trunk leads; say in which country it is"
    return ""


def _is_short(digits: str, country: str) -> bool:
    try:
        number = phonenumbers.parse(digits, country)
    except NumberParseException:
        return False
    return shortnumberinfo.is_valid_short_number_for_region(number, country)


def _read_as(text: str, country: str) -> str:
    """The complete number that the trunk's country reads there; "" where it reads none."""
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return ""
    if phonenumbers.number_type(number) == PhoneNumberType.UNKNOWN:
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
