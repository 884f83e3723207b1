"""Works on what people asked about their data, beside the server processes: erasures, exports, purges; and on the marks
by which erasures find somebody among millions of attempts."""

from __future__ import annotations

import time
from functools import partial

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.security.secrets import Vault
from app.services.privacy import disclosure, erasure, marking, retention, stores
from app.web.looper import Looper
from common.clock import utcnow
from common.settings import Settings
from common.tasks import each_in_turn

log = structlog.get_logger()

#: Seconds between two looks for kinds of data whose daily purge is due.
PURGE_INTERVAL = 60.0
#: Seconds between two looks for attempts that have no marks, once all have that can have.
MARK_INTERVAL = 20.0


class Keeper(Looper):
    def __init__(self, engine: Engine, settings: Settings) -> None:
        super().__init__()
        self._engine = engine
        self._home = settings.home
        self._vault = Vault(settings.require_secret_key())
        self._files = stores.StateFiles(settings.home)
        self._servers = stores.HttpMediaServers(engine, settings.mediaserver.token)
        self._next_purge = 0.0
        self._next_marks = 0.0

    def look(self) -> bool:
        self.work()
        return False

    def work(self) -> int:
        """Take every open request as far as it goes now; how many erasures ended. One export at a time, so that no
        erasure waits for many."""
        erasures = [
            partial(erasure.advance, self._engine, self._vault, request, self._files, self._servers)
            for request in erasure.open_erasures(self._engine)
        ]
        return each_in_turn([*erasures, self._disclose, self._purge, self._mark], SQLAlchemyError)

    def _disclose(self) -> int:
        disclosure.make_next(self._engine, self._vault, self._home, self._servers)
        return 0

    def _purge(self) -> int:
        if time.monotonic() >= self._next_purge:
            self._next_purge = time.monotonic() + PURGE_INTERVAL
            retention.purge_due(self._engine, self._servers, self._files)
        return 0

    def _mark(self) -> int:
        if time.monotonic() >= self._next_marks:
            more = marking.mark(self._engine, utcnow())
            self._next_marks = time.monotonic() + (0 if more else MARK_INTERVAL)
        return 0
