"""Files of consents and do-not-call entries that people upload: small ones are taken at once, large ones in the
background."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import current_app
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.utils import secure_filename

from app.services.handed_over import AT_ONCE, HandedOver
from app.web.database import writing


@dataclass(frozen=True, slots=True)
class Received:
    files: HandedOver
    folder: Path
    path: Path
    proofs: Path | None

    @property
    def is_large(self) -> bool:
        return sum(path.stat().st_size for path in (self.path, self.proofs) if path) > AT_ONCE

    def hand_over(self, kind: str, queue: Callable[[Session], int]) -> None:
        """The row that `queue` makes, with its file, or neither."""
        file_id = 0
        try:
            with writing() as session:
                file_id = queue(session)
                self.files.hand_over(self.folder, kind, file_id)
        except BaseException:
            if file_id:
                self.files.take_back(kind, file_id)
            raise


@contextmanager
def received(file: FileStorage, otherwise: str, proofs: FileStorage | None = None) -> Iterator[Received]:
    """Gone after the block, unless it was handed over; `otherwise` is the name of a file that has none."""
    files = HandedOver(current_app.config["CLARION"].home)
    folder = files.keep(_name(file, otherwise), file.save)
    try:
        proof = files.add(folder, "proofs", _name(proofs, "evidence.zip"), proofs.save) if proofs else None
        yield Received(files, folder, next((folder / "file").iterdir()), proof)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _name(file: FileStorage, otherwise: str) -> str:
    return secure_filename(file.filename or "")[-200:] or otherwise
