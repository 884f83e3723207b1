"""Read an Excel workbook (XLSX, ECMA-376 part 1) as rows of text, one at a time and in bounded memory.

The parts are read by expat as a stream, so neither a sheet's claimed size nor its row numbers make us hold or pass over
anything; a document type, which no workbook has and every XML bomb needs, is refused. Cells become the text that a
person sees in them as far as that is data: numbers without a binary fraction's tail, dates as ISO 8601.
"""

from __future__ import annotations

import mmap
import posixpath
import re
import tempfile
import zipfile
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar
from xml.parsers import expat

from app.intake.reading import LONGEST_RECORD, UNREADABLE
from app.services.importing.packed import open_archive, open_member
from app.services.importing.sheet_values import Style, number_text, style_of
from common.errors import Refused

MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
MOST_SHEETS = 200
_BLOCK = 64 * 1024
#: Bytes of one tag, which expat holds until it ends.
_LONGEST_TAG = 1 << 20
_WORKBOOK = "xl/workbook.xml"
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")


Item = TypeVar("Item")


def unreadable(reason: str) -> str:
    """A cell whose row cannot be taken."""
    return f"{UNREADABLE}{{{reason}}}"


@dataclass(slots=True)
class Workbook:
    """An open workbook; `sheets` maps names to parts."""

    name: str
    archive: zipfile.ZipFile
    sheets: Mapping[str, str]
    from_1904: bool

    def rows(self, sheet: str) -> Iterator[tuple[int, list[str]]]:
        """Row numbers, as the sheet shows them, and cells; empty rows are left out."""
        reader = _Sheet(self, sheet)
        with closing(reader), open_member(self.archive, self.sheets[sheet], self.name) as file:
            yield from _pieces(file, f"{self.name}, sheet {sheet!r}", reader, reader.take)


def is_workbook(archive: zipfile.ZipFile) -> bool:
    return _WORKBOOK in archive.namelist()


class OpenWorkbook:
    """Opens for a `with`."""

    def __init__(self, path: Path, name: str) -> None:
        self._archive = open_archive(path, name)
        self._name = name

    def __enter__(self) -> Workbook:
        archive = self._archive.__enter__()
        try:
            return _opened(archive, self._name)
        except BaseException:
            archive.close()
            raise

    def __exit__(self, *error: object) -> None:
        self._archive.__exit__(None, None, None)


def _opened(archive: zipfile.ZipFile, name: str) -> Workbook:
    if not is_workbook(archive):
        raise Refused(f"{name}: is no Excel workbook of the kind XLSX; save it as such, or as CSV UTF-8")
    book = _Book()
    _parse(archive, _WORKBOOK, name, book)
    targets = _Relations()
    if (relations := "xl/_rels/workbook.xml.rels") in archive.namelist():
        _parse(archive, relations, name, targets)
    parts = set(archive.namelist())
    sheets = {}
    for title, relation in book.sheets[:MOST_SHEETS]:
        part = posixpath.normpath(posixpath.join("/xl", targets.of.get(relation, ""))).lstrip("/")
        if part in parts and part.startswith("xl/worksheets/"):
            sheets[title] = part
    if not sheets:
        raise Refused(f"{name}: has no sheet with cells")
    return Workbook(name, archive, sheets, book.from_1904)


