"""What kind of line a number belongs to, as numbering plans tell by its first digits."""

from __future__ import annotations

from enum import StrEnum

from phonenumbers import PhoneNumberType


class NumberType(StrEnum):
    """What phonenumbers takes a number for, by its first digits."""

    MOBILE = "mobile"
    FIXED_LINE = "fixed_line"
    #: Countries such as the US do not tell the two apart by the digits.
    FIXED_OR_MOBILE = "fixed_or_mobile"
    TOLL_FREE = "toll_free"
    SHARED_COST = "shared_cost"
    VOIP = "voip"
    PERSONAL = "personal"
    UAN = "uan"
    PREMIUM_RATE = "premium_rate"
    PAGER = "pager"
    VOICEMAIL = "voicemail"


#: By phonenumbers' own name.
TYPES = {
    PhoneNumberType.MOBILE: NumberType.MOBILE.value,
    PhoneNumberType.FIXED_LINE: NumberType.FIXED_LINE.value,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberType.FIXED_OR_MOBILE.value,
    PhoneNumberType.TOLL_FREE: NumberType.TOLL_FREE.value,
    PhoneNumberType.SHARED_COST: NumberType.SHARED_COST.value,
    PhoneNumberType.VOIP: NumberType.VOIP.value,
    PhoneNumberType.PERSONAL_NUMBER: NumberType.PERSONAL.value,
    PhoneNumberType.UAN: NumberType.UAN.value,
    PhoneNumberType.PREMIUM_RATE: NumberType.PREMIUM_RATE.value,
    PhoneNumberType.PAGER: NumberType.PAGER.value,
    PhoneNumberType.VOICEMAIL: NumberType.VOICEMAIL.value,
}
