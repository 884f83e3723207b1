"""Read a CSV file that nobody can be trusted to have made well: find out encoding and delimiter, and yield one record
at a time with its line number, whatever is in it.

A record that cannot be taken (too long, a NUL, a quote that never ends, the wrong number of columns) becomes a `Bad`
and the next line is tried; a file that is no CSV at all raises Refused before anything was yielded.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

from common.errors import Refused

#: Characters of one record, line breaks within quotes included. The csv module's own limit (131,072) is never met.
LONGEST_RECORD = 100_000
#: Lines that one quoted field may go over before the quote counts as forgotten.
MOST_LINES = 200
MOST_COLUMNS = 500
DELIMITERS = ",;\t|:"
ENCODINGS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "latin-1": "cp1252"}
_SAMPLE = 64 * 1024
_SNIFFED_LINES = 20
#: First bytes of files that people take for CSV.
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or zip archive; open it and save as CSV UTF-8",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; open it and save as CSV UTF-8",
    b"%PDF": "a PDF; export the data as CSV UTF-8",
    b"\x1f\x8b": "compressed; unpack it first",
    b"{\\rtf": "an RTF document; save as CSV UTF-8",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


@dataclass(frozen=True, slots=True)
class Format:
    encoding: str
    delimiter: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    line: int
    cells: list[str]
    text: str


@dataclass(frozen=True, slots=True)
class Bad:
    line: int
    reason: str
    text: str


def detect(path: Path, encoding: str = "auto", delimiter: str = "") -> Format:
    """Read the whole file once for its encoding and its head for the rest. Raise Refused with the mend."""
    python_encoding = _encoding_of(path, encoding)
    with open_text(path, python_encoding) as file:
        head = [file.readline(LONGEST_RECORD + 1)]
        if len(head[0]) > LONGEST_RECORD:
            raise Refused(f"{path.name}, line 1: longer than {LONGEST_RECORD:,} characters; this is not a CSV file")
        for _ in range(_SNIFFED_LINES):
            line = file.readline(LONGEST_RECORD + 1)
            if len(line) > LONGEST_RECORD:
                break
            head.append(line)
    if "\0" in head[0]:
        raise Refused(f"{path.name}, line 1: holds a NUL; this is not a CSV file")
    if not head[0].strip():
        raise Refused(f"{path.name}, line 1: is empty; the first line names the columns")
    chosen = delimiter or sniff_delimiter(head)
    columns = next(csv.reader([head[0]], delimiter=chosen))
    return Format(python_encoding, chosen, _checked_columns(path.name, columns))


def open_text(path: Path, python_encoding: str) -> TextIO:
    try:
        return path.open("r", encoding=python_encoding, newline="", errors="strict")
    except OSError as error:
        raise Refused(f"{path.name}: cannot be read: {error.strerror}") from error


def records(file: TextIO, form: Format) -> Iterator[Record | Bad]:
    """Every record after the header; blank lines are passed over."""
    source = _Lines(file, form.delimiter)
    source.skip_header()
    reader = csv.reader(source, delimiter=form.delimiter)
    width = len(form.columns)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Bad(source.line, f"cannot be read as CSV: {error}", source.text)
            continue
        yield from source.take_bad()
        if cells is None:
            return
        if len(cells) == width:
            yield Record(source.line, cells, source.text)
        elif cells and any(cell.strip() for cell in cells):
            yield Bad(
                source.line,
                f"has {len(cells)} columns, the first line names {width}; is a quote or delimiter missing?",
                source.text,
            )


class _Lines:
    """Gives the csv module exactly one whole record a step, so that one bad record never takes others with it."""

    def __init__(self, file: TextIO, delimiter: str) -> None:
        self._file = file
        self._delimiter = delimiter
        self._pushed: list[str] = []
        self._next_line = 1
        self._bad: list[Bad] = []
        #: Line number and text of the record given last.
        self.line = 0
        self.text = ""

    def skip_header(self) -> None:
        next(self, None)
        self._bad.clear()

    def take_bad(self) -> list[Bad]:
        bad, self._bad = self._bad, []
        return bad

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while True:
            line = self._readline()
            if not line:
                raise StopIteration
            number, self._next_line = self._next_line, self._next_line + 1
            if len(line) > LONGEST_RECORD:
                self._bad.append(Bad(number, f"longer than {LONGEST_RECORD:,} characters", line))
                self._skip_rest(line)
            elif "\0" in line:
                self._bad.append(Bad(number, "holds a NUL", line))
            elif '"' in line and _open_quote(line, self._delimiter):
                record = self._gather(number, line)
                if record:
                    return record
            else:
                self.line, self.text = number, line
                return line

    def _readline(self) -> str:
        return self._pushed.pop() if self._pushed else self._file.readline(LONGEST_RECORD + 1)

    def _skip_rest(self, line: str) -> None:
        while line and not line.endswith(("\n", "\r")):
            line = self._file.readline(LONGEST_RECORD)

    def _gather(self, number: int, first: str) -> str:
        """The record that goes on over several lines, or "" (and the first line is bad) when its quote never ends."""
        lines, size = [first], len(first)
        while len(lines) < MOST_LINES and size <= LONGEST_RECORD and "\0" not in lines[-1]:
            line = self._readline()
            if not line:
                break
            lines.append(line)
            size += len(line)
            if '"' in line and not _open_quote(text := "".join(lines), self._delimiter):
                self._next_line += len(lines) - 1
                self.line, self.text = number, text
                return text
        self._pushed.extend(reversed(lines[1:]))
        self._bad.append(Bad(number, "a quote is opened and never closed", first))
        return ""


def _open_quote(text: str, delimiter: str) -> bool:
    """True when `text` ends inside a quoted field, as the csv module sees it: a quote counts at a field's start."""
    at, end = 0, len(text)
    while at < end:
        if text[at] == '"':
            at += 1
            while True:
                close = text.find('"', at)
                if close < 0:
                    return True
                if text.startswith('"', close + 1):
                    at = close + 2
                else:
                    break
            at = close + 1
        at = text.find(delimiter, at) + 1
        if at == 0:
            return False
    return False


