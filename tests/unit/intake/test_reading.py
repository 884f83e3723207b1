from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intake import reading
from app.intake.reading import Bad, Format, Record
from common.errors import Refused


def write(tmp_path: Path, content: bytes | str) -> Path:
    path = tmp_path / "contacts.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path) -> list[Record | Bad]:
    form = reading.detect(path)
    with reading.open_text(path) as file:
        return list(reading.records(file, form))


def cells(items: list[Record | Bad]) -> list[list[str]]:
    return [item.cells for item in items if isinstance(item, Record)]


@pytest.mark.parametrize("delimiter", list(",;\t|:"))
def test_finds_out_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    text = "id,name,phone1\n1,Anna,2025550100\n2,Bo,2025550101\n".replace(",", delimiter)
    assert reading.detect(write(tmp_path, text)).delimiter == delimiter


def test_a_comma_inside_values_does_not_mislead(tmp_path: Path) -> None:
    path = write(tmp_path, 'id;name;phone1\n1;"Smith, Anna";2025550100\n2;Lee, Bo;2025550101\n')
    assert cells(read(path)) == [["1", "Smith, Anna", "2025550100"], ["2", "Lee, Bo", "2025550101"]]


def test_takes_a_delimiter_that_is_named(tmp_path: Path) -> None:
    assert reading.detect(write(tmp_path, "id#name,x\n1#a,b\n"), "#").columns == ("id", "name,x")
    with pytest.raises(Refused, match="delimiter: give one sign"):
        reading.detect(write(tmp_path, "id,name\n"), '"')


def test_passes_over_empty_lines_above_the_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "\n \nid,name\n1,a\n")
    assert [(item.line, item.cells) for item in read(path) if isinstance(item, Record)] == [(4, ["1", "a"])]
    with pytest.raises(Refused, match="line 3: two columns"):
        reading.detect(write(tmp_path, "\n\nid,id\n"))


def test_a_row_with_what_could_not_be_read_says_why(tmp_path: Path) -> None:
    path = write(
        tmp_path, b'id,name\n1,Zo\xeb\n2,"a\n\xff"\n3,' + "\ufffd{cell B4: its formula has no value}\n4,d\n".encode()
    )
    items = read(path)
    assert cells(items) == [["4", "d"]]
    reasons = [item.reason for item in items if isinstance(item, Bad)]
    assert "could not be read, shown as \ufffd" in reasons[0]
    assert reasons[-1] == "cell B4: its formula has no value"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "line 1: is empty"),
        (b"id\0,name\n", "NUL"),
        (b"x" * 10_000_000, "longer than 100,000"),
        (b"id,name,name\n", "two columns are named 'name'"),
        (b"id,na\x07me\n", "no name of a column"),
        (",".join(map(str, range(501))).encode(), "501 columns"),
    ],
)
def test_refuses_what_is_no_csv_file(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        reading.detect(write(tmp_path, content))


def test_says_so_when_the_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        reading.detect(tmp_path / "gone.csv")


def test_a_bad_line_takes_no_other_with_it(tmp_path: Path) -> None:
    text = 'id,name\n1,a\n2,"open\n3,c\n4,d,extra\n5\n\n6,NUL\0\n7,' + "x" * 100_001 + '\n8,"two\nlines"\n9,i\n'
    items = read(write(tmp_path, text))
    assert cells(items) == [["1", "a"], ["3", "c"], ["8", "two\nlines"], ["9", "i"]]
    assert [(item.line, item.reason.split(";")[0]) for item in items if isinstance(item, Bad)] == [
        (3, "a quote is opened and never closed"),
        (5, "has 3 columns, the first line names 2"),
        (6, "has 1 columns, the first line names 2"),
        (8, "holds a NUL"),
        (9, "longer than 100,000 characters"),
    ]
    assert [item.line for item in items if isinstance(item, Record)] == [2, 4, 10, 12]


def test_ten_megabytes_of_one_line_are_one_reject(tmp_path: Path) -> None:
    items = read(write(tmp_path, b"id,name\n" + b"x" * 10_000_000 + b"\n2,b\n"))
    assert cells(items) == [["2", "b"]]
    assert [item.reason for item in items if isinstance(item, Bad)] == ["longer than 100,000 characters"]


def test_a_quote_never_closed_at_the_end_of_a_large_file_loses_one_line(tmp_path: Path) -> None:
    text = 'id,name\n1,"open\n' + "".join(f"{number},n\n" for number in range(2, 1000))
    assert len(cells(read(write(tmp_path, text)))) == 998


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_takes_every_line_ending(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, ending.join(["id,name", "1,a", "2,b"]))
    assert cells(read(path)) == [["1", "a"], ["2", "b"]]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufffd", exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(texts, texts, texts), max_size=8))
def test_reads_back_whatever_the_csv_module_writes(rows: list[tuple[str, str, str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([("id", "a", "b"), *rows])
    form = Format(",", ("id", "a", "b"))
    items = list(reading.records(io.StringIO(buffer.getvalue(), newline=""), form))
    expected = [list(row) for row in rows if any(cell.strip() for cell in row)]
    assert [item.cells for item in items if isinstance(item, Record) and any(map(str.strip, item.cells))] == expected
    assert not [item for item in items if isinstance(item, Bad)]


@given(st.text(st.sampled_from('ab,"\n\r\0;'), max_size=60))
def test_any_text_is_read_to_its_end(text: str) -> None:
    form = Format(",", ("id", "a", "b"))
    for item in reading.records(io.StringIO("id,a,b\n" + text, newline=""), form):
        assert item.line >= 2
