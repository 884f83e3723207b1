"""What else the digits of a number tell about it: its kind, where it is from, and whose range it was.

By the rules of phonenumbers' geocoder and carrier, in English, over a table instead of their dictionaries, which take a
hundred megabytes in every process: a number that is tied to a place has its town or state, where the digits tell, else
its country; one that is not, such as a mobile number in most countries, has the country alone. A country code that
several countries share names the one in which the number is valid, and none where that is not one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE

from app.core.phone import blocks
from app.core.phone.numbers import known_number
from app.core.phone.region_table import RegionTable
from app.core.phone.types import NumberType

#: Kinds of numbers that are tied to a place in every country, and those of which the network is told.
OF_A_PLACE = (NumberType.FIXED_LINE, NumberType.FIXED_OR_MOBILE)
OF_A_NETWORK = (NumberType.MOBILE, NumberType.FIXED_OR_MOBILE, NumberType.PAGER)


@dataclass(frozen=True, slots=True)
class Origin:
    """`type` is a `NumberType`; `region` a town, state or country, whichever is known best, `area` the same without
    countries; `carrier` had the range first, and people take their numbers along: a hint, no more. "" is not known."""

    type: str = ""
    region: str = ""
    carrier: str = ""
    area: str = ""


def origin_of(e164: str, table: RegionTable) -> Origin:
    """What is known; nothing for what is no number."""
    number = known_number(e164)
    if number is None:
        return Origin()
    digits = number.e164[1:]
    area = table.area(_geographic(digits)) if _has_place(number.type, digits) else ""
    return Origin(
        number.type,
        area or table.country(_country(digits)),
        table.carrier(digits) if number.type in OF_A_NETWORK else "",
        area,
    )


def _has_place(number_type: str, digits: str) -> bool:
    if number_type == NumberType.MOBILE:
        return blocks.country_code(digits) in placed_mobiles()
    return number_type in OF_A_PLACE


@cache
def placed_mobiles() -> Mapping[int, str]:
    """Country codes whose mobile numbers are tied to a place, with the digit before the area code that is not of it."""
    return {
        code: str(phonenumbers.country_mobile_token(code))
        for code in COUNTRY_CODE_TO_REGION_CODE
        if phonenumbers.is_number_type_geographical(PhoneNumberType.MOBILE, code)
    }


def _geographic(digits: str) -> str:
    """Without the digit that some countries (Argentina) put before the area code of mobile numbers."""
    code = blocks.country_code(digits)
    token, national = phonenumbers.country_mobile_token(code), digits[len(str(code)) :]
    if not token or not national.startswith(token):
        return digits
    try:
        number = phonenumbers.parse(national[len(token) :], phonenumbers.region_code_for_country_code(code))
    except NumberParseException:
        return digits
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))[1:]


def _country(digits: str) -> str:
    """The country to name, "" for none; looked for once in each block where several share the country code."""
    sharing = phonenumbers.region_codes_for_country_code(blocks.country_code(digits))
    if len(sharing) == 1:
        return str(sharing[0])
    bound = blocks.bound(digits, "") if len(digits) in blocks.LENGTHS else None
    return _valid_in(digits[: bound.level], len(digits)) if bound else _valid_in(digits, len(digits))


@lru_cache(maxsize=1 << 14)
def _valid_in(known: str, length: int) -> str:
    """The one country in which numbers of this beginning are valid."""
    number = phonenumbers.parse("+" + known.ljust(length, "0"))
    sharing = phonenumbers.region_codes_for_country_code(blocks.country_code(known))
    valid = [region for region in sharing if phonenumbers.is_valid_number_for_region(number, region)]
    return valid[0] if len(valid) == 1 else ""
