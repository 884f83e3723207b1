"""Records in batches: lines without anything odd are cut up many at a time, all others go through `reading.Lines` one
by one. Both ways give the same records."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from app.intake.reading import LONGEST_RECORD, UNREADABLE, Bad, Format, Lines, open_quote, wrong_width

#: Characters read at a time: a few hundred rows.
_PIECE = 48 * 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the file's order, with their line numbers and texts; `bad` are those among them that are none."""

    lines: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.bad)

    def after(self, count: int) -> Batch:
        """Without the first `count` records, bad ones counted."""
        every = sorted([*self.lines, *(bad.line for bad in self.bad)])
        if count >= len(every):
            return Batch()
        first = every[count]
        start = sum(line < first for line in self.lines)
        return Batch(
            self.lines[start:], self.rows[start:], self.texts[start:], [bad for bad in self.bad if bad.line >= first]
        )


def batches(file: TextIO, form: Format, passed: int = 0) -> Iterator[Batch]:
    """Every record after the header but the first `passed`; blank lines are passed over."""
    lines = Lines(file, form.delimiter)
    lines.skip_header()
    while piece := _piece(file):
        plain = _plain(piece)
        rows = _cut(plain, form.delimiter) if plain else None
        if rows is None:
            lines.push(io.StringIO(piece, newline="").readlines())
            batch = _singly(lines, form)
        else:
            batch = _of(rows, plain, lines.pass_over(len(plain)), form)
        if passed:
            passed, batch = max(0, passed - len(batch)), batch.after(passed)
        if batch:
            yield batch


def _piece(file: TextIO) -> str:
    text = file.read(_PIECE)
    return text if not text or text.endswith("\n") else text + file.readline(LONGEST_RECORD + 1)


def _plain(piece: str) -> list[str]:
    """The lines of a piece, or none where a line is not a line at first sight: a lone CR, a NUL, one too
    long or unreadable."""
    text = piece.replace("\r\n", "\n") if "\r" in piece else piece
    if "\r" in text or "\0" in text or UNREADABLE in text:
        return []
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines if max(map(len, lines)) < LONGEST_RECORD - 1 else []


def _cut(lines: list[str], delimiter: str) -> list[list[str]] | None:
    """The cells of each line; None where a quote goes over the end of one."""
    if not any('"' in line for line in lines):
        return [line.split(delimiter) for line in lines]
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        rows = list(reader)
    except csv.Error:
        return None
    return rows if len(rows) == len(lines) and not open_quote(lines[-1], delimiter) else None


def _of(rows: list[list[str]], texts: list[str], first: int, form: Format) -> Batch:
    width = len(form.columns)
    numbers = list(range(first, first + len(rows)))
    if set(map(len, rows)) == {width} and (width > 1 or all(texts)):
        return Batch(numbers, rows, texts)
    batch = Batch()
    for number, cells, text in zip(numbers, rows, texts, strict=True):
        if not text:
            continue
        if len(cells) == width:
            batch.lines.append(number)
            batch.rows.append(cells)
            batch.texts.append(text)
        elif any(cell.strip() for cell in cells):
            batch.bad.append(Bad(number, wrong_width(len(cells), width), text))
    return batch


def _singly(lines: Lines, form: Format) -> Batch:
    batch = Batch()
    for item in lines.records(len(form.columns), pushed_only=True):
        if isinstance(item, Bad):
            batch.bad.append(item)
        else:
            batch.lines.append(item.line)
            batch.rows.append(item.cells)
            batch.texts.append(item.text)
    return batch
