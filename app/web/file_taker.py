"""Takes large files of consents and do-not-call entries, one after another, beside the server processes."""

from __future__ import annotations

import threading
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
from common.errors import ClarionError
from common.tasks import each_in_turn

log = structlog.get_logger()

#: Seconds between two looks for files.
INTERVAL = 0.5
CONSENT, DNC = "consent", "dnc"
_MODELS: dict[str, type[ConsentFile | DncFile]] = {CONSENT: ConsentFile, DNC: DncFile}
_OPEN = (ImportState.QUEUED, ImportState.RUNNING)


class FileTaker:
    def __init__(self, engine: Engine, home: Path) -> None:
        self._engine = engine
        self._files = HandedOver(home)
        self._stop = threading.Event()

    def run(self) -> None:
        """Look for work until `stop`; what fails is logged and tried again later."""
        while not self._stop.is_set():
            try:
                self.work()
                self._files.sweep()
            except (ClarionError, SQLAlchemyError, OSError) as error:
                log.error("file_taker.failed", error=f"{type(error).__name__}: {error}")
                self._stop.wait(5.0)
            self._stop.wait(INTERVAL)

    def stop(self) -> None:
        """Ask `run` to end; the file under way is taken up again by the next one."""
        self._stop.set()

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
                    consent_files.run_file(self._engine, row.id, path, handed.proofs, self._goes_on)
                else:
                    dnc_files.run_file(self._engine, row.id, path, self._goes_on)
                if self._stop.is_set():
                    return False
            handed.take_back()
            return True

    def _goes_on(self) -> bool:
        return not self._stop.is_set()
