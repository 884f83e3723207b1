"""Marks of texts say "perhaps" wherever a person is found, and "certainly not" nearly everywhere else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.marks import Wanted, packed_marks, strings_of
from app.core.traces import Traces

TRACES = Traces(
    frozenset({"+12025550143", "+442079460958"}),
    frozenset({"ann.o-hara@example.org"}),
    frozenset({("Zéphyrine", "O'Hara Öz"), ("", "Smith"), ("İnci", "Straße")}),
    frozenset({"7", "CUST-1", "AB_12345", "998877"}),
)
WANTED = Wanted.of(TRACES)
#: As people, programs and JSON within JSON write them.
WRITTEN = [
    "+12025550143", "tel:12025550143x", "(202) 555-0143", "202.555.0143", "001 202 555 0143", "+1-202-555-0143",
    "020 7946 0958", "+44 (0)20 7946 0958", "00442079460958", "2 0 2 5 5 5 0 1 4 3", "ANN.O-hara@Example.org",
    "zéphyrine o'hara öz", "O'HARA ÖZ, ZÉPHYRINE", '"Z\\u00e9phyrine";"O\'Hara \\u00d6z"',
    "Z\\u00C9PHYRINE O'HARA \\u00D6Z",
    "inci STRAßE", "İNCİ|straße", "cust-1", "ab_12345", "998877",
]  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN)
def test_whoever_is_in_a_text_is_in_its_marks(written: str) -> None:
    assert TRACES.found_in(written)
    assert WANTED.may_be_in(packed_marks([f"heard: {written}, and then"]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(WRITTEN), min_size=1, max_size=3), st.text(" .-()/,;|\"'_1234567890aé\u0345", max_size=9)
)
def test_no_text_around_hides_them(written: list[str], between: str) -> None:
    text = between.join([*written, "", *written[::-1]])
    if TRACES.found_in(text):
        assert WANTED.may_be_in(packed_marks(["other", text]))


def test_ordinary_calls_are_certainly_without_them() -> None:
    texts = [
        "-> INVITE", "<- 200 OK", "2026-11-26T10:15:30.123Z", "prompt: Hello Ann Smith, press 1 or 202 or 555, please",
        "-> BYE +1202*****43", "example.org", "CUST-2 CUST 10 1", "2025550144", "912025550143",
    ]  # fmt: skip
    assert not WANTED.may_be_in(packed_marks(texts))
    assert not WANTED.may_be_in(b"")


def test_what_marks_cannot_tell_may_be_anywhere() -> None:
    for name in ("2026-11", "-----", "A----"):  # within moments; no word at all; a word that stands everywhere
        assert Wanted.of(Traces(ids=frozenset({name}))).may_be_in(packed_marks(["anything"]))


def test_every_string_of_a_value_is_marked() -> None:
    assert sorted(strings_of({"a": ["b", {"c": 1, "d": None}], "e": "f"})) == ["a", "b", "c", "d", "e", "f"]
