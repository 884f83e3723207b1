"""Changes whole lists as people asked, beside the server processes: one change after another."""

from __future__ import annotations

import time

import structlog
from sqlalchemy import Engine

from app.services.list_changes.purging import purge_next
from app.services.list_changes.working import work_next
from app.web.looper import Looper
from common.clock import utcnow

log = structlog.get_logger()

#: Seconds of a purge after which it is looked whether somebody waits for a change.
PATIENCE = 5.0


class ListWorker(Looper):
    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def look(self) -> bool:
        """One change, else one purge of what nobody can put back; False where there is neither."""
        if work_next(self._engine, self.goes_on):
            return True
        until = time.monotonic() + PATIENCE
        return purge_next(self._engine, utcnow(), lambda: self.goes_on() and time.monotonic() < until)
