"""The switch's hold on the workers' mother (`python -m mediaserver.dialog`): asks her for children, kills them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from common.errors import ClarionError
from mediaserver.priority import Ordinary

_TICKS = os.sysconf("SC_CLK_TCK")
#: Seconds the mother may take for a child, her own start included: imports are slow on a busy machine.
_PATIENCE = 60.0

log = structlog.get_logger()


class NoWorker(ClarionError):
    """No dialog worker can be started."""


@dataclass(slots=True)
class Child:
    """One worker process. The descriptor names the process even when its id has been given to another."""

    pid: int
    pidfd: int

    def kill(self) -> None:
        if self.pidfd >= 0:
            try:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            except ProcessLookupError:
                log.debug("worker_was_gone", pid=self.pid)

    def release(self) -> None:
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def cpu_seconds(self) -> float:
        """User and system time it has used; 0 when it is gone."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS


class Breeder(Protocol):
    """Makes workers; `fork` takes the worker's end of a socket pair."""

    async def start(self) -> None: ...

    async def fork(self, peer: socket.socket) -> Child:
        """Raise NoWorker."""
        ...

    async def close(self) -> None: ...


class Nursery:
    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        control, theirs = socket.socketpair()
        control.setblocking(False)
        command = [sys.executable, "-m", "mediaserver.dialog", str(theirs.fileno()), json.dumps(self._options)]
        # One thread only, so that she may fork.
        environment = {**without_secrets(), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            self._process = await asyncio.to_thread(start_program, command, theirs.fileno(), environment)
        except BaseException:
            control.close()
            raise
        finally:
            theirs.close()
        self._control = control

    async def fork(self, peer: socket.socket) -> Child:
        async with self._turn:
            for _ in range(2):
                try:
                    if self._control is None:
                        await self.start()
                    return await self._ask(peer)
                except OSError as error:
                    log.error("nursery_lost", error=str(error))
                    await self.close()
        raise NoWorker

    async def _ask(self, peer: socket.socket) -> Child:
        assert self._control is not None
        socket.send_fds(self._control, [b"F"], [peer.fileno()])
        async with asyncio.timeout(_PATIENCE):
            answer = await asyncio.get_running_loop().sock_recv(self._control, 4)
        if len(answer) < 4:
            raise ConnectionResetError("the workers' mother has ended")
        pid = int.from_bytes(answer)
        try:
            return Child(pid, os.pidfd_open(pid))
        except ProcessLookupError:
            return Child(pid, -1)

    async def close(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            process, self._process = self._process, None
            try:
                await asyncio.to_thread(process.wait, 2)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)


def start_program(command: list[str], descriptor: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with Ordinary():
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(descriptor,), env=environment)


def options(
    *,
    clip_directory: str,
    voices: str = "",
    recognizer: str = "none",
    http: bool = True,
    log_level: str = "WARNING",
    log_format: str = "text",
) -> dict[str, Any]:
    """What the mother is told; see mediaserver.dialog.__main__. `http`: scripts will be fetched over HTTP."""
    worker = {"clip_directory": clip_directory, "voices": voices, "recognizer": recognizer}
    return {"log_level": log_level, "log_format": log_format, "http": http, "worker": worker}


def without_secrets() -> dict[str, str]:
    """Scripts run in the workers: the environment they get has no Clarion setting, and so no secret, in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
