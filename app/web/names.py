"""Enters the names of imports that are over, for the search, beside the next import."""

from __future__ import annotations

import threading

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.services.contact_names import enter_names
from common.errors import ClarionError

log = structlog.get_logger()

#: Seconds between two looks for imports that are over.
INTERVAL = 0.5


class Names:
    """One per web role; several share the work by claiming imports."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop = threading.Event()

    def run(self) -> None:
        """Look for work until `stop`; what fails is logged and tried again later."""
        while not self._stop.is_set():
            try:
                enter_names(self._engine, lambda: not self._stop.is_set())
            except (ClarionError, SQLAlchemyError) as error:
                log.error("names.failed", error=str(error), exc_info=error)
                self._stop.wait(5.0)
            self._stop.wait(INTERVAL)

    def stop(self) -> None:
        """Ask `run` to end; what is not entered yet, the next one enters."""
        self._stop.set()
