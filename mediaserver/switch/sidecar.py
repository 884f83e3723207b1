"""The switch's hold on a process beside it that serves all calls: classification, the writing of recordings."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import Protocol, cast

import structlog

from common.tasks import note_failure
from mediaserver import wire
from mediaserver.switch.nursery import start_program, without_secrets

#: Bytes that may wait for the process before it is taken for hung: half a minute of a hundred calls.
_BACKLOG = 24 << 20
_ENDING = 2.0

log = structlog.get_logger()


class Helper(Protocol):
    """What a sidecar's owner does with it."""

    def said(self, message: wire.Message) -> None: ...

    def lost(self) -> None:
        """Nothing more comes of what it was doing; it is started anew when it is needed."""
        ...


class Sidecar(asyncio.Protocol):
    """Started by the first message, and anew after it has died; `arguments` follow its socket's descriptor."""

    def __init__(self, module: str, owner: Helper, arguments: tuple[str, ...] = ()) -> None:
        self._module = module
        self._owner: Helper | None = owner
        self._arguments = arguments
        self._starting: asyncio.Task[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._decoder = wire.Decoder()
        self._backlog: list[bytes] = []

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def send(self, frame: bytes) -> None:
        if self._transport is None:
            self._backlog.append(frame)
            if self._starting is None:
                self._starting = asyncio.get_running_loop().create_task(self._start())
            return
        self._transport.write(frame)
        if self._transport.get_write_buffer_size() > _BACKLOG:
            log.error("sidecar_hangs", module=self._module)
            self._transport.abort()

    async def close(self) -> None:
        self._owner = None
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()
        await self._end_process()

    async def _start(self) -> None:
        ends: tuple[socket.socket, ...] = ()
        try:
            await self._end_process()
            ours, theirs = ends = socket.socketpair()
            command = [sys.executable, "-m", self._module, str(theirs.fileno()), *self._arguments]
            environment = {**without_secrets(), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            self._process = await asyncio.to_thread(start_program, command, theirs.fileno(), environment)
            self._decoder = wire.Decoder()
            await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
        except Exception as error:
            # Whatever it is: what waits for it must hear of it, and the next message tries again.
            note_failure(self._module, error)
            for end in ends[:1]:
                end.close()
            self._lose()
        finally:
            for end in ends[1:]:
                end.close()
            self._starting = None

    async def _end_process(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            try:
                await asyncio.to_thread(process.wait, _ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)

    def _lose(self) -> None:
        self._transport = None
        self._backlog.clear()
        if self._owner is not None:
            log.error("sidecar_lost", module=self._module)
            self._owner.lost()

    # --- what the process does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        for frame in self._backlog:
            self._transport.write(frame)
        self._backlog.clear()

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            if self._owner is not None and not isinstance(message, wire.Audio):
                self._owner.said(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose()
