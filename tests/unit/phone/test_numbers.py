from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType, timezone

from app.core.phone import BadNumber, PhoneNumber, parse_number

AREAS = ("201", "212", "246", "303", "415", "441", "506", "647", "671", "787", "800", "808", "867", "876", "907", "928")


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("(212) 555-0123", "+12125550123"),
        ("+1 303.555.0199", "+13035550199"),
        ("1-415-555-0100", "+14155550100"),
        ("'2025550100", "+12025550100"),
        ("202\u00a0555\u20130100", "+12025550100"),
        ("011 44 20 7946 0958", "+442079460958"),
        ("+49 30 901820", "+4930901820"),
    ],
)
def test_reads_numbers_as_people_write_them(text: str, e164: str) -> None:
    assert parse_number(text, "US").e164 == e164


def test_a_number_without_plus_belongs_to_the_home_country() -> None:
    assert parse_number("020 7946 0958", "GB") == PhoneNumber("+442079460958", "GB", ("Europe/London",), "fixed_line")
    with pytest.raises(BadNumber, match="no home country"):
        parse_number("020 7946 0958", "")


@pytest.mark.parametrize("area", ["202", "212", "303", "312", "415", "602", "808", "907"])
def test_takes_fictional_numbers_under_real_area_codes(area: str) -> None:
    for last in ("00", "42", "99"):
        number = parse_number(f"+1{area}55501{last}", "US")
        assert number.country == "US"
        assert number.time_zones


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("+1202555;0100", "';'"),
        ("2025550100@evil.example", "'@'"),
        ("202555\r0100", "line break"),
        ("2025550100\n", "line break"),
        ("202\x005550100", "NUL"),
        ("+1+2025550100", r"a \+ inside"),
        ("sip:2025550100", "'s'"),
        ("1-800-FLOWERS", "'F'"),
        ("\u0662\u0660\u0662\u0665\u0665\u0665", "the sign"),
        ("202 555 0100 x12", "extension"),
        ("2.02555E+09", "spreadsheet"),
        ("911", "emergency"),
        ("+1 900 555 1234", "premium"),
        ("+870 776 123456", "satellite"),
        ("555-0100", "too few digits"),
        ("(555) 010-1234", "numbering plan"),
        ("+999 1234567", "country code that does not exist"),
        ("202555010022", "too many digits"),
        ("9" * 41, "too long"),
    ],
)
def test_refuses_what_cannot_be_dialled_and_says_why(text: str, reason: str) -> None:
    with pytest.raises(BadNumber, match=reason):
        parse_number(text, "US")


def test_a_number_may_lie_in_several_zones() -> None:
    assert set(parse_number("+1 928 213 0000", "US").time_zones) >= {"America/Phoenix"}
    assert len(parse_number("+61 491 570 156", "AU").time_zones) > 3


@given(st.sampled_from(AREAS), st.integers(200, 999), st.integers(0, 9999))
def test_the_cache_by_six_digits_agrees_with_the_whole_number(area: str, exchange: int, line: int) -> None:
    text = f"+1{area}{exchange}{line:04d}"
    number = phonenumbers.parse(text)
    try:
        found = parse_number(text, "US")
    except BadNumber as error:
        refused = str(error)
        assert not phonenumbers.is_valid_number(number) or "never dialled" in refused
        return
    assert phonenumbers.is_valid_number(number)
    assert found.e164 == text
    assert found.country == phonenumbers.region_code_for_number(number)
    assert found.time_zones == timezone.time_zones_for_number(number)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        number = parse_number(text, "US")
    except BadNumber:
        return
    assert number.e164.startswith("+")
    assert number.e164[1:].isascii()
    assert number.e164[1:].isdigit()


@pytest.mark.parametrize("kind", [PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE])
def test_every_countrys_numbers_have_the_zones_that_phonenumbers_names(kind: int) -> None:
    compared = 0
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(country, kind)
        if number is None:
            continue
        plain = timezone.time_zones_for_number(number)
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        found = parse_number(e164, "")
        assert found.e164 == e164
        assert found.country == (phonenumbers.region_code_for_number(number) or "")
        assert found.time_zones == tuple(zone for zone in plain if zone != "Etc/Unknown")
        compared += 1
    assert compared > 100
