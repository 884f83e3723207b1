"""Changes whole lists as people asked, beside the server processes: one change after another."""

from __future__ import annotations

import threading
import time

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.services.list_changes.purging import purge_next
from app.services.list_changes.working import work_next
from common.clock import utcnow
from common.errors import ClarionError

log = structlog.get_logger()

#: Seconds between two looks for work.
INTERVAL = 0.5
#: Seconds of a purge after which it is looked whether somebody waits for a change.
PATIENCE = 5.0


class ListWorker:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop = threading.Event()

    def run(self) -> None:
        """Look for work until `stop`; what fails is logged and tried again later."""
        while not self._stop.is_set():
            try:
                if not self.work():
                    self._stop.wait(INTERVAL)
            except (ClarionError, SQLAlchemyError, OSError) as error:
                log.error("list_worker.failed", error=f"{type(error).__name__}: {error}")
                self._stop.wait(5.0)

    def stop(self) -> None:
        """Ask `run` to end; the change under way is taken up again by the next worker."""
        self._stop.set()

    def work(self) -> bool:
        """One change, else one purge of what nobody can put back; False where there is neither."""
        if work_next(self._engine, self._goes_on):
            return True
        until = time.monotonic() + PATIENCE
        return purge_next(self._engine, utcnow(), lambda: self._goes_on() and time.monotonic() < until)

    def _goes_on(self) -> bool:
        return not self._stop.is_set()
