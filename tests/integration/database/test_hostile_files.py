"""Files that somebody made to do harm, or that software broke: each is refused in words or has its rows listed, no
crash, and the whole set in bounded memory."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.db import make_engine, read_transaction, upgrade
from app.models import ContactList
from app.security.access import Actor
from app.services import contacts
from tests.support import workbooks
from tests.support.zips import zipped

pytestmark = pytest.mark.integration

HEAD = b"id,first_name,phone1\n"
GOOD = b"1,Ann,2025550100\n"
#: Bytes of a bomb: beyond what any file of its size may become.
GROWN = 80 * 1024**2
#: MB that the importing process may ever hold. The interpreter with our modules alone is about 70.
MOST_MEMORY = 150
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPE = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'
CELLS = '<c t="inlineStr"><is><t>id</t></is></c><c t="inlineStr"><is><t>phone1</t></is></c>'


@dataclass(frozen=True, slots=True)
class Outcome:
    state: str
    words: str
    added: int
    rejected: int


def text_files() -> Iterator[tuple[str, bytes]]:
    yield "bad-utf-8.csv", HEAD + b"2,Zo\xc3\xab,2025550101\n" * 4 + b"1,Zo\xeb,2025550100\n"
    yield "bom.csv", b"\xef\xbb\xbf" + HEAD + GOOD
    yield "bom-in-the-middle.csv", HEAD + b"\xef\xbb\xbf1,Ann,2025550100\n"
    yield "utf-16.csv", (HEAD + GOOD).decode().encode("utf-16")
    yield "utf-16-cut.csv", (HEAD + GOOD).decode().encode("utf-16")[:-1]
    yield "nul.csv", HEAD + b"1,A\0nn,2025550100\n" + b"2,Ann,2025550100\n"
    yield "nothing-but-nul.csv", bytes(1_000_000)
    yield "large-cell.csv", HEAD + b'1,"' + b"x" * 1_000_000 + b'",2025550100\n2,Ann,2025550100\n'
    yield "line-without-end.csv", HEAD + b"x" * 20_000_000
    yield "ragged.csv", HEAD + b"1,Ann\n2,Bo,2025550100,more\n3,Cy,2025550100\n"
    yield "many-columns.csv", ",".join(f"c{number}" for number in range(10_000)).encode() + b"\n"
    yield "formulas.csv", HEAD + b'=1+1,=HYPERLINK("http://x"),2025550100\n@x,+1+1|cmd,2025550101\n'
    yield "open-quotes.csv", HEAD + b'1,"Ann,2025550100\n' * 20_000
    yield "random.csv", bytes(range(256)) * 2000


def packed_files() -> Iterator[tuple[str, bytes]]:
    bomb = HEAD + bytes(GROWN)
    yield "bomb.csv.gz", gzip.compress(bomb, 1)
    yield "bomb.zip", zipped({"people.csv": bomb})
    yield "nested.zip", zipped({"inner.zip": zipped({"people.csv": HEAD + GOOD})})
    yield "way-out.zip", zipped({"../../etc/passwd": HEAD + GOOD})
    yield "absolute.zip", zipped({"/etc/passwd": HEAD + GOOD})
    yield "drive.zip", zipped({"C:/people.csv": HEAD + GOOD})
    yield "many.zip", zipped({f"{number}.csv": HEAD for number in range(11_000)})
    yield "nothing.zip", zipped({"folder/": b""})
    whole = zipped({"people.csv": HEAD + GOOD * 1000})
    yield "cut.zip", whole[:-40]
    yield "protected.zip", _flagged(whole, 0x1)
    yield "lying.zip", whole.replace(zlib.crc32(HEAD + GOOD * 1000).to_bytes(4, "little"), b"\1\2\3\4")
    yield "cut.csv.gz", gzip.compress(HEAD + GOOD * 1000)[:-30]


def _flagged(archive: bytes, flag: int) -> bytes:
    """The archive with a flag set on its only member, in both its headers."""
    changed = bytearray(archive)
    changed[6] |= flag
    changed[archive.rindex(b"PK\x01\x02") + 8] |= flag
    return bytes(changed)


def write_workbooks(folder: Path) -> None:
    head = f'<row r="1">{CELLS}</row>'
    good = '<row r="2"><c t="inlineStr"><is><t>1</t></is></c><c><v>2025550100</v></c></row>'
    workbooks.of_xml(folder / "laughs.xlsx", head + "<row><c><v>&l9;</v></c></row>", DOCTYPE)
    strings = f'{DOCTYPE}<sst xmlns="x"><si><t>&l9;</t></si></sst>'
    workbooks.of_xml(folder / "laughs-in-strings.xlsx", head + good, strings=strings)
    workbooks.of_xml(folder / "outside.xlsx", head, '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>')
    workbooks.of_xml(folder / "last-row.xlsx", head + good.replace('r="2"', 'r="1048576"'))
    workbooks.of_xml(folder / "beyond-last-row.xlsx", head + good.replace('r="2"', 'r="999999999"'))
    workbooks.of_xml(folder / "far-column.xlsx", head + '<row r="2"><c r="ZZZ2"><v>1</v></c></row>')
    workbooks.of_xml(folder / "backwards.xlsx", head + good + '<row r="1"><c><v>1</v></c></row>')
    workbooks.of_xml(folder / "wide-row.xlsx", head + '<row r="2">' + "<c><v>1</v></c>" * 16_000 + "</row>")
    workbooks.of_xml(
        folder / "endless-row.xlsx", head + '<row r="2">' + "<c/>" * 2_000_000 + "</row>" + good.replace("2", "3", 1)
    )
    workbooks.of_xml(folder / "endless-tag.xlsx", head + f'<row r="{"9" * 3_000_000}"></row>')
    workbooks.of_xml(folder / "endless-cell.xlsx", head + f"<row><c><v>{'9' * 20_000_000}</v></c></row>")
    workbooks.of_xml(folder / "bomb.xlsx", head + " " * GROWN)
    workbooks.of_xml(folder / "not-closed.xlsx", head + "<row><c>")
    (folder / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(5000))


EXPECTED = {
    "absolute.zip": Outcome("refused", "pack it without paths", 0, 0),
    "backwards.xlsx": Outcome("refused", "comes after row 2", 0, 0),
    "bad-utf-8.csv": Outcome("completed", "could not be read", 1, 1),
    "beyond-last-row.xlsx": Outcome("refused", "row 999999999 comes after row 1", 0, 0),
    "bom-in-the-middle.csv": Outcome("completed", "", 1, 0),
    "bom.csv": Outcome("completed", "", 1, 0),
    "bomb.csv.gz": Outcome("refused", "or 200 times its size", 0, 0),
    "bomb.xlsx": Outcome("refused", "or 200 times its size", 0, 0),
    "bomb.zip": Outcome("refused", "or 200 times its size", 0, 0),
    "cut.csv.gz": Outcome("refused", "is damaged", 0, 0),
    "cut.zip": Outcome("refused", "is damaged", 0, 0),
    "drive.zip": Outcome("refused", "pack it without paths", 0, 0),
    "endless-cell.xlsx": Outcome("completed", "is no number, though it says so", 0, 1),
    "endless-row.xlsx": Outcome("completed", "", 1, 0),
    "endless-tag.xlsx": Outcome("refused", "a tag that never ends", 0, 0),
    "far-column.xlsx": Outcome("refused", "its cells are not in order", 0, 0),
    "formulas.csv": Outcome("completed", "", 2, 0),
    "large-cell.csv": Outcome("completed", "longer than 100,000 characters", 1, 1),
    "last-row.xlsx": Outcome("completed", "", 1, 0),
    "laughs-in-strings.xlsx": Outcome("refused", "has a document type", 0, 0),
    "laughs.xlsx": Outcome("refused", "has a document type", 0, 0),
    "line-without-end.csv": Outcome("completed", "longer than 100,000 characters", 0, 1),
    "lying.zip": Outcome("refused", "is damaged", 0, 0),
    "many-columns.csv": Outcome("refused", "names 10000 columns; at most 500", 0, 0),
    "many.zip": Outcome("refused", "holds 11,000 files", 0, 0),
    "nested.zip": Outcome("refused", "holds a workbook or another archive", 0, 0),
    "not-closed.xlsx": Outcome("refused", "is damaged", 0, 0),
    "nothing-but-nul.csv": Outcome("refused", "", 0, 0),
    "nothing.zip": Outcome("refused", "holds no file", 0, 0),
    "nul.csv": Outcome("completed", "holds a NUL", 1, 1),
    "old.xls": Outcome("refused", "is an old Excel workbook", 0, 0),
    "open-quotes.csv": Outcome("completed", "holds a line break", 0, 10_000),
    "outside.xlsx": Outcome("refused", "has a document type", 0, 0),
    "protected.zip": Outcome("refused", "protected by a password", 0, 0),
    "ragged.csv": Outcome("completed", "has 2 columns, the first line names 3", 1, 2),
    "random.csv": Outcome("refused", "", 0, 0),
    "utf-16-cut.csv": Outcome("refused", "about line 2: is not utf-16", 0, 0),
    "utf-16.csv": Outcome("completed", "", 1, 0),
    "way-out.zip": Outcome("refused", "pack it without paths", 0, 0),
    "wide-row.xlsx": Outcome("completed", "has 16000 columns, the first line names 2", 0, 1),
}


@dataclass(frozen=True, slots=True)
class Taken:
    outcomes: dict[str, Outcome]
    memory: int
    errors: str
    database_url: str


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    home = tmp_path_factory.mktemp("hostile")
    folder = home / "files"
    folder.mkdir()
    for name, content in (*text_files(), *packed_files()):
        (folder / name).write_bytes(content)
    write_workbooks(folder)
    url = f"sqlite:///{home / 'clarion.db'}"
    upgrade(url)
    arguments = [sys.executable, "-m", "tests.support.hostile_import", url, str(folder)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=150)
    lines = done.stdout.splitlines() or ["-1"]
    outcomes = {name: Outcome(*rest) for name, *rest in (json.loads(line) for line in lines if line.startswith('["'))}
    return Taken(
        outcomes, int(lines[-1]) if done.returncode == 0 else -1, done.stderr[-2000:] if done.returncode else "", url
    )


def test_none_of_them_ends_the_import_of_others(taken: Taken) -> None:
    assert taken.errors == ""
    assert sorted(taken.outcomes) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_is_refused_in_words_or_has_its_rows_listed(taken: Taken, name: str) -> None:
    expected, found = EXPECTED[name], taken.outcomes[name]
    assert expected.words in found.words
    assert (found.state, found.added, found.rejected) == (expected.state, expected.added, expected.rejected)
    if found.state == "refused":
        assert found.words.startswith(name)


def test_memory_stays_bounded_over_all_of_them(taken: Taken) -> None:
    assert 0 < taken.memory < MOST_MEMORY


def test_what_came_in_as_a_formula_goes_out_as_text(taken: Taken) -> None:
    engine = make_engine(taken.database_url)
    with read_transaction(engine) as session:
        list_id = session.query(ContactList.id).filter_by(name="formulas.csv").scalar()
        text = "".join(contacts.export_csv(session, Actor.system(), list_id))
    engine.dispose()
    assert "'=1+1" in text
    assert "'@x" in text
    assert "'+1+1|cmd" in text
    assert "\n=" not in text
    assert ",=" not in text
