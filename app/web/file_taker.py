"""Takes large files of consents and do-not-call entries, one after another, beside the server processes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.db import read_transaction
from app.models import ConsentFile, DncFile, ImportState
from app.services import consent_files, dnc_files
from app.services.handed_over import Handed, HandedOver
from app.services.importing.uploads import locked
from app.web.looper import Looper
from common.tasks import each_in_turn

log = structlog.get_logger()

CONSENT, DNC = "consent", "dnc"
_MODELS: dict[str, type[ConsentFile | DncFile]] = {CONSENT: ConsentFile, DNC: DncFile}
_OPEN = (ImportState.QUEUED, ImportState.RUNNING)


class FileTaker(Looper):
    def __init__(self, engine: Engine, home: Path) -> None:
        super().__init__()
        self._engine = engine
        self._files = HandedOver(home)

    def look(self) -> bool:
        self.work()
        self._files.sweep()
        return False

    def work(self) -> int:
        """Take all files that wait; how many."""
        steps = [partial(self._take, handed) for handed in self._files.waiting() if handed.kind in _MODELS]
        return each_in_turn(steps, SQLAlchemyError)

    def _take(self, handed: Handed) -> bool:
        path = handed.file
        if path is None:
            return False
        with locked(path) as mine:
            if not mine:
                return False
            with read_transaction(self._engine) as session:
                model: Any = _MODELS[handed.kind]
                row: ConsentFile | DncFile | None = session.get(model, handed.file_id)
            if row is None:
                return False  # being committed at this moment; one that was rolled back takes its file back
            if row.state in _OPEN:
                if handed.kind == CONSENT:
                    consent_files.run_file(self._engine, row.id, path, handed.proofs, self.goes_on)
                else:
                    dnc_files.run_file(self._engine, row.id, path, self.goes_on)
                if not self.goes_on():
                    return False
            handed.take_back()
            return True
