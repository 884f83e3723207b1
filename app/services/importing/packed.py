"""Files that arrive compressed: gzip, and zip with one member or a chosen one.

Nothing is ever unpacked to a path that an archive names; a member is a stream that says when it grows beyond bounds.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from common.errors import Refused

#: Bytes that one file may have when it is unpacked.
MOST_UNPACKED = 4 * 1024**3
#: Times that a file may grow when unpacked; text of people's data grows 3 to 30 times. Counts beyond FREE bytes.
MOST_GROWTH = 200
FREE = 64 * 1024**2
MOST_MEMBERS = 10_000
GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
_ENCRYPTED = 0x1
_BROKEN = (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, NotImplementedError, RuntimeError)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Bounded(io.RawIOBase):
    """A stream that refuses to grow beyond what an honest file would."""

    def __init__(self, inner: _Readable, name: str, packed_size: int) -> None:
        self._inner = inner
        self._name = name
        self._left = min(MOST_UNPACKED, max(FREE, packed_size * MOST_GROWTH))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._inner.read(len(buffer))
        except _BROKEN as error:
            raise Refused(f"{self._name}: is damaged and cannot be unpacked; send it again") from error
        self._left -= len(block)
        if self._left < 0:
            raise Refused(
                f"{self._name}: unpacks to more than {MOST_UNPACKED // 1024**3} GiB or {MOST_GROWTH} times its size; "
                "unpack it yourself and send the file"
            )
        buffer[: len(block)] = block
        return len(block)


@contextmanager
def open_gzip(path: Path, name: str) -> Iterator[IO[bytes]]:
    with gzip.open(path, "rb") as inner:
        yield io.BufferedReader(Bounded(inner, name, path.stat().st_size), 1 << 20)


@contextmanager
def open_archive(path: Path, name: str) -> Iterator[zipfile.ZipFile]:
    """The archive, its directory checked. Raise Refused for one that no honest program writes."""
    try:
        archive = zipfile.ZipFile(path)
    except (*_BROKEN, ValueError, OSError) as error:
        raise Refused(f"{name}: is damaged or no zip archive; send it again") from error
    with archive:
        entries = archive.infolist()
        if len(entries) > MOST_MEMBERS:
            raise Refused(f"{name}: holds {len(entries):,} files; at most {MOST_MEMBERS:,} are looked at")
        for entry in entries:
            if entry.flag_bits & _ENCRYPTED:
                raise Refused(f"{name}: {entry.filename!r} is protected by a password; send it without")
            if _leads_out(entry.filename):
                raise Refused(f"{name}: holds a file that wants to be {entry.filename[:80]!r}; pack it without paths")
        yield archive


@contextmanager
def open_member(archive: zipfile.ZipFile, member: str, name: str) -> Iterator[IO[bytes]]:
    entry = archive.getinfo(member)
    try:
        inner = archive.open(entry)
    except _BROKEN as error:
        raise Refused(f"{name}: {member!r} cannot be unpacked; pack it as an ordinary zip") from error
    with inner:
        yield io.BufferedReader(Bounded(inner, f"{name}, {member}", entry.compress_size), 1 << 20)


def data_members(archive: zipfile.ZipFile) -> tuple[str, ...]:
    """Files that may be meant: folders and what computers add by themselves are left out."""
    return tuple(
        entry.filename
        for entry in archive.infolist()
        if not entry.is_dir()
        and not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(entry.filename).parts)
    )


def _leads_out(member: str) -> bool:
    parts = member.replace("\\", "/").split("/")
    return member.startswith(("/", "\\")) or ".." in parts or parts[0].endswith(":")
