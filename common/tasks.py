"""Work that nobody waits for: tasks kept until they end, and loops that outlive what nobody foresaw.

Whatever fails here is told: logged with its traceback, and counted in `failures` for the metrics.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

#: What failed in this process, by the name of the work.
failures: Counter[str] = Counter()

#: Seconds until a loop that failed is begun again: doubled with each failure, and as at first once it has run steadily.
_FIRST_WAIT, _LONGEST_WAIT, _STEADY = 0.5, 30.0, 60.0

_T = TypeVar("_T")


def note_failure(name: str, error: BaseException, **facts: object) -> None:
    """`facts` say for the log whose work it was."""
    failures[name] += 1
    log.error("task_failed", work=name, error=repr(error), exc_info=error, **facts)


def tell_failures(loop: asyncio.AbstractEventLoop) -> None:
    """Have told what comes out of the loop's callbacks, timers and protocols, and of tasks that nobody looked at."""
    loop.set_exception_handler(_told_by_the_loop)


def _told_by_the_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, BaseException):
        note_failure("event loop", error, where=context["message"])
    else:
        log.error("event_loop", message=context["message"])


class Tasks:
    """Those of one owner."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(
        self, work: Coroutine[Any, Any, _T], failed: Callable[[Exception], None] | None = None
    ) -> asyncio.Task[_T]:
        """`failed` is told of an error that comes out of `work`, instead of the log."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(lambda _: self._done(task, getattr(work, "__qualname__", "work"), failed))
        return task

    async def ended(self) -> None:
        """Return once all of now are over, however they end."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def cancel_all(self) -> None:
        for task in tuple(self._running):
            task.cancel()

    async def cancel(self) -> None:
        """And wait until they are over."""
        self.cancel_all()
        await self.ended()

    def _done(self, task: asyncio.Task[Any], name: str, failed: Callable[[Exception], None] | None) -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if failed is not None and isinstance(error, Exception):
            failed(error)
        else:
            note_failure(name, error)


async def keep_going(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Await `work`, and begin it again whenever it fails; return where it does."""
    waits = _Waits()
    while True:
        try:
            await work()
            return
        except Exception as error:
            note_failure(name, error)
        await asyncio.sleep(waits.following())


def keep_running(name: str, work: Callable[[], None], stopping: threading.Event) -> None:
    """As `keep_going`, in a thread of its own, until `stopping` is set."""
    waits = _Waits()
    while not stopping.is_set():
        try:
            work()
            return
        except Exception as error:
            note_failure(name, error)
        stopping.wait(waits.following())


def each_in_turn(steps: Iterable[Callable[[], int]], at_once: type[Exception]) -> int:
    """The sum of what they give. One that fails keeps no other from its turn: its error is raised when all have had
    theirs, but `at_once` where the others would meet it as well."""
    total, failed = 0, list[Exception]()
    for step in steps:
        try:
            total += step()
        except at_once:
            raise
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return total


class _Waits:
    """Seconds to wait after each failure."""

    def __init__(self) -> None:
        self._following = _FIRST_WAIT
        self._begun = time.monotonic()

    def following(self) -> float:
        now = time.monotonic()
        if now - self._begun > _STEADY:
            self._following = _FIRST_WAIT
        wait = self._following
        self._following = min(2 * wait, _LONGEST_WAIT)
        self._begun = now + wait
        return wait
