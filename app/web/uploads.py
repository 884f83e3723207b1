"""CSV files between upload and import: kept in the state directory, named so that a person's file stays that person's.

An upload waits for its column mapping as `pending-<list>-<user>-<id>.csv`; once its import is queued it is
`import-<run>.csv`, which the importer takes up, also after a restart, and removes when it is done.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from werkzeug.datastructures import FileStorage

from app.security.access import NotFound
from common.ids import new_id

#: An upload whose mapping nobody confirmed is removed after so many seconds.
ABANDONED_AFTER = 24 * 3600.0
_KEY = re.compile(r"[0-9a-z]{26}")
_RUN = re.compile(r"import-(\d+)\.csv")


@dataclass(frozen=True, slots=True)
class Pending:
    key: str
    path: Path
    file_name: str


class Uploads:
    def __init__(self, home: Path) -> None:
        self._folder = home / "uploads"

    def keep(self, contact_list_id: int, user_id: int, file: FileStorage) -> str:
        """The key under which the upload waits."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = new_id()
        path = self._pending(contact_list_id, user_id, key)
        file.save(path)
        name = (file.filename or "upload.csv").replace("\\", "/").rsplit("/", 1)[-1][:255]
        path.with_suffix(".json").write_text(json.dumps({"file_name": name}), "utf-8")
        return key

    def pending(self, contact_list_id: int, user_id: int, key: str) -> Pending:
        path = self._pending(contact_list_id, user_id, key)
        if not _KEY.fullmatch(key) or not path.is_file():
            raise NotFound("the upload is not there any more; upload the file again")
        name = json.loads(path.with_suffix(".json").read_text("utf-8"))["file_name"]
        return Pending(key, path, name)

    def forget(self, pending: Pending) -> None:
        pending.path.unlink(missing_ok=True)
        pending.path.with_suffix(".json").unlink(missing_ok=True)

    def hand_over(self, pending: Pending, run_id: int) -> None:
        """Make it the run's file; call it before the run is committed, so that no run is without its file."""
        pending.path.rename(self.of_run(run_id))
        pending.path.with_suffix(".json").unlink(missing_ok=True)

    def take_back(self, pending: Pending, run_id: int) -> None:
        """Undo `hand_over` where the run was not committed after all."""
        shutil.move(self.of_run(run_id), pending.path)
        pending.path.with_suffix(".json").write_text(json.dumps({"file_name": pending.file_name}), "utf-8")

    def of_run(self, run_id: int) -> Path:
        return self._folder / f"import-{run_id}.csv"

    def run_ids(self) -> Iterator[int]:
        """Runs whose file is here, oldest first."""
        found = (_RUN.fullmatch(path.name) for path in self._folder.glob("import-*.csv"))
        yield from sorted(int(match.group(1)) for match in found if match)

    def sweep(self) -> None:
        """Remove uploads that were abandoned."""
        for path in self._folder.glob("pending-*"):
            if time.time() - path.stat().st_mtime > ABANDONED_AFTER:
                path.unlink(missing_ok=True)

    def _pending(self, contact_list_id: int, user_id: int, key: str) -> Path:
        return self._folder / f"pending-{contact_list_id}-{user_id}-{key}.csv"
