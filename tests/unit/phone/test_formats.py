"""A country's own format: what it makes of a text that is no number, and what it must not make anything of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.phone import BadNumber, CountryFormat, Formats, Numbering, check_lengths, check_local
from common.errors import Refused

NOW = datetime(2026, 3, 1, tzinfo=UTC)
US = CountryFormat("US", local=(("[2-9]??????", "212"), ("???", "2125550"), ("????", "212555")))
ITALY = CountryFormat("IT", pad=10)
GERMANY = CountryFormat("DE", frozenset({10, 11}), trunk_prefix="9")


def read(text: str, home: str, *formats: CountryFormat, separator: str = "") -> str:
    return Numbering(formats=Formats(formats, separator)).read(text, home, NOW).e164


@pytest.mark.parametrize(
    ("text", "home", "e164"),
    [
        ("612345678", "IT", "+390612345678"),
        ("555-0123", "US", "+12125550123"),
        ("9030901820", "DE", "+4930901820"),
    ],
)
def test_mends_what_files_and_houses_leave_out(text: str, home: str, e164: str) -> None:
    with pytest.raises(BadNumber):
        read(text, home)
    assert read(text, home, US, ITALY, CountryFormat("DE", trunk_prefix="9")) == e164


@pytest.mark.parametrize(("text", "home"), [("0612345678", "IT"), ("(202) 555-0123", "US"), ("+4930901820", "DE")])
def test_what_is_a_number_stays_it(text: str, home: str) -> None:
    assert read(text, home, US, ITALY, CountryFormat("DE", trunk_prefix="0")) == read(text, home)


@pytest.mark.parametrize(
    ("text", "home", "e164"),
    [
        ("44#2079460958", "US", "+442079460958"),
        ("44 # 020 7946 0958", "US", "+442079460958"),
        ("#2025550123", "US", "+12025550123"),
        ("1#5550123", "", "+12125550123"),
        ("39#612345678", "US", "+390612345678"),
    ],
)
def test_a_sign_may_stand_behind_the_country_code(text: str, home: str, e164: str) -> None:
    assert read(text, home, US, ITALY, separator="#") == e164
    with pytest.raises(BadNumber):
        read(text, home, US, ITALY)


@pytest.mark.parametrize("text", ["4479460958#12", "+14479460958#12", "2125550123#4", "99#5550123"])
def test_an_extension_behind_the_sign_makes_no_number_of_somebody_else(text: str) -> None:
    with pytest.raises(BadNumber):
        read(text, "US", US, separator="#")


@pytest.mark.parametrize(
    "text", ["911", "1#911", "#911", "411", "(911)", "9#1#1", "#", "1#", "44#", "999#5550123", "x#1"]
)
def test_emergency_and_short_numbers_are_not_made_anything_of(text: str) -> None:
    with pytest.raises(BadNumber):
        read(text, "US", US, separator="#")


def test_numbers_of_a_kind_that_is_never_dialled_are_not_mended() -> None:
    with pytest.raises(BadNumber, match="premium"):
        read("9005551234", "US", CountryFormat("US", local=(("??????????", "1"),), trunk_prefix="900"))


def test_other_lengths_than_a_countrys_are_refused() -> None:
    assert read("+4930123456789", "", GERMANY) == "+4930123456789"
    with pytest.raises(BadNumber, match="has 8 digits; numbers of DE have 10 or 11 by your own format"):
        read("+4930901820", "", GERMANY)
    numbering = Numbering(formats=Formats([GERMANY]))
    assert numbering.barred("+4930901820", NOW) == ""
    assert numbering.doubt is not None
    assert numbering.doubt("+4930901820", "DE")
    assert not numbering.doubt("+4930123456789", "DE")
    assert not numbering.doubt("+12025550123", "US")


def test_lengths_and_local_numbers_are_read_as_written() -> None:
    assert check_lengths(" 9, 11-13 ") == {9, 11, 12, 13}
    assert check_lengths("") == frozenset()
    assert check_local("[2-9]?????? 212\n\n 55-66 030 ") == (("[2-9]??????", "212"), ("55-66", "030"))


@pytest.mark.parametrize("text", ["0", "16", "9-8", "x", "1-2-3"])
def test_what_is_no_length_says_so(text: str) -> None:
    with pytest.raises(Refused, match=r"^lengths: "):
        check_lengths(text)


@pytest.mark.parametrize("text", ["5", "5* 212", "5x 212", "5 2-1", "5?\n5 x"])
def test_what_is_no_local_number_says_its_line(text: str) -> None:
    with pytest.raises(Refused, match=r"^local: line [12]: "):
        check_local(text)
