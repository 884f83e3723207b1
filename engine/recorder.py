"""Writes outcomes and progress in batches. What it was given is written sooner or later, whatever the database says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from app.db import is_away
from common.clock import Clock
from common.errors import RemoteError
from engine.store import AttemptStore, FinishedAttempt, Outcome, Progress

log = structlog.get_logger()

_BATCH = 200
_RETRY = 0.5


class Recorder:
    def __init__(self, store: AttemptStore, clock: Clock, flush: float) -> None:
        self._store = store
        self._clock = clock
        self._flush = flush
        self._finished: list[FinishedAttempt] = []
        self._steps: list[Progress] = []
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def finish(self, item: FinishedAttempt) -> None:
        self._finished.append(item)
        self._wake()

    def progress(self, step: Progress) -> None:
        self._steps.append(step)
        self._wake()

    async def drained(self) -> None:
        """Return once everything given so far is written."""
        await self._idle.wait()

    async def run(self) -> None:
        """Never ends by itself: were it to, every job would stand still."""
        while True:
            await self._news.wait()
            await asyncio.sleep(self._flush)
            try:
                await self._write_progress()
                await self._write_finished()
            except Exception as error:
                told = "outcomes_not_written" if _may_pass(error) else "recorder_failed"
                log.error(told, error=repr(error), count=len(self._finished), again_in=_RETRY)
                await asyncio.sleep(_RETRY)
                continue
            if not self._finished and not self._steps:
                self._news.clear()
                self._idle.set()

    def _wake(self) -> None:
        self._news.set()
        self._idle.clear()

    async def _write_progress(self) -> None:
        steps, self._steps = self._steps, []
        try:
            await asyncio.to_thread(self._store.progress, steps)
        except Exception as error:
            # The outcome carries the same moments again.
            log.warning("progress_not_written", error=repr(error), count=len(steps))

    async def _write_finished(self) -> None:
        batch = self._finished[:_BATCH]
        if not batch:
            return
        try:
            await self._write(batch)
        except Exception as error:
            if _may_pass(error):
                raise
            await self._write_singly(batch)
        del self._finished[: len(batch)]

    async def _write(self, batch: Sequence[FinishedAttempt]) -> None:
        await asyncio.to_thread(self._store.finish, batch, self._clock.utcnow())

    async def _write_singly(self, batch: Sequence[FinishedAttempt]) -> None:
        """One row of the batch cannot be stored as it is: it is stored without what the far end put into it."""
        for item in batch:
            try:
                await self._write([item])
            except Exception as error:
                if _may_pass(error):
                    raise
                log.error("outcome_cut_down", attempt=item.attempt_id, error=repr(error))
                await self._write_cut_down(item, error)

    async def _write_cut_down(self, item: FinishedAttempt, why: Exception) -> None:
        whole = item.outcome
        marker = {"cut_down": f"what the call reported cannot be stored ({type(why).__name__})"}
        outcome = Outcome(whole.completion_code, whole.ended_at, whole.disposition, result=marker)
        try:
            await self._write([replace(item, outcome=outcome)])
        except Exception as error:
            if _may_pass(error):
                raise
            # The others must not wait for it; the search for strays finds the attempt again.
            log.error("outcome_lost", attempt=item.attempt_id, error=repr(error))


def _may_pass(error: Exception) -> bool:
    """The database is away: the same rows are tried again. Everything else lies in a row itself."""
    if isinstance(error, RemoteError):
        return not error.permanent
    return isinstance(error, OSError) or is_away(error)
