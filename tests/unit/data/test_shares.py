"""Parts by chance: even, the same again, and nobody is moved by whoever comes later."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.audience.shares import cuts, part_of, place, read_shares, sizes
from common.errors import Refused


def test_reads_a_number_of_parts_or_percentages() -> None:
    assert read_shares("4") == (0.25,) * 4
    assert read_shares("50, 30 %,20") == (0.5, 0.3, 0.2)
    assert read_shares("10.5, 20") == (0.105, 0.2)
    assert read_shares("10 %") == (0.1,)


@pytest.mark.parametrize("text", ["", "1", "51", "0, 100", "60, 50", "half", "50;50", "-1, 5", "1e1, 5"])
def test_refuses_what_are_no_shares(text: str) -> None:
    with pytest.raises(Refused, match=r"^parts: "):
        read_shares(text)


@settings(max_examples=30)
@given(st.integers(2, 9), st.sets(st.integers(0, 10**6), max_size=60), st.text(max_size=5))
def test_parts_are_as_large_as_said_and_depend_on_word_and_id_alone(count: int, people: set[int], word: str) -> None:
    shares = read_shares(str(count))
    ends = cuts(shares, sorted(place(word, str(one)) for one in people))
    parts = {one: part_of(place(word, str(one)), ends) for one in people}
    found = [list(parts.values()).count(part) for part in range(count)]
    assert found == sizes(shares, len(people))
    assert max(found) - min(found) <= 1
    assert sum(found) == len(people)
