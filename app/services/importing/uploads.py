"""Files between their arrival and the end of their import: kept in the state directory, named so that a person's file
stays that person's.

A file as it arrived is `.raw`, its first rows as a spool are `.head`, the whole spool is `.csv`, and what was found out
about it is `.json`. An upload waits for its columns' mapping as `pending-<list>-<user>-<id>`; once its import is queued
it is `import-<run>`, which the importer takes up, also after a restart, and removes when it is done; the file of a dry
run is then `dry-<run>` for a day. Whoever works at a file has it locked, and the lock ends with the process.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.security.access import NotFound
from app.services.importing import spooling
from app.services.importing.spooling import Choices, Understood
from common.ids import new_id

#: An upload whose mapping nobody confirmed is removed after so many seconds.
ABANDONED_AFTER = 24 * 3600.0
_KEY = re.compile(r"[0-9a-z]{26}")
_RUN = re.compile(r"import-(\d+)\.(?:raw|csv)")


@dataclass(frozen=True, slots=True)
class Pending:
    key: str
    path: Path
    file_name: str
    understood: Understood | None = None

    @property
    def head(self) -> Path:
        return self.path.with_suffix(".head")


class Uploads:
    def __init__(self, home: Path) -> None:
        self._folder = home / "uploads"

    def keep(self, contact_list_id: int, user_id: int, file_name: str, save: Callable[[Path], None]) -> Pending:
        """Have `save` write the file; its key is how it is found again."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = new_id()
        path = self._pending(contact_list_id, user_id, key)
        save(path)
        name = file_name.replace("\\", "/").rsplit("/", 1)[-1][:255] or "upload"
        made = Pending(key, path, name)
        _write_notes(made)
        return made

    def pending(self, contact_list_id: int, user_id: int, key: str) -> Pending:
        path = self._pending(contact_list_id, user_id, key)
        if not _KEY.fullmatch(key) or not path.is_file():
            raise NotFound("the upload is not there any more; upload the file again")
        notes = json.loads(path.with_suffix(".json").read_text("utf-8"))
        understood = notes.get("understood")
        return Pending(key, path, notes["file_name"], Understood.from_json(understood) if understood else None)

    def look(self, pending: Pending, choices: Choices) -> Pending:
        """Find out what the file is, and keep its first rows. Raise Refused."""
        understood = spooling.understand(pending.path, choices, pending.file_name)
        spooling.write_head(pending.path, understood, pending.head, pending.file_name)
        looked_at = Pending(pending.key, pending.path, pending.file_name, understood)
        _write_notes(looked_at)
        return looked_at

    def forget(self, pending: Pending) -> None:
        for suffix in (".raw", ".head", ".json"):
            pending.path.with_suffix(suffix).unlink(missing_ok=True)

    def folder(self) -> Path:
        """Where a file has to lie that is handed over."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder

    def incoming(self) -> Path:
        """Where a file can be written that is then handed over; the caller removes it."""
        return self.folder() / f"pending-{new_id()}.raw"

    def adopt(self, path: Path) -> Path:
        """The same file in this folder, from where it can be handed over; the caller removes it."""
        return Path(shutil.move(path, self.incoming()))

    def hand_over(self, path: Path, run_id: int) -> None:
        """Make it the run's file too; call it before the run is committed, so that no run is without its file."""
        self.folder()
        # Of a process that was killed before it committed a run of that number.
        self.take_back(run_id)
        os.link(path, self.raw_of(run_id))

    def hand_over_spool(self, spool: Path, run_id: int) -> None:
        """The same of a spool that was made already."""
        self.take_back(run_id)
        os.link(spool, self.spool_of(run_id))

    def take_back(self, run_id: int) -> None:
        """Undo `hand_over` where the run was not committed after all, or is done."""
        for path in (self.raw_of(run_id), self.spool_of(run_id)):
            path.unlink(missing_ok=True)

    def keep_tried(self, run_id: int) -> None:
        """A dry run has ended: its file waits for a day, to be imported without being sent again."""
        if self.raw_of(run_id).exists():
            self.raw_of(run_id).replace(self.tried(run_id))
            self.tried(run_id).touch()
        self.spool_of(run_id).unlink(missing_ok=True)

    def tried(self, run_id: int) -> Path:
        return self._folder / f"dry-{run_id}.raw"

    def raw_of(self, run_id: int) -> Path:
        return self._folder / f"import-{run_id}.raw"

    def spool_of(self, run_id: int) -> Path:
        return self._folder / f"import-{run_id}.csv"

    def run_ids(self) -> Iterator[int]:
        """Runs whose file is here, oldest first."""
        found = (_RUN.fullmatch(path.name) for path in self._folder.glob("import-*"))
        yield from sorted({int(match.group(1)) for match in found if match})

    def sweep(self) -> None:
        """Remove uploads that were abandoned, and files that were only tried."""
        for path in (*self._folder.glob("pending-*"), *self._folder.glob("dry-*")):
            if _is_abandoned(path):
                path.unlink(missing_ok=True)
        for folder in self._folder.glob(f"{spooling.PREFIX}*"):
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _pending(self, contact_list_id: int, user_id: int, key: str) -> Path:
        return self._folder / f"pending-{contact_list_id}-{user_id}-{key}.raw"


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether the file is ours alone while the block lasts; another process of the same state directory may be at
    it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _is_abandoned(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > ABANDONED_AFTER


def _write_notes(pending: Pending) -> None:
    understood = pending.understood and pending.understood.as_json()
    text = json.dumps({"file_name": pending.file_name, "understood": understood})
    pending.path.with_suffix(".json").write_text(text, "utf-8")
