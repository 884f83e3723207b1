"""Chunks of a file: a large one is read by a process of its own (`app.intake`), so that one core reads while the other
writes."""

from __future__ import annotations

import fcntl
import gc
import marshal
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import IO

from app.intake.chunks import END, LENGTH, RARELY, REFUSED, Chunk, Job, chunks
from common.errors import ClarionError, Refused

#: Bytes of a file that is worth a process: it takes some 0.1 s of processor to start.
WORTH_A_PROCESS = 2_000_000
#: Bytes that may wait in the pipe between the two, where the system lets us.
_PIPE = 1 << 20
#: Chunks that may wait behind it: the file is read on while a transaction of as many is written.
_AHEAD = 48
_F_SETPIPE_SZ = 1031


@contextmanager
def chunks_of(job: Job, size: int) -> Iterator[Iterator[Chunk]]:
    """Read the file, of `size` bytes, in a process of its own if it is large. Raise Refused as `chunks` does."""
    if size < WORTH_A_PROCESS:
        yield chunks(job)
        return
    command, ahead = [sys.executable, "-m", "app.intake"], None
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            _widen(process.stdout)
            process.stdin.write(marshal.dumps(asdict(job)))
            process.stdin.close()
            ahead = _Ahead(process.stdout)
            with _COLLECTING.rarely():
                yield _received(ahead)
        finally:
            process.kill()
            if ahead is not None:
                ahead.close()


class _Collecting:
    """How often this process looks for cycles; as usual again after the last of the imports that run at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._usual = gc.get_threshold()

    @contextmanager
    def rarely(self) -> Iterator[None]:
        self._enter(1)
        try:
            yield
        finally:
            self._enter(-1)

    def _enter(self, change: int) -> None:
        with self._lock:
            if not self._users:
                self._usual = gc.get_threshold()
            self._users += change
            gc.set_threshold(*((RARELY,) if self._users else self._usual))


_COLLECTING = _Collecting()


class _Ahead:
    """What comes out of a pipe, taken by a thread so that the other end need not wait. It is left as bytes: the thread
    that writes to the database would have to share the interpreter with one that makes objects of it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._free = threading.Semaphore(_AHEAD)
        self._bodies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._take, name="import-ahead", daemon=True)
        self._thread.start()

    def get(self) -> bytes:
        """Empty at the pipe's end."""
        body = self._bodies.get()
        self._free.release()
        return body

    def close(self) -> None:
        """Once whoever fills the pipe is gone."""
        self._closed = True
        self._free.release()
        self._thread.join()

    def _take(self) -> None:
        try:
            while body := self._next():
                self._bodies.put(body)
        finally:
            # Whatever happened: who takes from it must not wait for ever.
            self._bodies.put(b"")

    def _next(self) -> bytes:
        self._free.acquire()
        head = b"" if self._closed else self._pipe.read(LENGTH.size)
        return self._pipe.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""


def _received(ahead: _Ahead) -> Iterator[Chunk]:
    while True:
        body = ahead.get()
        if not body:
            raise ClarionError("the process that reads the file has ended; the log says why")
        kind, *values = marshal.loads(body)  # noqa: S302 - from our own child
        if kind == END:
            return
        if kind == REFUSED:
            raise Refused(values[0])
        yield Chunk(kind, *values)


def _widen(pipe: IO[bytes]) -> None:
    with suppress(OSError):
        fcntl.fcntl(pipe.fileno(), _F_SETPIPE_SZ, _PIPE)
