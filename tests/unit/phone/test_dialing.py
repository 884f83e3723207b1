"""What is dialled for a number: by the first rule that matches, and never anything but that number."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import shortnumberinfo

from app.core.phone import (
    BadNumber,
    DialingRule,
    Dialled,
    NotDialled,
    NumberType,
    TrunkSite,
    Written,
    dial,
    parse_number,
)

LONDON, BERLIN, NEW_YORK, DELHI = "+442079460958", "+4930901820", "+12125550123", "+911123456789"
US, GB = TrunkSite(1, "US"), TrunkSite(2, "GB")
ANYWHERE = TrunkSite(1)
COUNTRIES = ("US", "GB", "DE", "FR", "IT", "IN", "BR", "AU")
#: Two of each country, as a rule sees them.
NUMBERS = sorted(
    phonenumbers.format_number(phonenumbers.example_number_for_type(country, kind), phonenumbers.PhoneNumberFormat.E164)
    for country in COUNTRIES
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
)
RULES = st.builds(
    DialingRule,
    name=st.just("r"),
    country=st.sampled_from(("", "", *COUNTRIES)),
    prefix=st.sampled_from(("", "", "+1", "+44", "20", "9")),
    type=st.sampled_from(("", "", NumberType.MOBILE.value)),
    trunk_id=st.sampled_from((None, None, 1)),
    written=st.sampled_from(Written),
    strip=st.integers(0, 12),
    strip_prefix=st.sampled_from(("", "", "+1", "0", "44")),
    prepend=st.one_of(st.sampled_from(("", "", "9", "*67", "1234#", "+", "911")), st.text("0123456789*#+", max_size=6)),
)


@pytest.mark.parametrize(
    ("number", "rule", "trunk", "text"),
    [
        (LONDON, DialingRule("r", written=Written.DIGITS), US, "442079460958"),
        (LONDON, DialingRule("r", written=Written.FROM_TRUNK), US, "011442079460958"),
        (LONDON, DialingRule("r", written=Written.FROM_TRUNK), GB, "02079460958"),
        (LONDON, DialingRule("r", written=Written.NATIONAL, prepend="9"), GB, "902079460958"),
        (NEW_YORK, DialingRule("r", written=Written.SIGNIFICANT), US, "2125550123"),
        (NEW_YORK, DialingRule("r", written=Written.DIGITS, prepend="1234#"), US, "1234#12125550123"),
        (NEW_YORK, DialingRule("r", strip=1, prepend="*67"), US, "*672125550123"),
        (NEW_YORK, DialingRule("r", strip_prefix="+1212555"), US, "0123"),
        (NEW_YORK, DialingRule("r"), US, NEW_YORK),
        # In a country nobody said: the number in full, or as its own country reads it.
        (BERLIN, DialingRule("r", written=Written.DIGITS, prepend="1234#"), ANYWHERE, "1234#4930901820"),
        (LONDON, DialingRule("r", written=Written.NATIONAL), ANYWHERE, "02079460958"),
        ("+298201234", DialingRule("r", written=Written.SIGNIFICANT), ANYWHERE, "201234"),
    ],
)
def test_a_rule_writes_takes_off_and_puts_before(number: str, rule: DialingRule, trunk: TrunkSite, text: str) -> None:
    assert dial(number, [rule], trunk) == Dialled(text, "r")


def test_the_first_rule_that_matches_decides_alone() -> None:
    rules = [
        DialingRule("mobiles", "GB", type=NumberType.MOBILE, prepend="1#", written=Written.DIGITS),
        DialingRule("London", "GB", "20", prepend="2#", written=Written.DIGITS),
        DialingRule("other trunk", trunk_id=2, prepend="3#", written=Written.DIGITS),
        DialingRule("all", prepend="4#", written=Written.DIGITS),
    ]
    assert dial(LONDON, rules, US) == Dialled("2#442079460958", "London")
    assert dial(BERLIN, rules, GB) == Dialled("3#4930901820", "other trunk")
    assert dial(BERLIN, rules, US) == Dialled("4#4930901820", "all")
    assert dial("+447400123456", rules, US).rule == "mobiles"
    assert dial(BERLIN, rules[:2], US) == Dialled(BERLIN)


@pytest.mark.parametrize(
    ("number", "rule", "trunk", "because"),
    [
        (DELHI, DialingRule("r", written=Written.DIGITS), US, "emergency"),
        (DELHI, DialingRule("r", written=Written.DIGITS), ANYWHERE, "emergency"),
        ("+33155123456", DialingRule("r", written=Written.SIGNIFICANT), ANYWHERE, "emergency services in FR"),
        (NEW_YORK, DialingRule("r", strip=4, prepend="646"), ANYWHERE, "in US is +16465550123"),
        ("+298201234", DialingRule("r", written=Written.SIGNIFICANT, strip=1), ANYWHERE, "country"),
        ("+12125550911", DialingRule("r", strip_prefix="+12125550"), US, "emergency"),
        ("+12125550911", DialingRule("r", strip_prefix="+12125550", prepend="9"), US, "emergency"),
        (NEW_YORK, DialingRule("r", strip_prefix="+1212555"), ANYWHERE, "country"),
        ("+442079461471", DialingRule("r", strip_prefix="+44207946"), GB, "short number"),
        (NEW_YORK, DialingRule("r", strip=11), US, "fewer digits"),
        (NEW_YORK, DialingRule("r", strip=1, prepend="+1646"), US, "another number"),
        (NEW_YORK, DialingRule("r", strip=4, prepend="646"), US, "is +16465550123"),
        (NEW_YORK, DialingRule("r", written=Written.DIGITS, prepend="1" * 30), US, "cannot be dialled"),
    ],
)
def test_what_a_rule_must_not_make_is_not_dialled(
    number: str, rule: DialingRule, trunk: TrunkSite, because: str
) -> None:
    made = dial(number, [rule], trunk)
    assert isinstance(made, NotDialled)
    assert because in str(made)


@settings(max_examples=60)
@given(st.sampled_from(NUMBERS), st.lists(RULES, max_size=3), st.sampled_from(("", *COUNTRIES)))
def test_no_rule_makes_an_emergency_short_or_other_number(number: str, rules: list[DialingRule], country: str) -> None:
    made = dial(number, rules, TrunkSite(1, country))
    if isinstance(made, NotDialled):
        return
    digits = made.text.strip("+*#").replace("*", "").replace("#", "")
    assert len(digits) >= 2
    where = country or "US"
    if not country and digits[-len(number) + 1 :] != number[1:]:
        where = country = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    assert not shortnumberinfo.connects_to_emergency_number(digits, where) or made.text == number
    if made.text.startswith("+"):
        assert made.text == number
    elif country:
        try:
            read = parse_number(made.text, country).e164
        except BadNumber:
            return
        assert read == number
