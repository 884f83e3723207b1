"""Whatever arrives becomes one UTF-8 CSV whose lines are the original's."""

from __future__ import annotations

import codecs
import gzip
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.intake import reading
from app.intake.reading import Bad, Record
from app.services.importing import files, spooling
from app.services.importing.sheet_values import Style, number_text, style_of
from app.services.importing.spooling import Choices, SeveralMembers, Understood
from common.errors import Refused
from tests.support import workbooks
from tests.support.zips import zipped

TEXT = "id;name;phone1\n1;Zoë Müller;2025550100\n2;Jürgen;2025550101\n"
NAMES = ["Zoë Müller", "Jürgen"]


def keep(tmp_path: Path, content: bytes, name: str = "people.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def read(path: Path, choices: Choices | None = None) -> list[Record | Bad]:
    with spooling.spooled(path, choices, may_guess=True) as spool:
        form = reading.detect(spool, choices.delimiter if choices else "")
        with reading.open_text(spool) as file:
            return list(reading.records(file, form))


def cells(path: Path, choices: Choices | None = None) -> list[list[str]]:
    return [item.cells for item in read(path, choices) if isinstance(item, Record)]


def names(path: Path, choices: Choices | None = None) -> list[str]:
    return [row[1] for row in cells(path, choices)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TEXT.encode(), "utf-8, every byte fits"),
        (TEXT.encode("utf-8-sig"), "utf-8, by its mark"),
        (TEXT.encode("utf-16"), "utf-16, by its mark"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16, by its mark"),
        (TEXT.encode("utf-32"), "utf-32, by its mark"),
        (TEXT.encode("utf-16-le"), "utf-16-le, by its zero bytes"),
        (TEXT.encode("utf-16-be"), "utf-16-be, by its zero bytes"),
        (TEXT.encode("cp1252"), "cp1252, guessed"),
    ],
)
def test_finds_out_the_encoding_and_says_how(tmp_path: Path, content: bytes, words: str) -> None:
    path = keep(tmp_path, content)
    assert spooling.understand(path).words.startswith(words)
    assert names(path) == NAMES


@pytest.mark.parametrize(
    ("name", "encoding"), [("Иван Петров", "cp1251"), ("Иван Петров", "koi8-r"), ("山田太郎", "cp932")]
)
def test_guesses_alphabets(tmp_path: Path, name: str, encoding: str) -> None:
    path = keep(tmp_path, f"id,name,phone1\n1,{name},2\n2,{name},3\n".encode(encoding))
    assert names(path) == [name, name]


def test_a_guess_shows_the_letters_and_gives_way_to_a_choice(tmp_path: Path) -> None:
    path = keep(tmp_path, TEXT.encode("cp1252"))
    encoding = spooling.understand(path).encoding
    assert encoding is not None
    assert encoding.specimens[0] == "1;Zoë Müller;2025550100"
    with pytest.raises(Refused, match="is not utf-8; it looks like cp1252: name that encoding"), spooling.spooled(path):
        pytest.fail("it was taken")
    assert names(path, Choices(encoding="mac_roman"))[1] == "J¸rgen"
    with pytest.raises(Refused, match="about line 2: is not ascii; choose the encoding it has"):
        cells(path, Choices(encoding="ascii"))
    for odd in ("rot13", "zip", "idna", "x\0y", "utf-7"):
        with pytest.raises(Refused, match="is none that is known"):
            spooling.understand(path, Choices(encoding=odd))


def test_a_few_bytes_that_are_not_utf_8_cost_their_rows_alone(tmp_path: Path) -> None:
    good = "".join(f"{number};Zoë;2025550100\n" for number in range(9))
    path = keep(tmp_path, f"id;name;phone1\n{good}".encode() + b"x;Zo\xeb;2025550101\n" + "y;Jürgen;2\n".encode())
    assert "all but 1 lines fit" in spooling.understand(path).words
    items = read(path)
    assert len(items) == 11
    bad = [item for item in items if isinstance(item, Bad)]
    assert [item.line for item in bad] == [11]
    assert "could not be read" in bad[0].reason


def test_unpacks_gzip_and_zip(tmp_path: Path) -> None:
    assert names(keep(tmp_path, gzip.compress(TEXT.encode("utf-16")), "people.csv.gz")) == NAMES
    packed = zipped({"people/": b"", "people/list.csv": TEXT, "__MACOSX/._list.csv": b"x", "people/.DS_Store": b"x"})
    assert names(keep(tmp_path, packed, "people.zip")) == NAMES


def test_asks_which_file_of_several_is_meant(tmp_path: Path) -> None:
    path = keep(tmp_path, zipped({"a.csv": "id,name\n1,a\n", "b.csv": TEXT}), "people.zip")
    with pytest.raises(SeveralMembers, match=r"holds 2 files \(a.csv, b.csv\); say which one") as several:
        spooling.understand(path)
    assert several.value.members == ("a.csv", "b.csv")
    assert names(path, Choices(member="b.csv")) == NAMES
    with pytest.raises(Refused, match="there is no such file"):
        spooling.understand(path, Choices(member="c.csv"))


def test_leaves_out_what_stands_above_the_columns(tmp_path: Path) -> None:
    path = keep(tmp_path, f"People of May\n\n{TEXT}3;x\n".encode())
    items = read(path, Choices(heading=3))
    assert [item.line for item in items] == [4, 5, 6]
    assert names(keep(tmp_path, f"sep=;\r\n{TEXT}".encode())) == NAMES