class _Parts:
    """What the readers of the several parts share: names without namespace, and the text that was gathered."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.size = 0
        self.gathering = False

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...

    def end(self, tag: str) -> None: ...

    def characters(self, text: str) -> None:
        if self.gathering and self.size <= LONGEST_RECORD:
            self.text.append(text)
            self.size += len(text)

    def gather(self) -> None:
        self.text, self.size, self.gathering = [], 0, True

    def gathered(self) -> str:
        self.gathering = False
        return "".join(self.text)


class _Book(_Parts):
    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[tuple[str, str]] = []
        self.from_1904 = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet" and len(self.sheets) < MOST_SHEETS:
            relation = next((value for key, value in attributes.items() if _local(key) == "id"), "")
            self.sheets.append((attributes.get("name", "")[:120], relation))
        elif tag == "workbookPr":
            self.from_1904 = attributes.get("date1904") in ("1", "true")


class _Relations(_Parts):
    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and len(self.of) < 10_000 and attributes.get("TargetMode") != "External":
            self.of[attributes.get("Id", "")] = attributes.get("Target", "")


class _Styles(_Parts):
    """Number formats by the index that cells name."""

    def __init__(self) -> None:
        super().__init__()
        self._codes: dict[str, str] = {}
        self._within = False
        self.cells: list[Style] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "numFmt" and len(self._codes) < 10_000:
            self._codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")[:255]
        elif tag == "cellXfs":
            self._within = True
        elif tag == "xf" and self._within and len(self.cells) < 100_000:
            number = attributes.get("numFmtId", "0")
            self.cells.append(style_of(number, self._codes.get(number, "")))

    def end(self, tag: str) -> None:
        if tag == "cellXfs":
            self._within = False


class _Strings(_Parts):
    """The shared strings, kept in a file: a million different names would fill the memory."""

    def __init__(self) -> None:
        super().__init__()
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the sheet
        self._map: mmap.mmap | None = None
        self._ends = array("Q", [0])
        self._phonetic = False
        self._item: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "si":
            self._item = []
        elif tag == "rPh":
            self._phonetic = True
        elif tag == "t" and not self._phonetic:
            self.gather()

    def end(self, tag: str) -> None:
        if tag == "t" and self.gathering:
            self._item.append(self.gathered())
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "si":
            data = "".join(self._item)[: LONGEST_RECORD + 1].encode()
            self._file.write(data)
            self._ends.append(self._ends[-1] + len(data))

    def at(self, index: str) -> str:
        place = int(index) if index.isdecimal() and len(index) < 10 else -1
        if not 0 <= place < len(self._ends) - 1:
            return unreadable("the workbook is damaged; open it in Excel and save it")
        start, end = self._ends[place], self._ends[place + 1]
        if start == end:
            return ""
        if self._map is None:
            self._file.flush()
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map[start:end].decode()

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
        self._file.close()


@dataclass(slots=True)
class _Cell:
    column: int
    kind: str
    style: int
    value: str = ""
    inline: list[str] = field(default_factory=list)
    formula: bool = False


class _Sheet(_Parts):
    def __init__(self, book: Workbook, sheet: str) -> None:
        super().__init__()
        self._where = f"{book.name}, sheet {sheet!r}"
        self._from_1904 = book.from_1904
        styles = _Styles()
        if "xl/styles.xml" in book.archive.namelist():
            _parse(book.archive, "xl/styles.xml", book.name, styles)
        self._styles = styles.cells
        self._strings = _Strings()
        if "xl/sharedStrings.xml" in book.archive.namelist():
            _parse(book.archive, "xl/sharedStrings.xml", book.name, self._strings)
        self._row = self._row_size = 0
        self._columns = _Columns()
        self._cells: list[str] = []
        self._cell: _Cell | None = None
        self._ready: list[tuple[int, list[str]]] = []

    def close(self) -> None:
        self._strings.close()

    def take(self) -> list[tuple[int, list[str]]]:
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            self._begin_row(attributes.get("r", ""))
        elif tag == "c":
            self._cell = self._begin_cell(attributes)
        elif self._cell is not None and tag in ("v", "t"):
            self.gather()
        elif self._cell is not None and tag == "f":
            self._cell.formula = True

    def end(self, tag: str) -> None:
        cell = self._cell
        if cell is not None and tag == "v":
            cell.value = self.gathered()
        elif cell is not None and tag == "t" and self.gathering:
            cell.inline.append(self.gathered())
        elif cell is not None and tag == "c":
            self._put(cell.column, self._text(cell))
            self._cell = None
        elif tag == "row":
            while self._cells and not self._cells[-1]:
                self._cells.pop()
            if self._cells:
                self._ready.append((self._row, self._cells))

    def _begin_row(self, number: str) -> None:
        row = int(number) if number.isdecimal() and len(number) < 10 else self._row + 1
        if not self._row < row <= MOST_ROWS:
            raise Refused(f"{self._where}: row {number[:20]} comes after row {self._row}, which no Excel writes")
        self._row, self._row_size, self._cells = row, 0, []

    def _begin_cell(self, attributes: dict[str, str]) -> _Cell:
        found = _REFERENCE.fullmatch(attributes.get("r", ""))
        column = self._columns[found[1]] if found else len(self._cells)
        if not len(self._cells) <= column < MOST_COLUMNS:
            raise Refused(f"{self._where}, row {self._row}: its cells are not in order; save it in Excel once more")
        style = attributes.get("s", "0")
        return _Cell(column, attributes.get("t", "n"), int(style) if style.isdecimal() and len(style) < 7 else 0)

    def _put(self, column: int, text: str) -> None:
        # A row beyond what an import takes is refused anyway, so no more of it is kept.
        if text and self._row_size <= LONGEST_RECORD:
            self._row_size += len(text)
            self._cells += [""] * (column - len(self._cells))
            self._cells.append(text)

    def _text(self, cell: _Cell) -> str:
        if cell.kind == "inlineStr":
            return "".join(cell.inline)
        if not cell.value:
            return self._spoilt(cell, "its formula has no value; save the file in Excel") if cell.formula else ""
        if cell.kind == "s":
            return self._strings.at(cell.value)
        if cell.kind == "e":
            return self._spoilt(cell, f"is {cell.value[:20]}, an error of its formula; mend it in Excel")
        if cell.kind == "b":
            return "true" if cell.value == "1" else "false"
        if cell.kind in ("str", "d"):
            return cell.value
        style = self._styles[cell.style] if cell.style < len(self._styles) else Style()
        text = number_text(cell.value, style, self._from_1904)
        return self._spoilt(cell, "is no number, though it says so") if text is None else text

    def _spoilt(self, cell: _Cell, reason: str) -> str:
        letters, rest = "", cell.column + 1
        while rest:
            rest, letter = divmod(rest - 1, 26)
            letters = chr(65 + letter) + letters
        return unreadable(f"cell {letters}{self._row}: {reason}")


class _Columns(dict[str, int]):
    """Letters to number, A being 0; there are 18,278 of at most three."""

    def __missing__(self, letters: str) -> int:
        number = 0
        for letter in letters:
            number = number * 26 + ord(letter) - 64
        self[letters] = number - 1
        return number - 1


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


class _LocalNames(dict[str, str]):
    """Names without their namespace; those of a sheet's cells come by the million."""

    def __missing__(self, name: str) -> str:
        local = _local(name)
        if len(self) < 1000:
            self[name] = local
        return local


def _parse(archive: zipfile.ZipFile, part: str, name: str, reader: _Parts) -> None:
    with open_member(archive, part, name) as file:
        for _ in _pieces(file, f"{name}, {part}", reader, list):
            pass


def _pieces(file: IO[bytes], where: str, reader: _Parts, take: Callable[[], list[Item]]) -> Iterator[Item]:
    """Feed the reader, and give what it has ready after each block."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    local = _LocalNames()

    def refuse(*_: object) -> None:
        raise Refused(f"{where}: has a document type, which no workbook has; open it in Excel and save it")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: reader.start(local[name], attributes)
    parser.EndElementHandler = lambda name: reader.end(local[name])
    parser.CharacterDataHandler = reader.characters
    fed = 0
    while True:
        block = file.read(_BLOCK)
        fed += len(block)
        try:
            parser.Parse(block, not block)
            if fed - parser.CurrentByteIndex > _LONGEST_TAG:
                raise Refused(f"{where}: has a tag that never ends; open it in Excel and save it")
        except expat.ExpatError as error:
            raise Refused(f"{where}, line {error.lineno}: is damaged; open it in Excel and save it") from error
        yield from take()
        if not block:
            return
