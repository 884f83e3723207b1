"""Read a CSV file in UTF-8 (`spooling` makes it of whatever arrived) that nobody can be trusted to have made well: find
out its delimiter, and yield one record at a time with its line number, whatever is in it.

A record that cannot be taken (too long, a NUL, a sign that could not be read, a quote that never ends, the wrong number
of columns) becomes a `Bad` and the next line is tried; a file that is no CSV at all raises Refused before anything was
yielded. Empty lines above the one that names the columns are passed over.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from common.errors import Refused

#: Characters of one record, line breaks within quotes included. The csv module's own limit (131,072) is never met.
LONGEST_RECORD = 100_000
#: Lines that one quoted field may go over before the quote counts as forgotten.
MOST_LINES = 200
MOST_COLUMNS = 500
#: Those that are found out; any other sign can be named.
DELIMITERS = ",;\t|:^~\x1f\x01"
#: What stands in a row for what could not be read of it; a reason may follow in braces.
UNREADABLE = "\ufffd"
_REASON = re.compile(UNREADABLE + r"\{([^}]{1,400})\}")
_SNIFFED_LINES = 20
#: First bytes of files that people take for CSV.
_SIGNATURES = {
    b"%PDF": "a PDF; export the data as CSV UTF-8",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; send it as zip or gzip",
    b"Rar!": "a RAR archive; send it as zip or gzip",
    b"BZh": "compressed by bzip2; send it as zip or gzip",
    b"\xfd7zXZ": "compressed by xz; send it as zip or gzip",
    b"PAR1": "a Parquet file; save as CSV UTF-8",
    b"{\\rtf": "an RTF document; save as CSV UTF-8",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


@dataclass(frozen=True, slots=True)
class Format:
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


def detect(path: Path, delimiter: str = "") -> Format:
    """Find out what the columns are. Raise Refused with the mend."""
    with open_text(path) as file:
        number, head = _head(path.name, file)
    if "\0" in head[0]:
        raise Refused(f"{path.name}, line {number}: holds a NUL; this is not a CSV file")
    if UNREADABLE in head[0]:
        raise Refused(f"{path.name}, line {number}: {unreadable(head[0])}")
    chosen = check_delimiter(delimiter) or sniff_delimiter(head)
    try:
        columns = next(csv.reader([head[0]], delimiter=chosen))
    except csv.Error as error:
        raise Refused(f"{path.name}, line {number}: cannot be read as CSV: {error}") from error
    return Format(chosen, _checked_columns(f"{path.name}, line {number}", columns))


def check_delimiter(delimiter: str) -> str:
    """Raise Refused for what can delimit nothing."""
    if len(delimiter) > 1 or delimiter in ('"', "\r", "\n", "\0", " ", UNREADABLE):
        raise Refused("delimiter: give one sign that stands between the columns, such as ; or |")
    return delimiter


def open_text(path: Path) -> TextIO:
    try:
        return path.open("r", encoding="utf-8-sig", newline="", errors="replace")
    except OSError as error:
        raise Refused(f"{path.name}: cannot be read: {error.strerror}") from error


def unreadable(text: str) -> str:
    """Why a row with `UNREADABLE` in it is not taken."""
    found = _REASON.search(text)
    return found[1] if found else "holds a sign that could not be read, shown as \ufffd; write it anew"


def refuse_other_kinds(name: str, head: bytes) -> None:
    """Raise Refused for what is no text at all, by its first bytes."""
    if not head:
        raise Refused(f"{name}: the file is empty")
    for signature, words in _SIGNATURES.items():
        if head.startswith(signature):
            raise Refused(f"{name}: not a CSV file but {words}")


def _head(name: str, file: TextIO) -> tuple[int, list[str]]:
    """The number of the line that names the columns, that line, and some that follow."""
    number, line = 0, "\n"
    while line and not line.strip():
        number, line = number + 1, file.readline(LONGEST_RECORD + 1)
    if not line:
        raise Refused(f"{name}, line 1: is empty; the first line names the columns")
    if len(line) > LONGEST_RECORD:
        raise Refused(f"{name}, line {number}: longer than {LONGEST_RECORD:,} characters; this is not a CSV file")
    head = [line]
    while len(head) <= _SNIFFED_LINES:
        line = file.readline(LONGEST_RECORD + 1)
        if len(line) > LONGEST_RECORD:
            break
        head.append(line)
    return number, head


def records(file: TextIO, form: Format) -> Iterator[Record | Bad]:
    """Every record after the header; blank lines are passed over."""
    lines = Lines(file, form.delimiter)
    lines.skip_header()
    return lines.records(len(form.columns))


def wrong_width(found: int, width: int) -> str:
    return f"has {found} columns, the first line names {width}; is a quote or delimiter missing?"


class Lines:
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
        while next(self, None) is not None and not self.text.strip():
            pass
        self._bad.clear()

    def push(self, lines: Sequence[str]) -> None:
        """Lines that were read from the file already and come next."""
        self._pushed.extend(reversed(lines))

    def pass_over(self, count: int) -> int:
        """Lines that somebody else has taken; the number of the first."""
        first, self._next_line = self._next_line, self._next_line + count
        return first

    def records(self, width: int, *, pushed_only: bool = False) -> Iterator[Record | Bad]:
        """To the file's end, or until the pushed lines are used up, with the rest of a record that begins in them."""
        reader = csv.reader(self, delimiter=self._delimiter)
        while self._pushed or not pushed_only:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield Bad(self.line, f"cannot be read as CSV: {error}", self.text)
                continue
            yield from self._take_bad()
            if cells is None:
                return
            if len(cells) == width:
                yield Record(self.line, cells, self.text)
            elif cells and any(cell.strip() for cell in cells):
                yield Bad(self.line, wrong_width(len(cells), width), self.text)

    def _take_bad(self) -> list[Bad]:
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
            elif UNREADABLE in line:
                self._bad.append(Bad(number, unreadable(line), line))
            elif '"' in line and open_quote(line, self._delimiter):
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
            if '"' in line and not open_quote(text := "".join(lines), self._delimiter):
                self._next_line += len(lines) - 1
                if UNREADABLE in text:
                    self._bad.append(Bad(number, unreadable(text), text))
                    return ""
                self.line, self.text = number, text
                return text
        self._pushed.extend(reversed(lines[1:]))
        self._bad.append(Bad(number, "a quote is opened and never closed", first))
        return ""


def open_quote(text: str, delimiter: str) -> bool:
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


def _checked_columns(name: str, columns: Sequence[str]) -> tuple[str, ...]:
    named = tuple(column.strip() or f"column {number}" for number, column in enumerate(columns, 1))
    if len(named) > MOST_COLUMNS:
        raise Refused(f"{name}: names {len(named)} columns; at most {MOST_COLUMNS} are taken")
    for column in named:
        if named.count(column) > 1:
            raise Refused(f"{name}: two columns are named {column!r}; rename one")
        if len(column) > 120 or not column.isprintable():
            raise Refused(f"{name}: {column[:40]!r} is no name of a column; the first line names the columns")
    return named
