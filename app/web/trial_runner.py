"""Runs queued pacing trials one after another, each in a process of its own beside the server processes."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine

from app.db import is_away
from app.models import TrialState
from app.services import pacing_trials
from app.web.looper import Looper
from common.clock import utcnow

log = structlog.get_logger()

#: Seconds between two looks for work, and between two signs of life.
INTERVAL = 1.0
_DEFECT = "stopped by a defect of Clarion; the log says more"
_COMMAND = (sys.executable, "-m", "pacing.simulation.trial")


class TrialRunner(Looper):
    """One per web role; several share the work by claiming rows."""

    pause = INTERVAL

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = utcnow) -> None:
        super().__init__()
        self._engine = engine
        self._clock = clock

    def look(self) -> bool:
        """Run the oldest trial that waits to its end; False where none does."""
        claimed = pacing_trials.claim(self._engine, self._clock())
        if claimed is None:
            return False
        trial_id, asked = claimed
        with subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
            try:
                self._follow(child, trial_id, asked)
            except Exception as error:
                if not is_away(error):
                    # Begun anew it would end alike.
                    pacing_trials.end(self._engine, trial_id, TrialState.FAILED, _DEFECT, self._clock())
                raise
            finally:
                child.kill()
        return True

    def _follow(self, child: subprocess.Popen[bytes], trial_id: int, asked: dict[str, Any]) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(asked).encode())
        child.stdin.close()
        progress, result = 0.0, _nothing()
        with selectors.DefaultSelector() as ready:
            ready.register(child.stdout, selectors.EVENT_READ)
            while self.goes_on():
                if ready.select(INTERVAL):
                    line = child.stdout.readline()
                    if not line:
                        self._end(trial_id, child.wait(), result)
                        return
                    progress = _take(json.loads(line), result)
                if not pacing_trials.note(self._engine, trial_id, progress, result, self._clock()):
                    pacing_trials.end(self._engine, trial_id, TrialState.CANCELLED, "", self._clock())
                    return

    def _end(self, trial_id: int, status: int, result: dict[str, Any]) -> None:
        complete = status == 0 and "bound" in result
        state = TrialState.COMPLETED if complete else TrialState.FAILED
        detail = "" if complete else _DEFECT
        pacing_trials.end(self._engine, trial_id, state, detail, self._clock())
        log.info("pacing_trial.ended", trial=trial_id, state=state.value, status=status)


def _nothing() -> dict[str, Any]:
    return {"modes": {}}


def _take(line: dict[str, Any], result: dict[str, Any]) -> float:
    """Keep what a line of the simulation says; the progress."""
    if "mode" in line:
        result["modes"][line["mode"]] = line["figures"]
    if "bound" in line:
        result |= {"bound": line["bound"], "bound_talk": line["bound_talk"]}
    return float(line["done"])
