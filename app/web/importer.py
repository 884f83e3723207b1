"""Runs queued imports one after another, beside the server processes so that no request waits for one."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.db import read_transaction
from app.models import ImportRun, ImportState
from app.security.access import Actor
from app.services import importing
from app.services.importing.orphans import Orphans
from app.services.importing.uploads import Uploads, locked
from app.web.looper import Looper
from common.tasks import each_in_turn

log = structlog.get_logger()

_OPEN = (ImportState.QUEUED, ImportState.RUNNING)


class Importer(Looper):
    def __init__(self, engine: Engine, home: Path) -> None:
        super().__init__()
        self._engine = engine
        self._home = home
        self._uploads = Uploads(home)
        self._orphans = Orphans(engine)

    def look(self) -> bool:
        self.work()
        self._uploads.sweep()
        self._orphans.look(set(self._uploads.run_ids()), time.monotonic())
        return False

    def work(self) -> int:
        """Do all imports whose file is here; how many."""
        steps = [partial(self._import, run_id) for run_id in self._uploads.run_ids()]
        return each_in_turn(steps, SQLAlchemyError)

    def _import(self, run_id: int) -> int:
        raw, spool = self._uploads.raw_of(run_id), self._uploads.spool_of(run_id)
        with locked(raw if raw.exists() else spool) as mine:
            if not mine:
                return 0
            with read_transaction(self._engine) as session:
                run = session.get(ImportRun, run_id)
            if run is None:
                return 0  # being committed at this moment; a run that was rolled back takes its file back
            if run.state in _OPEN:
                actor = Actor.system(run.organization_id)
                if importing.make_spool(self._engine, run, raw, spool, stopping=lambda: not self.goes_on()):
                    importing.run_import(self._engine, actor, run_id, spool, home=self._home)
                elif not self.goes_on():
                    return 0
            (self._uploads.keep_tried if run.dry else self._uploads.take_back)(run_id)
            return 1
