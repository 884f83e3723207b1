"""Does what revisions left to be done over all rows, beside everything else."""

from __future__ import annotations

import threading

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.services.number_types import tell_number_types
from common.errors import ClarionError

log = structlog.get_logger()

#: Seconds between two looks: another may have died at it.
INTERVAL = 30.0


class CatchingUp:
    """One per web role; the first that claims the work does it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop = threading.Event()

    def run(self) -> None:
        """Look for work until `stop`; what fails is logged and tried again later."""
        while not self._stop.is_set():
            try:
                tell_number_types(self._engine, lambda: not self._stop.is_set())
            except (ClarionError, SQLAlchemyError) as error:
                log.error("catch_up.failed", error=str(error), exc_info=error)
            self._stop.wait(INTERVAL)

    def stop(self) -> None:
        """Ask `run` to end; what is not done yet, the next one does."""
        self._stop.set()
