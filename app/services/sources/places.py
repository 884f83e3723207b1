"""Where a data source's files lie: one small port, and what its adapters share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Protocol

from common.errors import Refused

#: Bytes of one file that are fetched.
MOST_BYTES = 2 * 1024**3
#: Files of one look; the rest waits for the next.
MOST_FILES = 100
#: Seconds that a server may take to answer anything.
PATIENCE = 20.0
BLOCK = 256 * 1024


class Kind(StrEnum):
    FOLDER = "folder"
    FTP = "ftp"
    FTPS = "ftps"
    SFTP = "sftp"
    SQL = "sql"


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is there. The same name with another size or time is another file."""

    name: str
    size: int
    modified: str

    @property
    def origin(self) -> str:
        return f"{self.name[-180:]}|{self.size}|{self.modified}"[:255]


class Place(Protocol):
    """An open connection. Every method raises Refused or RemoteError with the mend."""

    def files(self) -> list[Found]:
        """Those that the source's pattern means, oldest name first."""
        ...

    def fetch(self, file: Found, target: Path, go_on: Callable[[], None]) -> None:
        """Write the file's bytes to `target`; `go_on` is called now and then, and may raise."""
        ...

    def finish(self, file: Found, *, taken: bool) -> None:
        """What was wanted with a file that an import has, or that no import can have."""
        ...

    def leave(self, file: Found) -> None:
        """It was only looked at, and stays as it was."""
        ...

    def close(self) -> None: ...


def means(pattern: str, name: str) -> bool:
    return not name.startswith(".") and fnmatchcase(name.lower(), (pattern or "*").lower())


class Bounded:
    """Writes what arrives, up to MOST_BYTES."""

    def __init__(self, out: IO[bytes], name: str, go_on: Callable[[], None]) -> None:
        self._out = out
        self._name = name
        self._go_on = go_on
        self.size = 0

    def write(self, block: bytes) -> None:
        self.size += len(block)
        if self.size > MOST_BYTES:
            raise Refused(f"{self._name}: is larger than {MOST_BYTES // 1024**3} GiB; split it")
        self._out.write(block)
        self._go_on()


def is_plain(name: str) -> bool:
    """Whether a server's name for a file is one: none leads elsewhere."""
    return bool(name) and "/" not in name and "\\" not in name and name not in (".", "..") and name.isprintable()