def test_shows_rows_and_types_before_anything_is_taken(tmp_path: Path) -> None:
    text = (
        "id,phone1,paid,share,vip,zip,n,at,mail\n"
        + "1,2025550100,2026-03-01,1.50,yes,02134,5,2026-03-01T10:00Z,a@b.org\n" * 3
    )
    preview = files.preview(keep(tmp_path, text.encode()))
    assert list(preview.types.values()) == [
        "integer", "string", "date", "decimal", "boolean", "string", "integer", "datetime", "email",
    ]  # fmt: skip
    assert Understood.from_json(preview.understood.as_json()) == preview.understood


def test_a_long_file_is_shown_by_its_head(tmp_path: Path) -> None:
    path = keep(tmp_path, b"id,name\n" + b"1,abc\n" * 1_000_000)
    understood = spooling.understand(path)
    spooling.write_head(path, understood, head := tmp_path / "head")
    assert head.read_bytes().count(b"\n") == spooling.HEAD_ROWS


def test_making_the_spool_can_be_stopped(tmp_path: Path) -> None:
    path = keep(tmp_path, TEXT.encode())
    assert not spooling.write_spool(path, spooling.understand(path), tmp_path / "spool", lambda: False)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["people.csv"]


def test_reads_a_workbook_as_a_person_sees_it(tmp_path: Path) -> None:
    rows = [
        ["id", "name", "phone1", "paid", "at", "share", "zip", "vip"],
        [
            1,
            "Zoë",
            12025550100.0,
            date(2024, 1, 2),
            datetime.fromisoformat("2024-01-02T03:04:05"),
            0.1 + 0.2,
            2134,
            True,
        ],
        [],
        [2, "two\nlines", 2.025550123e9, None, None, -19.989999999999998, None, False],
    ]
    path = workbooks.write(tmp_path / "w.xlsx", {"People": rows, "Other": [["id"]]}, {"G2": "00000"})
    assert spooling.understand(path).words == "Excel workbook, sheet 'People' of 2"
    items = read(path)
    assert [item.line for item in items] == [2, 4]
    assert cells(path) == [
        ["1", "Zoë", "12025550100", "2024-01-02", "2024-01-02T03:04:05", "0.3", "02134", "true"],
        ["2", "two\u2028lines", "2025550123", "", "", "-19.99", "", "false"],
    ]
    assert cells(path, Choices(sheet="Other")) == []
    with pytest.raises(Refused, match="has no sheet 'None'; it has People, Other"):
        spooling.understand(path, Choices(sheet="None"))


def test_a_formula_counts_by_its_value_or_is_refused(tmp_path: Path) -> None:
    path = workbooks.of_xml(
        tmp_path / "f.xlsx",
        '<row r="2"><c r="A2" t="inlineStr"><is><t>id</t></is></c><c r="C2" t="str"><f>A1</f><v>phone1</v></c>'
        '<c r="B2" t="inlineStr"/></row>'.replace('<c r="B2" t="inlineStr"/>', "")
        + '<row r="4"><c r="A4"><v>7</v></c><c r="B4" t="str"><v>b</v></c><c r="C4"><f>1+1</f><v>2</v></c></row>'
        '<row r="5"><c r="A5"><f>1+1</f></c></row><row r="6"><c r="A6" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        '<row r="7"><c r="A7"><v>x</v></c></row><row r="8"><c r="A8" t="s"><v>5</v></c></row>',
    )
    items = read(path)
    assert [(item.line, item.cells) for item in items if isinstance(item, Record)] == [(4, ["7", "b", "2"])]
    assert [(item.line, item.reason) for item in items if isinstance(item, Bad)] == [
        (5, "cell A5: its formula has no value; save the file in Excel"),
        (6, "cell A6: is #DIV/0!, an error of its formula; mend it in Excel"),
        (7, "cell A7: is no number, though it says so"),
        (8, "the workbook is damaged; open it in Excel and save it"),
    ]


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.sampled_from(["{}", "{}.0", "{}E0"]))
@settings(max_examples=25)
def test_whole_numbers_of_fifteen_digits_are_never_rounded(number: int, form: str) -> None:
    assert number_text(form.format(number), Style(), False) == str(number)


@pytest.mark.parametrize(
    ("value", "code", "number", "from_1904", "text"),
    [
        ("45293", "yyyy-mm-dd", "164", False, "2024-01-02"),
        ("45293.5", "", "22", False, "2024-01-02T12:00:00"),
        ("0.25", "", "20", False, "06:00:00"),
        ("1", "", "14", False, "1900-01-01"),
        ("61", "", "14", False, "1900-03-01"),
        ("0", "", "14", True, "1904-01-01"),
        ("7", '0.00 "days"', "165", False, "7"),
        ("7", "[h]:mm", "166", False, "1900-01-07"),
        ("2958465", "", "14", False, "9999-12-31"),
        ("2958465", "", "14", True, "2958465"),
        ("-1", "", "14", False, "-1"),
        ("1E+400", "", "0", False, None),
        ("NaN", "", "0", False, None),
        ("", "", "0", False, None),
        ("1E-7", "", "0", False, "0.0000001"),
        ("12345678901234567890", "", "0", False, "12345678901234567890"),
    ],
)
def test_numbers_and_dates(value: str, code: str, number: str, from_1904: bool, text: str | None) -> None:
    assert number_text(value, style_of(number, code), from_1904) == text
