"""Imports that were to stop and that nobody works at: their process or machine is gone with their file.

Whoever works at an import looks every second or so whether it shall stop. One that somebody cancelled, whose file is
not here and that does not move all the same, is ended, so that nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Collection

import structlog
from sqlalchemy import Engine, select

from app.db import read_transaction
from app.models import ImportRun, ImportState
from app.services.importing.files import end_unfinished
from app.services.importing.removal import forget_leftovers

log = structlog.get_logger()

#: Seconds without any movement.
GONE_AFTER = 600.0
#: Seconds between two looks.
_LOOK = 10.0
_MOVES = (ImportRun.rows_read, ImportRun.rows_removed, ImportRun.removal, ImportRun.bytes_total)


class Orphans:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looked = float("-inf")
        #: By run: where it stood, and since when.
        self._stood: dict[int, tuple[tuple[object, ...], float]] = {}

    def look(self, here: Collection[int], now: float) -> None:
        """End those that have not moved; `here` are runs whose file is, and `now` is monotonic."""
        if now - self._looked < _LOOK:
            return
        self._looked = now
        wanted = (ImportRun.state == ImportState.RUNNING, ImportRun.cancel_requested)
        with read_transaction(self._engine) as session:
            rows = session.execute(select(ImportRun.id, *_MOVES).where(*wanted)).all()
        stands = {run_id: tuple(moves) for run_id, *moves in rows if run_id not in here}
        before = self._stood
        self._stood = {run_id: (at, now) for run_id, at in stands.items()}
        for run_id, at in stands.items():
            was, since = before.get(run_id, (at, now))
            if was != at:
                continue
            self._stood[run_id] = (at, since)
            if now - since >= GONE_AFTER:
                end_unfinished(self._engine, run_id, "cancelled; the process that imported the file is gone")
                log.warning("import.orphaned", import_run=run_id)
        forget_leftovers(self._engine)
