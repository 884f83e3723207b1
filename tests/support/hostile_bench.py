"""Dialogs in real worker processes under the switch's own pool, what they end with, and what that costs the workers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from mediaserver import wire
from mediaserver.switch import nursery
from mediaserver.switch.workers import Worker, WorkerKey, WorkerPool

_TICKS = os.sysconf("SC_CLK_TCK")
#: Seconds between looks at a worker that may be killed any moment.
_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Ending:
    """How a dialog ended: `reason` is a vxml EndReason, or "lost" where its worker was killed."""

    reason: str
    detail: str
    #: Of the worker, from the dialog's start to its end: processor seconds, and MB by which it grew at most.
    cpu: float
    memory: float
    steps: tuple[str, ...]
    #: Seconds in a row at most that this process, which the switch is here, was not there to look.
    blind: float


@dataclass(slots=True)
class Watched:
    """A worker process as the kernel accounts for it; the last figures stay when it is gone."""

    pid: int
    cpu: float = 0.0
    peak: int = 0
    cpu_then: float = 0.0
    memory_then: int = 0

    def begin(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self.look()
        self.cpu_then, self.memory_then = self.cpu, self._kilobytes("VmRSS")

    def look(self) -> None:
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
            self.peak = max(self.peak, self._kilobytes("VmHWM"))
        except (OSError, ValueError):
            return
        self.cpu = (int(fields[11]) + int(fields[12])) / _TICKS

    def _kilobytes(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        return 0


@dataclass(slots=True)
class Dialogs:
    """Stands where the switchboard does: prompts are over as soon as they are asked for."""

    pool: WorkerPool
    origin: str
    _ends: dict[str, asyncio.Future[tuple[str, str]]] = field(default_factory=dict)
    _steps: dict[str, list[str]] = field(default_factory=dict)

    def dialog_said(self, message: wire.Message | wire.Audio, worker: Worker) -> None:
        match message:
            case wire.PlayClips(call, play):
                worker.send(wire.encode(wire.PlayEnded(call, play, True, 100)))
            case wire.HangUp(call):
                worker.send(wire.encode(wire.CallOver(call)))
            case wire.Listen(call, True):
                worker.send(wire.encode_heard(call, b"\x00\xff" * 80))
            case wire.Step(call, text):
                if text == "item: field typed" and text not in self._steps[call]:
                    for _ in range(8):
                        worker.send(wire.encode(wire.KeyPressed(call, "1")))
                self._steps[call].append(text)
            case wire.DialogOver(call, reason, _, detail):
                self._end(call, reason, detail)
                self.pool.end(worker, call)

    def dialog_lost(self, call: str, why: str) -> None:
        self._end(call, "lost", why)

    def _end(self, call: str, reason: str, detail: str) -> None:
        if not self._ends[call].done():
            self._ends[call].set_result((reason, detail))

    def begin(self, call: str, page: str, key: WorkerKey) -> Worker:
        self._ends[call] = asyncio.get_running_loop().create_future()
        self._steps[call] = []
        worker = self.pool.begin(key, call)
        start = wire.StartDialog(
            call, f"{self.origin}/{page}", {}, "sip:a", "sip:b", key.organization, key.revision, (self.origin,)
        )
        worker.send(wire.encode(start))
        worker.send(wire.encode(wire.CallAnswered(call)))
        return worker

    async def ended(self, call: str) -> tuple[str, str]:
        return await self._ends[call]

    async def run(self, call: str, page: str) -> Ending:
        """One dialog in a worker of its own."""
        key = WorkerKey("organization", call)
        worker = self.begin(call, page, key)
        end = asyncio.ensure_future(self.ended(call))
        while worker.child is None and not end.done():
            await asyncio.sleep(_LOOK)
        assert worker.child is not None
        watched = Watched(worker.child.pid)
        watched.begin()
        blind, last = 0.0, time.monotonic()
        while not end.done():
            await asyncio.wait([end], timeout=_LOOK)
            watched.look()
            last, before = time.monotonic(), last
            blind = max(blind, last - before)
        reason, detail = end.result()
        growth = (watched.peak - watched.memory_then) / 1024
        return Ending(reason, detail, watched.cpu - watched.cpu_then, growth, tuple(self._steps[call]), blind)


Bodies = Mapping[str, bytes | Callable[[], bytes]]


@asynccontextmanager
async def hostile_bench(directory: Path, scripts: Mapping[str, Bodies], most: int = 8) -> AsyncIterator[Dialogs]:
    """Pages are served at `/NUMBER/FILE`, NUMBER being the script's place in `scripts`."""
    bodies = list(scripts.values())

    async def page(request: web.Request) -> web.StreamResponse:
        body = bodies[int(request.match_info["number"])].get(request.match_info["file"])
        if body is None:
            raise web.HTTPNotFound
        return web.Response(body=body if isinstance(body, bytes) else await asyncio.to_thread(body))

    application = web.Application()
    application.router.add_route("*", "/{number}/{file}", page)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pool = WorkerPool(nursery.Nursery(nursery.options(clip_directory=str(directory))), most)
    dialogs = Dialogs(pool, f"http://127.0.0.1:{runner.addresses[0][1]}")
    await pool.start(dialogs)
    try:
        yield dialogs
    finally:
        await pool.close()
        await runner.cleanup()
