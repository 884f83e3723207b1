"""The pool of dialog workers: one organization and revision each, spares kept warm, hung ones killed."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import Protocol, Self, cast

import structlog

from common.control import CallRequest
from common.errors import ContractError
from common.tasks import Tasks, keep_going, note_failure
from mediaserver import wire
from mediaserver.switch.nursery import Breeder, Child, NoWorker

SESSIONS_A_WORKER = 32
#: Seconds a worker without sessions is kept for its revision's next call.
_IDLE = 60.0
#: A worker that is up and shows no sign of life for this long while it burns processor time runs away ...
_SILENT = 1.0
_BURNT = 1.6
#: Seconds between two looks at the workers.
_LOOK = 0.2
#: ... and after this long it hangs, whatever it does.
_HUNG = 15.0
#: A worker that has not come up by then never will; the mother was given her time by the nursery.
_NOT_UP = 130.0
#: Seconds the pool waits at its start for the first worker.
_FIRST_WORKER = 30.0
#: Until a spare is tried again after a worker that did not come up.
_REST = 1.0
#: Bytes waiting for a worker beyond which it is taken for hung: a minute of audio.
_BACKLOG = 512 * 1024
#: Private clips waiting to be played.
_INLINE = 256

log = structlog.get_logger()


class DialogSink(Protocol):
    """Who hears of the dialogs: the switchboard."""

    def dialog_said(self, message: wire.Message | wire.Audio, worker: Worker) -> None: ...

    def dialog_lost(self, call: str, why: str) -> None: ...


@dataclass(frozen=True, slots=True)
class WorkerKey:
    organization: str
    revision: str

    @classmethod
    def of(cls, request: CallRequest) -> Self:
        return cls(request.organization, request.revision)


@dataclass(eq=False)
class Worker(asyncio.Protocol):
    """One worker process and the socket to it."""

    pool: WorkerPool
    key: WorkerKey | None = None
    child: Child | None = None
    transport: asyncio.Transport | None = None
    sessions: set[str] = field(default_factory=set)
    #: Private clips it sent, waiting for the queue that plays them.
    inline: dict[str, bytes] = field(default_factory=dict)
    heard_at: float = 0.0
    #: Its processor time when it was last looked at after a sign of life, and the moment of that sign.
    cpu_then: float = 0.0
    seen_alive: float = -1.0
    idle_since: float = 0.0
    gone: bool = False
    _decoder: wire.Decoder = field(default_factory=wire.Decoder)
    _backlog: list[bytes] = field(default_factory=list)

    def send(self, frame: bytes) -> None:
        if self.gone:
            return
        if self.transport is None:
            self._backlog.append(frame)
            return
        self.transport.write(frame)
        if self.transport.get_write_buffer_size() > _BACKLOG:
            self.pool.kill(self, "reads nothing")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.heard_at = self.pool.now()
        for frame in self._backlog:
            self.transport.write(frame)
        self._backlog.clear()

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._decoder.feed(data):
                self.pool.received(self, message)
        except wire.WireError as error:
            self.pool.kill(self, str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        self.pool.lost(self, "ended")


class WorkerPool:
    """`clock` is monotonic seconds."""

    def __init__(
        self, breeder: Breeder, most: int, spares: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._breeder = breeder
        self._most = most
        self._spares = spares
        self._clock = clock
        self._sink: DialogSink | None = None
        self._workers: set[Worker] = set()
        self._tasks = Tasks()
        self._watch: asyncio.Task[None] | None = None
        self._rendering: dict[str, tuple[Worker, asyncio.Future[str]]] = {}
        self._alive = asyncio.Event()
        self._no_spares_before = 0.0
        self.killed = 0
        self.dialogs_lost = 0
        #: Of all workers there ever were.
        self.caches = wire.Lookups()

    def now(self) -> float:
        return self._clock()

    @property
    def size(self) -> int:
        return len(self._workers)

    @property
    def sessions(self) -> int:
        return sum(len(worker.sessions) for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        return [worker.child.pid for worker in self._workers if worker.child is not None]

    async def start(self, sink: DialogSink) -> None:
        """Return once a worker is up, so that no call is placed that nobody could talk to."""
        self._sink = sink
        await self._breeder.start()
        self._keep_spares()
        self._watch = asyncio.create_task(keep_going("workers", self._watch_over))
        try:
            async with asyncio.timeout(_FIRST_WORKER):
                await self._alive.wait()
        except TimeoutError:
            log.error("no_worker_yet", seconds=_FIRST_WORKER)

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self._sink = None
        for worker in tuple(self._workers):
            self.lost(worker, "closed")
        await self._tasks.cancel()
        await self._breeder.close()

    # --- what the switchboard asks

    def has_room(self, key: WorkerKey) -> bool:
        """Whether one more session of `key` can be had without exceeding the most workers allowed."""
        return self._find(key) is not None or len(self._workers) < self._most or self._idle() is not None

    def begin(self, key: WorkerKey, call: str) -> Worker:
        """A worker with a place for the call; frames sent to it before it is up are kept."""
        worker = self._find(key)
        if worker is None:
            idle = self._idle()
            if idle is not None and len(self._workers) >= self._most:
                self.lost(idle, "idle")
            worker = self._spawn()
        worker.key = key
        worker.sessions.add(call)
        if len(worker.sessions) == 1:
            worker.heard_at = self._clock()
        self._keep_spares()
        return worker

    def end(self, worker: Worker, call: str) -> None:
        worker.sessions.discard(call)
        if not worker.sessions:
            worker.idle_since = self._clock()

    async def render(self, text: str, language: str) -> str:
        """The file of a clip that speaks `text`, "" when that cannot be done."""
        name = f"render-{len(self._rendering)}"
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        worker = next(iter(self._workers), None) or self._spawn()
        self._rendering[name] = worker, answer
        worker.send(wire.encode(wire.Render(name, text, language)))
        return await answer

    def kill(self, worker: Worker, why: str) -> None:
        """Its sessions lose their dialogs, others none."""
        self.killed += 1
        log.warning("worker_killed", pid=worker.child and worker.child.pid, why=why, sessions=len(worker.sessions))
        self.lost(worker, why)

    # --- what workers do

    def received(self, worker: Worker, message: wire.Message | wire.Audio) -> None:
        worker.heard_at = self._clock()
        self._alive.set()
        match message:
            case wire.Beat():
                return
            case wire.Lookups():
                self._count(worker, message)
            case wire.Rendered(name, file):
                self._rendered(name, file)
            case wire.Audio(key, audio):
                worker.inline[key] = audio
                if len(worker.inline) > _INLINE:
                    self.kill(worker, "sends clips and never plays them")
            case _:
                self._pass_on(worker, message)

    def _count(self, worker: Worker, news: wire.Lookups) -> None:
        counts = astuple(news)
        if all(isinstance(count, int) and 0 <= count < 1_000_000 for count in counts):
            self.caches = wire.Lookups(*map(sum, zip(astuple(self.caches), counts, strict=True)))
        else:
            self.kill(worker, "Lookups make no sense")

    def _pass_on(self, worker: Worker, message: wire.Message) -> None:
        call = getattr(message, "call", None)
        if call not in worker.sessions or self._sink is None:
            return
        try:
            self._sink.dialog_said(message, worker)
        except (ContractError, ArithmeticError, TypeError, ValueError) as error:
            # The worker may be in a script's hands; what makes no sense costs it its life, not the switch.
            self.kill(worker, f"{type(message).__name__} makes no sense: {type(error).__name__}")

    def _rendered(self, name: str, file: str) -> None:
        _, waiting = self._rendering.pop(name, (None, None))
        if waiting is not None and not waiting.done():
            waiting.set_result(file)

    def lost(self, worker: Worker, why: str) -> None:
        if worker.gone:
            return
        worker.gone = True
        self._workers.discard(worker)
        if worker.transport is not None:
            worker.transport.abort()
        if worker.child is not None:
            worker.child.kill()
            worker.child.release()
        for name, (busy, _) in tuple(self._rendering.items()):
            if busy is worker:
                self._rendered(name, "")
        self.dialogs_lost += len(worker.sessions)
        for call in tuple(worker.sessions):
            if self._sink is not None:
                try:
                    self._sink.dialog_lost(call, why)
                except Exception as error:
                    # The other calls' dialogs are lost as well, and must hear of it.
                    note_failure("dialog lost", error, call=call)
        worker.sessions.clear()

    # --- keeping

    def _find(self, key: WorkerKey) -> Worker | None:
        """One of this key with room, the fullest first so that others fall idle, else a spare."""
        same = [one for one in self._workers if one.key == key and len(one.sessions) < SESSIONS_A_WORKER]
        if same:
            return max(same, key=lambda one: len(one.sessions))
        return next((one for one in self._workers if one.key is None), None)

    def _idle(self) -> Worker | None:
        return next((one for one in self._workers if not one.sessions), None)

    def _spawn(self) -> Worker:
        worker = Worker(self)
        worker.heard_at = worker.idle_since = self._clock()
        self._workers.add(worker)
        self._tasks.start(self._bring_up(worker), lambda error: self._not_up(worker, error))
        return worker

    async def _bring_up(self, worker: Worker) -> None:
        ours, theirs = socket.socketpair()
        try:
            child = await self._breeder.fork(theirs)
            if worker.gone:
                child.kill()
                child.release()
                ours.close()
                return
            worker.child = child
            await asyncio.get_running_loop().create_unix_connection(lambda: worker, sock=ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()

    def _not_up(self, worker: Worker, error: Exception) -> None:
        """Out of processes, memory or descriptors: its calls hear of it now, and another is tried after a while."""
        if not isinstance(error, NoWorker):
            note_failure("worker", error)
        self._no_spares_before = self._clock() + _REST
        self.lost(worker, str(error))

    def _keep_spares(self) -> None:
        if self._clock() < self._no_spares_before:
            return
        spares = sum(1 for worker in self._workers if worker.key is None)
        for _ in range(min(self._spares - spares, self._most - len(self._workers))):
            self._spawn()

    async def _watch_over(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            now = self._clock()
            for worker in tuple(self._workers):
                self._look_at(worker, now)
            self._keep_spares()

    def _look_at(self, worker: Worker, now: float) -> None:
        if not worker.sessions:
            if worker.key is not None and now - worker.idle_since > _IDLE:
                self.lost(worker, "idle")
            return
        silent = now - worker.heard_at
        if worker.transport is None:
            if silent > _NOT_UP:
                self.kill(worker, f"not up after {silent:.0f} s")
            return
        spent = 0.0 if worker.child is None else worker.child.cpu_seconds()
        if worker.heard_at != worker.seen_alive:
            worker.seen_alive, worker.cpu_then = worker.heard_at, spent
        burnt = spent - worker.cpu_then
        if silent > _HUNG or (silent > _SILENT and burnt > _BURNT):
            self.kill(worker, f"no sign of life for {silent:.1f} s, {burnt:.1f} s of processor time")
