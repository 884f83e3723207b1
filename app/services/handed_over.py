"""Files of consents and of do-not-call entries that are taken in the background: kept in the state directory from their
upload to their end, each in a folder of its own under its own name.

A folder is named by its row (`consent-7`), of which the worker takes one after another, also after a restart; one whose
row is not committed yet is passed over. Whoever works at a file has it locked, and the lock ends with the process.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import ClarionError
from common.ids import new_id

#: Larger uploads, in bytes, are taken in the background; a smaller one is done while its sender waits.
AT_ONCE = 200_000
#: Seconds between two times that a file's progress is written.
TOLD_EVERY = 1.0
#: Seconds after which a folder without a row is nobody's.
_ABANDONED = 24 * 3600.0
_NEW = "new-"


#: What is said of a file that was cancelled.
STAYS = "stopped by somebody; what was taken until then stays"


class Stopped(ClarionError):
    """The worker ends, and the next one goes on."""


class Cancelled(ClarionError):
    """Somebody wants it to stop; what is taken stays."""


@dataclass(frozen=True, slots=True)
class Handed:
    kind: str
    file_id: int
    folder: Path

    @property
    def file(self) -> Path | None:
        return _only(self.folder / "file")

    @property
    def proofs(self) -> Path | None:
        return _only(self.folder / "proofs")

    def take_back(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class HandedOver:
    def __init__(self, home: Path) -> None:
        self._folder = home / "files"

    def keep(self, name: str, save: Callable[[Path], object]) -> Path:
        """A folder that has the file, to be handed over or removed."""
        folder = self._folder / f"{_NEW}{new_id()}"
        self.add(folder, "file", name, save)
        return folder

    def add(self, folder: Path, part: str, name: str, save: Callable[[Path], object]) -> Path:
        (folder / part).mkdir(parents=True, mode=0o700)
        path = folder / part / name
        save(path)
        return path

    def hand_over(self, folder: Path, kind: str, file_id: int) -> None:
        """Before the row is committed, so that no row is without its file."""
        folder.rename(self._folder / f"{kind}-{file_id}")

    def take_back(self, kind: str, file_id: int) -> None:
        """Of a row that was rolled back."""
        shutil.rmtree(self._folder / f"{kind}-{file_id}", ignore_errors=True)

    def waiting(self) -> Iterator[Handed]:
        for folder in sorted(self._folder.glob("*-*")):
            kind, _, number = folder.name.rpartition("-")
            if number.isdecimal() and kind:
                yield Handed(kind, int(number), folder)

    def sweep(self) -> None:
        """Remove what was uploaded and never handed over."""
        for folder in self._folder.glob(f"{_NEW}*"):
            if time.time() - folder.stat().st_mtime > _ABANDONED:
                shutil.rmtree(folder, ignore_errors=True)


def lines_of(path: Path) -> int:
    """As many as line ends are there; of a packed file or a workbook nobody knows, 0."""
    with path.open("rb") as file:
        if file.read(2) in (b"PK", b"\x1f\x8b"):
            return 0
        file.seek(0)
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))


def _only(folder: Path) -> Path | None:
    return next(folder.iterdir(), None) if folder.is_dir() else None
