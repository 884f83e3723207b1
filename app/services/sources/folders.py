"""A watched folder: `<home>/drop/<organization>/<folder>`, into which other programs put files.

A file is taken once it has lain unchanged for a while: it is renamed into `processing`, copied from there, and renamed
on to `processed` or `failed`. Renames within a folder are atomic, so what two processes see, one takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from app.services.sources.places import BLOCK, MOST_FILES, Bounded, Found, is_plain, means
from common.errors import Refused

_MOMENT = "%Y%m%dT%H%M%S.%f"
PROCESSING, PROCESSED, FAILED = "processing", "processed", "failed"


def drop_folder(home: Path, organization_id: int, name: str) -> Path:
    if not is_plain(name) or name.startswith("."):
        raise Refused("folder: give the name of a folder, without / and not beginning with a dot")
    return home / "drop" / str(organization_id) / name


def finished_at(path: Path) -> datetime:
    """When a file in `processed` or `failed` was put there: its name says so; else when it was written last."""
    try:
        return datetime.strptime(path.name.partition("-")[0], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


class Folder:
    def __init__(self, path: Path, pattern: str) -> None:
        self._path = path
        self._pattern = pattern
        for name in (PROCESSING, PROCESSED, FAILED):
            (path / name).mkdir(parents=True, exist_ok=True)

    def files(self) -> list[Found]:
        """What is being processed, by a process that died, comes first."""
        again = [self._found(self._path / PROCESSING, entry.name) for entry in os.scandir(self._path / PROCESSING)]
        new = [
            self._found(self._path, entry.name)
            for entry in os.scandir(self._path)
            if entry.is_file(follow_symlinks=False) and is_plain(entry.name) and means(self._pattern, entry.name)
        ]
        found = [file for file in (*again, *new) if file is not None]
        return sorted(found, key=lambda file: file.name)[:MOST_FILES]

    def fetch(self, file: Found, target: Path, go_on: Callable[[], None]) -> None:
        taken = self._path / PROCESSING / file.name
        if not taken.exists():
            try:
                (self._path / file.name).rename(taken)
            except FileNotFoundError:
                raise Refused(f"{file.name}: is not there any more") from None
        with taken.open("rb") as source, target.open("wb") as out:
            bounded = Bounded(out, file.name, go_on)
            while block := source.read(BLOCK):
                bounded.write(block)
        if bounded.size != file.size:
            taken.rename(self._path / file.name)
            raise Refused(f"{file.name}: was still being written; it is taken when it lies still")

    def finish(self, file: Found, *, taken: bool) -> None:
        lying = self._path / PROCESSING / file.name
        if not lying.exists() and self._found(self._path, file.name) == file:
            # It was tried here, left, and imported by somebody.
            lying = self._path / file.name
        if lying.exists():
            moment = datetime.now(UTC).strftime(_MOMENT)
            lying.rename(self._path / (PROCESSED if taken else FAILED) / f"{moment}-{file.name}")

    def leave(self, file: Found) -> None:
        processing = self._path / PROCESSING / file.name
        if processing.exists():
            processing.rename(self._path / file.name)

    def close(self) -> None:
        pass

    def _found(self, folder: Path, name: str) -> Found | None:
        try:
            status = (folder / name).lstat()
        except FileNotFoundError:
            return None
        return Found(name, status.st_size, str(status.st_mtime_ns))
