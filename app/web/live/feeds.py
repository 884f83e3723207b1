"""One feed a job, however many watch it: the database is asked once a second, and only while somebody listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from common.errors import ClarionError
from common.tasks import note_failure

log = structlog.get_logger()

#: Seconds between two looks at a job.
INTERVAL = 1.0


@dataclass(frozen=True, slots=True)
class Frame:
    """What a page shows: HTML by part, the chart's series, the job's state, and whether it changes no more."""

    parts: dict[str, str]
    chart: dict[str, list[Any]]
    state: str
    ended: bool


@dataclass(slots=True)
class _Feed:
    frame: Frame | None = None
    number: int = 0
    listeners: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    task: asyncio.Task[None] | None = None


class Feeds:
    """`look(job_id)` is blocking and runs in a thread."""

    def __init__(self, look: Callable[[int], Frame], interval: float = INTERVAL) -> None:
        self._look = look
        self._interval = interval
        self._feeds: dict[int, _Feed] = {}

    @property
    def listeners(self) -> int:
        return sum(feed.listeners for feed in self._feeds.values())

    async def frames(self, job_id: int) -> AsyncGenerator[Frame]:
        """Frames as they come, the newest only: a slow reader skips, it never queues. Ends after the job's last."""
        feed = self._feeds.setdefault(job_id, _Feed())
        feed.listeners += 1
        if feed.task is None:
            feed.task = asyncio.create_task(self._run(job_id, feed))
        seen = 0
        try:
            while True:
                async with feed.changed:
                    await feed.changed.wait_for(lambda: feed.number > seen)  # noqa: B023 - awaited at once
                    seen, frame = feed.number, feed.frame
                assert frame is not None
                yield frame
                if frame.ended:
                    return
        finally:
            feed.listeners -= 1
            if feed.listeners == 0 and feed.task is not None:
                feed.task.cancel()
                del self._feeds[job_id]

    async def _run(self, job_id: int, feed: _Feed) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._interval
            try:
                frame = await asyncio.to_thread(self._look, job_id)
            except ClarionError as error:
                log.warning("live.look_failed", job_id=job_id, error=str(error))
            except Exception as error:
                # Whoever watches would wait for ever, and so would those who come to the same feed.
                note_failure("live", error, job_id=job_id)
            else:
                async with feed.changed:
                    if frame != feed.frame:
                        feed.frame, feed.number = frame, feed.number + 1
                        feed.changed.notify_all()
                if frame.ended:
                    return
            await asyncio.sleep(max(0.05, due - loop.time()))


def difference(before: Frame | None, after: Frame) -> dict[str, Any]:
    """The message for a page that shows `before`: only the parts that changed."""
    known = before.parts if before else {}
    message: dict[str, Any] = {
        "parts": {name: html for name, html in after.parts.items() if known.get(name) != html},
        "state": after.state,
        "ended": after.ended,
    }
    if before is None or before.chart != after.chart:
        message["chart"] = after.chart
    return message
