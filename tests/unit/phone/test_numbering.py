"""An organization's rules about numbers: none makes a number dialable that is refused, whatever else they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import shortnumberinfo

from app.core.phone import (
    BadNumber,
    CountryFormat,
    DialingRule,
    Dialled,
    Formats,
    NeverDialled,
    Numbering,
    NumberRefused,
    OpenedRange,
    RejectPattern,
    RejectPatterns,
    TrunkSite,
    parse_number,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
PREMIUM, SATELLITE, PAGER = "+19005551234", "+881612345678", "+447640123456"
COUNTRIES = ("US", "GB", "DE", "BR", "IN")


def examples() -> list[tuple[str, str]]:
    """Numbers of every kind, as at home, and short ones."""
    found = [("911", "US"), ("112", "DE"), ("999", "GB"), ("1471", "GB"), ("555 0100", "US"), ("40404", "US")]
    for country in COUNTRIES:
        for kind in range(11):
            if (example := phonenumbers.example_number_for_type(country, kind)) is not None:
                found.append((phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL), country))
    return [*found, (SATELLITE, ""), ("+870773111632", ""), ("+97912345678", "")]


#: What mends as much as a format can.
FORMATS = Formats(
    [
        CountryFormat("US", frozenset({10}), 12, "1", (("???", "2125550"), ("?????", "21255"), ("???????", "212"))),
        CountryFormat("GB", pad=11, local=(("???", "20794609"), ("????", "2079460"))),
        CountryFormat("DE", pad=10, trunk_prefix="1", local=(("???", "3012345"),)),
    ],
    "#",
)
NUMBERINGS = st.builds(
    lambda opened, patterns, rules, formats: Numbering(
        tuple(rules),
        RejectPatterns(RejectPattern(text) for text in patterns),
        tuple(OpenedRange(prefix, until) for prefix, until in opened),
        formats,
    ),
    st.lists(
        st.tuples(st.sampled_from(("+", "+1", "+1900", "+44", "+881", "+1911", "+49")), st.sampled_from((NOW, LATER))),
        max_size=3,
    ),
    st.lists(st.sampled_from(("9*", "*555*", "+44*", "[2-8]*", "??????????")), max_size=2),
    st.lists(
        st.builds(DialingRule, st.just("r"), strip=st.integers(0, 9), prepend=st.sampled_from(("", "9"))), max_size=1
    ),
    st.sampled_from((Formats(), FORMATS)),
)


@settings(max_examples=80)
@given(st.sampled_from(examples()), NUMBERINGS, st.sampled_from(("", *COUNTRIES)))
def test_no_rule_makes_a_refused_number_dialable(
    number: tuple[str, str], numbering: Numbering, trunk_country: str
) -> None:
    text, home = number
    try:
        parse_number(text, home)
        plainly = None
    except BadNumber as error:
        plainly = error
    try:
        read = numbering.read(text, home, NOW)
    except BadNumber:
        return
    if plainly is not None and not isinstance(plainly, NumberRefused):
        # A format has found a number where there was none, and neither an emergency nor a short one.
        assert numbering.formats == FORMATS
        assert text in ("555 0100",) or not shortnumberinfo.is_valid_short_number_for_region(
            phonenumbers.parse(text, home), home
        )
        assert parse_number(read.e164, "") == read
    elif plainly is not None:
        # Nothing but an open range has a refused number taken, and one of these kinds only.
        assert isinstance(plainly, NeverDialled)
        assert any(read.e164.startswith(each.prefix) and each.until > NOW for each in numbering.opened)
    assert numbering.rejects.find(read.e164, read.country) is None
    assert numbering.barred(read.e164, NOW) == ""
    assert not shortnumberinfo.is_emergency_number(text, home or "US")
    made = numbering.dial(read.e164, TrunkSite(1, trunk_country))
    if isinstance(made, Dialled) and trunk_country and made.text != read.e164:
        assert not shortnumberinfo.connects_to_emergency_number(made.text, trunk_country)
    # What is refused by now is not dialled, though it was taken once.
    closed = Numbering(numbering.dialing, RejectPatterns([RejectPattern("*")]))
    assert closed.barred(read.e164, NOW)
    if isinstance(plainly, NumberRefused):
        assert Numbering(numbering.dialing).barred(read.e164, NOW)
        assert numbering.barred(read.e164, LATER + timedelta(days=1))


@settings(max_examples=40)
@given(st.sampled_from(examples()), NUMBERINGS)
def test_reading_is_idempotent(number: tuple[str, str], numbering: Numbering) -> None:
    try:
        read = numbering.read(*number, NOW)
    except BadNumber:
        return
    for home in ("", number[1], "US"):
        assert numbering.read(read.e164, home, NOW) == read


@pytest.mark.parametrize(("number", "prefix"), [(PREMIUM, "+1900"), (SATELLITE, "+881"), (PAGER, "+4476")])
def test_a_range_is_open_until_its_time_is_over(number: str, prefix: str) -> None:
    with pytest.raises(NeverDialled):
        Numbering().read(number, "", NOW)
    numbering = Numbering(opened=(OpenedRange(prefix, LATER),))
    assert numbering.read(number, "", NOW).e164 == number
    assert numbering.barred(number, NOW) == ""
    with pytest.raises(NeverDialled):
        numbering.read(number, "", LATER)
    assert numbering.barred(number, LATER)
    assert Numbering(opened=(OpenedRange("+1901", LATER),)).barred(number, NOW)


def test_a_number_of_an_open_range_has_its_dialing_rule() -> None:
    numbering = Numbering((DialingRule("r", written="digits", prepend="9"),), opened=(OpenedRange("+1900", LATER),))
    assert numbering.dial(PREMIUM, TrunkSite(1, "US")) == Dialled("919005551234", "r")


def test_simulated_numbers_are_nobodys_kind_but_patterns_hold_for_them_too() -> None:
    numbering = Numbering(rejects=RejectPatterns([RejectPattern("*777")]))
    assert numbering.barred("+15550100555", NOW) == ""
    assert "*777" in numbering.barred("+15550100777", NOW)


def test_another_process_reads_by_the_same_rules() -> None:
    rejects, opened = RejectPatterns([RejectPattern("9*", "why", "US")]), (OpenedRange("+881", LATER),)
    numbering = Numbering((), rejects, opened, FORMATS)
    assert Numbering.from_json(numbering.to_json()) == numbering
