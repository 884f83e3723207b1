"""What a person leaves in texts is found however it is written, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.traces import BLOT, Traces, anonymous

TRACES = Traces(
    frozenset({"+12025550143", "+442079460958"}),
    frozenset({"ann@example.org"}),
    frozenset({("Ann", "Öz"), ("", "Smith")}),
    frozenset({"7", "CUST-1"}),
)


@pytest.mark.parametrize(
    "text",
    [
        "+12025550143", "tel:12025550143.", "(202) 555-0143", "202.555.0143", "001 202 555 0143", "+1-202-555-0143",
        "020 7946 0958", "+44 (0)20 7946 0958", "ANN@Example.org,", "<ann@example.org>", "ann öz", "Öz, Ann",
        'x;"Ann";"Öz";y', "id=CUST-1",
    ],
)  # fmt: skip
def test_a_trace_is_blotted_out(text: str) -> None:
    assert TRACES.found_in(text)
    assert BLOT in TRACES.blot(text)
    assert not TRACES.found_in(TRACES.blot(text))


@pytest.mark.parametrize(
    "text",
    [
        "912025550143",
        "+120255501430",
        "joann@example.org",
        "Anna Öz",
        "7",
        "Smith",
        "XCUST-12",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert TRACES.blot(text) == text


@settings(max_examples=25)
@given(st.lists(st.sampled_from(" .-()/"), min_size=9, max_size=9), st.text("ab ,;", max_size=5))
def test_a_number_is_found_with_any_signs_between_its_digits(signs: list[str], around: str) -> None:
    written = "".join(digit + sign for digit, sign in zip("2025550143", [*signs, ""], strict=True))
    assert TRACES.blot(f"{around}{written}{around}") == f"{around}{BLOT}{around}"


def test_json_keeps_its_form_and_comes_back() -> None:
    assert TRACES.blot_json({"a": ["202-555-0143", 7, None]}) == {"a": [BLOT, 7, None]}
    assert anonymous({"a": ["x", 7, ""], "b": {"c": True}}) == {"a": [BLOT, 7, ""], "b": {"c": True}}
    assert Traces.from_json(TRACES.to_json()) == TRACES
    assert {"2025550143", "ann@example.org", "\\u00f6z", "\\u00d6z", "Öz", "cust-1"} <= set(TRACES.hints())
