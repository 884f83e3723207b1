"""Whatever arrives (text in any encoding, gzip, zip, a workbook) becomes one UTF-8 CSV file, the spool, which alone an
import reads.

A line of the spool is the line of the original (of a sheet: the row with that number), so that a reject names the place
where its sender finds it. What cannot be taken of a row is marked (`reading.UNREADABLE`), and the import rejects it.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Self

from app.intake.reading import refuse_other_kinds
from app.services.importing import encodings, packed, workbooks
from app.services.importing.encodings import AUTO, Encoding
from common.errors import Refused

#: Characters and rows by which a file is shown before it is taken.
_HEAD_SIZE = 4 * 1024**2
HEAD_ROWS = 1000
#: Of the folder that a spool is made in.
PREFIX = "clarion-spool-"
#: Line breaks within a sheet's cell, so that a row stays a line; such a character is refused where one is refused.
_BREAKS = str.maketrans({"\n": "\u2028", "\r": None, "\0": "\u2400"})
_DELIMITER_LINE = re.compile(r"\Asep=[^\r\n](?=\r?\n)", re.IGNORECASE)
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody says about a file; "" and 0 find it out."""

    member: str = ""
    sheet: str = ""
    encoding: str = AUTO
    delimiter: str = ""
    #: Line (of a sheet: row) that names the columns; what stands above is left out.
    heading: int = 0
    #: ISO 3166, of numbers without + in this file; "" is the list's.
    home_country: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a file was taken for. `kind` is csv, xlsx, gzip or zip; `members` and `sheets` are what could be chosen."""

    kind: str
    choices: Choices
    encoding: Encoding | None = None
    members: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()
    #: The same for people.
    words: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        encoding = data["encoding"] and Encoding(
            **{**data["encoding"], "specimens": tuple(data["encoding"]["specimens"])}
        )
        return cls(
            data["kind"],
            Choices(**data["choices"]),
            encoding,
            tuple(data["members"]),
            tuple(data["sheets"]),
            data["words"],
        )


def understand(path: Path, choices: Choices | None = None, name: str = "") -> Understood:
    """Read the file once. Raise Refused with the mend, as where an archive holds several files and none is chosen."""
    choices, name = choices or Choices(), name or path.name
    with _opened(path, name) as (kind, archive):
        if kind == "xlsx":
            return _workbook(path, name, choices)
        members = packed.data_members(archive) if archive is not None else ()
        member = _member(name, members, choices.member) if archive is not None else ""
        choices = replace(choices, member=member, sheet="")
        with _text_of(path, name, kind, member) as file:
            encoding = encodings.find_out(file, choices.encoding)
    words = f"{encoding.name.removesuffix('-sig')}, {encoding.how}"
    return Understood(kind, choices, encoding, members, (), words)


def write_spool(path: Path, understood: Understood, target: Path, go_on: Callable[[], bool], name: str = "") -> bool:
    """Make the whole spool. False, with no file, when `go_on` (asked now and then) said no."""
    making = target.with_name(f"{target.name}.making")
    try:
        with making.open("wb") as out:
            for piece in _pieces(path, understood, name or path.name):
                out.write(piece)
                if not go_on():
                    return False
        making.replace(target)
    finally:
        making.unlink(missing_ok=True)
    return True


def refuse_guess(understood: Understood, name: str) -> None:
    """Raise Refused where names might arrive garbled and nobody would see it."""
    if understood.encoding is not None and understood.encoding.guessed:
        raise Refused(
            f"{name}: is not utf-8; it looks like {understood.encoding.name}: name that encoding to take it so"
        )


@contextmanager
def spooled(
    path: Path, choices: Choices | None = None, *, may_guess: bool = False, within: Path | None = None
) -> Iterator[Path]:
    """The spool of a file, of the same name, while the block lasts; without `may_guess` no guess at its encoding. Its
    folder is made in `within`, or where temporary files are."""
    understood = understand(path, choices)
    if not may_guess:
        refuse_guess(understood, path.name)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=within) as folder:
        spool = Path(folder) / path.name
        write_spool(path, understood, spool, lambda: True)
        yield spool


def write_head(path: Path, understood: Understood, target: Path, name: str = "") -> None:
    """Make a spool of the first rows only."""
    size = lines = 0
    with target.open("wb") as out:
        for piece in _pieces(path, understood, name or path.name):
            out.write(piece)
            size, lines = size + len(piece), lines + piece.count(b"\n")
            if size > _HEAD_SIZE or lines > HEAD_ROWS:
                break
    if size > _HEAD_SIZE or lines > HEAD_ROWS:
        _cut_at_line(target)


def _cut_at_line(path: Path) -> None:
    with path.open("r+b") as file:
        data = file.read(_HEAD_SIZE)
        end = 0
        for _ in range(HEAD_ROWS):
            found = data.find(b"\n", end)
            if found < 0:
                break
            end = found + 1
        file.truncate(end or len(data))


def _pieces(path: Path, understood: Understood, name: str) -> Iterator[bytes]:
    if understood.kind == "xlsx":
        yield from _sheet_pieces(path, understood, name)
        return
    encoding = understood.encoding
    assert encoding is not None
    with _text_of(path, name, understood.kind, understood.choices.member) as file:
        texts = _below(encodings.decoded(file, encoding, name), understood.choices.heading)
        for number, text in enumerate(texts):
            if number == 0:
                # Excel's own line for the delimiter, which is found out without it.
                text = _DELIMITER_LINE.sub("", text)
            yield text.encode("utf-8", "replace")


def _below(texts: Iterable[str], heading: int) -> Iterator[str]:
    """The text with every line above the heading emptied."""
    above = max(heading - 1, 0)
    for text in texts:
        start, before = 0, above
        while above and (end := text.find("\n", start)) >= 0:
            start, above = end + 1, above - 1
        yield "\n" * (before - above) + (text[start:] if not above else "")


def _sheet_pieces(path: Path, understood: Understood, name: str) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    line, width, heading = 1, 0, understood.choices.heading
    with workbooks.OpenWorkbook(path, name) as book:
        for number, cells in book.rows(understood.choices.sheet):
            if number < heading:
                continue
            buffer.write("\n" * (number - line))
            width = width or len(cells)
            cells = [cell.translate(_BREAKS) for cell in cells]
            writer.writerow(cells + [""] * (width - len(cells)))
            line = number + 1
            if buffer.tell() > 256 * 1024:
                yield buffer.getvalue().encode("utf-8", "replace")
                buffer.seek(0)
                buffer.truncate()
    yield buffer.getvalue().encode("utf-8", "replace")


@contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[str, Any]]:
    """The kind of file, and the open archive where it is one."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise Refused(f"{name}: cannot be read: {error.strerror}") from error
    if head.startswith(packed.GZIP):
        yield "gzip", None
    elif head.startswith(packed.ZIP):
        with packed.open_archive(path, name) as archive:
            yield ("xlsx" if workbooks.is_workbook(archive) else "zip"), archive
    elif head.startswith(_OLD_EXCEL):
        raise Refused(f"{name}: is an old Excel workbook, or one with a password; save it as XLSX without, or as CSV")
    else:
        refuse_other_kinds(name, head)
        yield "csv", None


