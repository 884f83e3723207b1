"""Reject patterns: POM's signs, against the expression they stand for, and in time that no pattern can stretch."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.phone import RejectPattern, RejectPatterns, check_pattern
from app.core.phone.rejects import ways
from common.errors import Refused

NEW_YORK, LONDON, TORONTO = "+12125550123", "+442079460958", "+14165550123"
WORD = st.one_of(
    st.text("0123456789", min_size=1, max_size=2),
    st.sampled_from(("?", "*", "*", "[13-5]", "[0-9]", "10-12", "098-201")),
)


def expression(text: str) -> str:
    """The same as a regular expression; ranges spelt out."""
    words = re.findall(r"[0-9]+-[0-9]+|\[[^]]*\]|.", text)
    return "".join(
        "[0-9]*" if word == "*" else "[0-9]" if word == "?" else _spelt(word) if re.match(r"[0-9]+-", word) else word
        for word in words
    )


def _spelt(word: str) -> str:
    low, high = word.split("-")
    return "(?:" + "|".join(f"{n:0{len(low)}}" for n in range(int(low), int(high) + 1)) + ")"


@settings(max_examples=120)
@given(
    st.lists(st.lists(WORD, min_size=1, max_size=5).map("".join), min_size=1, max_size=4),
    st.text("0123456789", min_size=7, max_size=10),
)
def test_patterns_match_what_their_expressions_do(texts: list[str], digits: str) -> None:
    texts = [text for text in texts if _readable(text)]
    patterns = RejectPatterns(RejectPattern(text) for text in texts)
    found = patterns.find(f"+1{digits}", "US")
    wanted = next((text for text in texts if re.fullmatch(expression(text), digits)), None)
    assert (found and found.text) == wanted
    assert patterns.may_match(f"+1{digits}") is (wanted is not None)


def _readable(text: str) -> bool:
    """Two words together may be another one: 1 and 098-201 are no range."""
    try:
        ways(text)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "country", "number", "of", "matches"),
    [
        ("212*", "", NEW_YORK, "US", True),
        ("20*", "", LONDON, "GB", True),
        ("212*", "CA", NEW_YORK, "US", False),
        ("416*", "CA", TORONTO, "CA", True),
        ("+1212*", "", NEW_YORK, "US", True),
        ("+*0958", "", LONDON, "GB", True),
        ("*5550100-5550199", "", NEW_YORK, "US", True),
        ("*5550124-5550199", "", NEW_YORK, "US", False),
        ("???555????", "", NEW_YORK, "US", True),
        ("[3-9]*", "", NEW_YORK, "US", False),
        ("212", "", NEW_YORK, "US", False),
    ],
)
def test_a_pattern_is_of_a_country_or_of_all(text: str, country: str, number: str, of: str, matches: bool) -> None:
    patterns = RejectPatterns([RejectPattern(text, "ours", country)])
    assert (patterns.find(number, of) is not None) is matches


def test_the_first_that_matches_says_why() -> None:
    patterns = RejectPatterns([RejectPattern("3*"), RejectPattern("2*", "not ours"), RejectPattern("212*")])
    found = patterns.find(NEW_YORK, "US")
    assert found is not None
    assert found.words == "matches the reject pattern 2*: not ours"


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("", "empty"),
        ("+", "empty"),
        ("**", "every number"),
        ("9x", "use digits"),
        ("[]", "choice of digits"),
        ("[5-2]", "turn it round"),
        ("5-2", "range"),
        ("555-0100", "dashes between groups"),
        ("1-", "use digits"),
        ("1" * 61, "60 signs"),
        ("123-876*123-876*123-876*12-34*12-34", "too many"),
    ],
)
def test_what_is_no_pattern_says_how_to_mend_it(text: str, mend: str) -> None:
    with pytest.raises(Refused, match=f"^pattern: .*{mend}"):
        check_pattern(text)


def test_hostile_patterns_cost_no_more_than_plain_ones() -> None:
    """Expressions that bring backtracking to its knees: each digit is looked at once, a few states are made."""
    patterns = RejectPatterns(RejectPattern("*" + f"?*{digit}*" * 9 + "77") for digit in "0123456789")
    for number in range(500):
        assert patterns.find(f"+1{(number * 7919) % 10**10:010}", "US") is None
    assert len(patterns._national._states) < 5000