def sniff_delimiter(lines: Sequence[str]) -> str:
    """The delimiter that cuts the first line into the most columns and the others into as many, or a comma."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        rows = [row for row in csv.reader([line for line in lines if "\0" not in line], delimiter=delimiter) if row]
        width = len(rows[0]) if rows else 1
        if width > 1:
            agreeing = sum(len(row) == width for row in rows) / len(rows)
            best, best_score = max((best, best_score), (delimiter, (agreeing, width)), key=lambda pair: pair[1])
    return best


def _encoding_of(path: Path, wanted: str) -> str:
    if wanted != "auto" and wanted not in ENCODINGS:
        raise Refused(f"encoding: use auto, {' or '.join(ENCODINGS)}")
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
            _refuse_other_kinds(path.name, sample)
            if wanted == "auto":
                wanted = "utf-16" if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
                if wanted == "utf-8" and _looks_like_utf16(sample):
                    raise Refused(
                        f"{path.name}: is UTF-16 without its mark; choose the encoding utf-16 or save as UTF-8"
                    )
            file.seek(0)
            _check_decodes(path.name, file, wanted)
    except OSError as error:
        raise Refused(f"{path.name}: cannot be read: {error.strerror}") from error
    return ENCODINGS[wanted]


def _refuse_other_kinds(name: str, sample: bytes) -> None:
    if not sample:
        raise Refused(f"{name}: the file is empty")
    for signature, words in _SIGNATURES.items():
        if sample.startswith(signature):
            raise Refused(f"{name}: not a CSV file but {words}")


def _looks_like_utf16(sample: bytes) -> bool:
    return len(sample) > 3 and max(sample[0::2].count(0), sample[1::2].count(0)) > len(sample) // 5


def _check_decodes(name: str, file: IO[bytes], wanted: str) -> None:
    """Decode the whole file before anything is written, so that a wrong encoding imports nothing."""
    decoder = codecs.getincrementaldecoder(ENCODINGS[wanted])()
    line = 1
    try:
        while block := file.read(1 << 20):
            line += decoder.decode(block).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        mend = "save it as CSV UTF-8, or choose the encoding it has"
        raise Refused(f"{name}, about line {line}: is not {wanted}; {mend}") from error


def _checked_columns(name: str, columns: Sequence[str]) -> tuple[str, ...]:
    named = tuple(column.strip() or f"column {number}" for number, column in enumerate(columns, 1))
    if len(named) > MOST_COLUMNS:
        raise Refused(f"{name}, line 1: names {len(named)} columns; at most {MOST_COLUMNS} are taken")
    for column in named:
        if named.count(column) > 1:
            raise Refused(f"{name}, line 1: two columns are named {column!r}; rename one")
        if len(column) > 120 or not column.isprintable():
            raise Refused(f"{name}, line 1: {column[:40]!r} is no name of a column; the first line names the columns")
    return named