@contextmanager
def _text_of(path: Path, name: str, kind: str, member: str) -> Iterator[IO[bytes]]:
    if kind == "csv":
        with path.open("rb") as file:
            yield file
    elif kind == "gzip":
        with packed.open_gzip(path, name) as file:
            yield _plain(file, name)
    else:
        with packed.open_archive(path, name) as archive, packed.open_member(archive, member, name) as file:
            yield _plain(file, f"{name}, {member}")


def _plain(file: IO[bytes], name: str) -> IO[bytes]:
    """What was unpacked, looked at: an archive in an archive is not opened."""
    assert isinstance(file, io.BufferedReader)
    head = file.peek(4096)
    if head.startswith((packed.GZIP, packed.ZIP, _OLD_EXCEL)):
        raise Refused(f"{name}: holds a workbook or another archive; send that itself")
    refuse_other_kinds(name, head)
    return file


def _member(name: str, members: tuple[str, ...], chosen: str) -> str:
    if not members:
        raise Refused(f"{name}: holds no file")
    if chosen and chosen not in members:
        raise Refused(f"{name}: there is no such file {chosen!r} in it; it has {', '.join(members[:20])}")
    if chosen or len(members) == 1:
        return chosen or members[0]
    raise SeveralMembers(members, f"{name}: holds {len(members)} files ({', '.join(members[:20])}); say which one")


class SeveralMembers(Refused):
    """An archive holds several files; one must be chosen."""

    def __init__(self, members: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.members = members


def _workbook(path: Path, name: str, choices: Choices) -> Understood:
    with workbooks.OpenWorkbook(path, name) as book:
        sheets = tuple(book.sheets)
    sheet = choices.sheet or sheets[0]
    if sheet not in sheets:
        raise Refused(f"{name}: has no sheet {sheet!r}; it has {', '.join(sheets[:20])}")
    words = f"Excel workbook, sheet {sheet!r}" + (f" of {len(sheets)}" if len(sheets) > 1 else "")
    return Understood(
        "xlsx", replace(choices, member="", sheet=sheet, encoding=AUTO, delimiter=""), None, (), sheets, words
    )
