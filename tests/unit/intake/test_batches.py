"""Batches hold the records that the careful way reads, whatever the file and wherever a piece of it ends."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intake import batches, reading
from app.intake.reading import Format, Record

CELL = st.sampled_from(("a", "", " ", "bb", '"q"', '"a,b"', '"a\nb"', '5" x', '"', 'a"', "\0", '"""', "é", "\ufffd"))
LINE = st.tuples(st.lists(CELL, max_size=3), st.sampled_from(("\n", "\n", "\r\n", "\r", "")))


def opened(text: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline="")


def careful(text: str, form: Format) -> list[tuple[int, object]]:
    items = reading.records(opened(text), form)
    return sorted((item.line, item.cells if isinstance(item, Record) else item.reason) for item in items)


def quick(text: str, form: Format, passed: int) -> list[tuple[int, object]]:
    found: list[tuple[int, object]] = []
    for batch in batches.batches(opened(text), form, passed):
        found += zip(batch.lines, batch.rows, strict=True)
        found += [(bad.line, bad.reason) for bad in batch.bad]
    return sorted(found)


@given(st.lists(LINE, max_size=8), st.integers(1, 3), st.integers(1, 60), st.integers(0, 4))
def test_both_ways_read_the_same(lines: list[tuple[list[str], str]], width: int, piece: int, passed: int) -> None:
    columns = tuple("abc"[:width])
    form = Format(",", columns)
    text = ",".join(columns) + "\n" + "".join(",".join(cells) + end for cells, end in lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_PIECE", piece)
        assert quick(text, form, passed) == careful(text, form)[passed:]


def test_a_record_that_is_too_long_is_bad_alone() -> None:
    form = Format(",", ("a", "b"))
    text = "a,b\n1,2\n" + "x" * 250_000 + ",y\n3,4\n"
    assert quick(text, form, 0) == careful(text, form)
    assert [cells for _, cells in quick(text, form, 0)] == [["1", "2"], "longer than 100,000 characters", ["3", "4"]]
