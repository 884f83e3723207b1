"""Blocks say of every number what phonenumbers says of it, or nothing."""

from __future__ import annotations

import json
import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers.phonemetadata import PhoneMetadata

from app.core.phone import BadNumber, NumberReader, PhoneNumber, blocks, recall, remembered
from app.core.phone import numbers as phone_numbers
from app.core.phone.patterns import Pattern, Unreadable

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)


def one_by_one(text: str, home_country: str) -> PhoneNumber | str:
    """By phonenumbers alone."""
    try:
        return phone_numbers._parse(text, home_country)
    except BadNumber as refused:
        return str(refused)


def by_block(reader: NumberReader, text: str) -> PhoneNumber | str | None:
    found = reader.find(text)
    if found is None:
        return None
    e164, block = found
    return block.refusal or PhoneNumber(e164, block.country, block.time_zones, block.type)


@st.composite
def dialled(draw: st.DrawFn) -> tuple[str, str]:
    """A number near one that exists, as it is written at home or abroad, and its country."""
    country = draw(st.sampled_from(COUNTRIES))
    kind = draw(st.sampled_from((0, 1, 2, 3, 4, 6)))
    example = phonenumbers.example_number_for_type(country, kind) or phonenumbers.example_number(country)
    national = phonenumbers.national_significant_number(example)
    kept = draw(st.integers(0, len(national)))
    changed = national[:kept] + draw(
        st.text("0123456789", min_size=len(national) - kept, max_size=len(national) - kept)
    )
    code = f"+{phonenumbers.country_code_for_region(country)}"
    prefix = phonenumbers.ndd_prefix_for_region(country, True) or "0"
    return draw(st.sampled_from((code, "", prefix, code[1:], code + prefix))) + changed, country


@settings(max_examples=40)
@given(dialled())
def test_a_block_says_what_phonenumbers_says_of_the_number(number: tuple[str, str]) -> None:
    text, country = number
    reader = NumberReader(country)
    for digit in "07":
        # The block is learnt from one number and asked for the other.
        other = text[:-3] + digit * 3 if len(text) > 6 else text
        found = by_block(reader, other)
        assert found is None or found == one_by_one(other, country)
        # Whoever goes on with what this reader has learnt says the same.
        again = NumberReader(country)
        recall(again, json.loads(json.dumps(remembered(reader))))
        assert by_block(again, other) == found


def test_what_is_kept_of_numbers_is_nobodys_number_and_need_not_be_learnt_again() -> None:
    reader, again = NumberReader("US"), NumberReader("US")
    for text in ("2125550123", "+13085550123", "+4915112345678", "+99912345678"):
        by_block(reader, text)
    kept = remembered(reader)
    recall(again, kept)
    recall(again, kept)
    digits = [known for by_length in again.tables for table in by_length.values() for known in table]
    assert sorted(map(len, digits))[-1] == 8
    assert again.learnt == len(digits)
    for text in ("2125550199", "+13085550199", "+4915112345999"):
        by_block(again, text)
    assert again.fresh == 0


@pytest.mark.parametrize(
    ("text", "home_country", "level"),
    [
        ("2125550123", "US", 4),
        ("12125550123", "", 5),
        ("447400123456", "", 5),
        ("07400123456", "GB", 4),
        ("13085550123", "", 6),
        ("5491123456789", "", 6),
    ],
)
def test_few_digits_decide(text: str, home_country: str, level: int) -> None:
    bound = blocks.bound(text, home_country)
    assert bound is not None
    assert bound.level == level


@pytest.mark.parametrize(("text", "home_country"), [("99912345678", ""), ("4930123456", "DE"), ("0111234567", "XX")])
def test_where_nothing_can_be_told_there_is_no_block(text: str, home_country: str) -> None:
    assert blocks.bound(text, home_country) is None


def test_emergency_numbers_are_shorter_than_any_block() -> None:
    for country in COUNTRIES:
        metadata = PhoneMetadata.short_metadata_for_region(country)
        if metadata is not None and metadata.emergency is not None:
            assert max(metadata.emergency.possible_length) < min(blocks.LENGTHS)


@pytest.mark.parametrize("text", [r"(?:[2-9]\d|30?)\d{2,3}", r"(5\d{3})$|0|180", r"1[0-2]{2}(?:3|4)?", ""])
@settings(max_examples=15)
@given(digits=st.text("0123456789", max_size=6))
def test_a_pattern_foresees_what_the_expression_finds(text: str, digits: str) -> None:
    pattern = Pattern(text)
    state, found = pattern.start, re.compile(text).match(digits)
    for at, digit in enumerate(digits, 1):
        state = pattern.step(state, digit)
        left = len(digits) - at
        foreseen = pattern.outcome(state, left)
        assert foreseen is None or foreseen == bool(re.fullmatch(text, digits))
        assert not pattern.silent(state, left) or found is None or found.end() <= at
    assert pattern.outcome(state, 0) == bool(re.fullmatch(text, digits))


@pytest.mark.parametrize("text", ["a", r"\w", "1*", "(1", "1$2"])
def test_an_expression_of_another_kind_is_not_guessed_at(text: str) -> None:
    with pytest.raises(Unreadable):
        Pattern(text)
