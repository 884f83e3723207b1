"""What the web role does beside its server processes: one look for work after another, until it is asked to end."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from common.errors import ClarionError

log = structlog.get_logger()

#: Seconds until work that failed is tried again.
_AFTER_FAILURE = 5.0


class Looper(ABC):
    #: Seconds between two looks for work.
    pause = 0.5

    def __init__(self) -> None:
        self._stop = threading.Event()

    @abstractmethod
    def look(self) -> bool:
        """Do what waits, as far as `goes_on` lets; True asks for the next look at once."""

    def run(self) -> None:
        """Look for work until `stop`; what fails is logged and tried again later."""
        while self.goes_on():
            try:
                if not self.look():
                    self._stop.wait(self.pause)
            except (ClarionError, SQLAlchemyError, OSError) as error:
                words = f"{type(error).__name__}: {error}"
                log.error("work.failed", work=type(self).__name__, error=words, exc_info=error)
                self._stop.wait(_AFTER_FAILURE)

    def stop(self) -> None:
        """Ask `run` to end; what is under way is taken up again by the next one."""
        self._stop.set()

    def goes_on(self) -> bool:
        return not self._stop.is_set()


class Repeated(Looper):
    """Work that one function does, as far as what it is given lets."""

    def __init__(self, work: Callable[[Callable[[], bool]], object], pause: float) -> None:
        super().__init__()
        self._work = work
        self.pause = pause

    def look(self) -> bool:
        self._work(self.goes_on)
        return False
