"""A media server inside the calling process, for `clarion call`, `clarion load` and tests: it leaves nothing behind."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from common.control import CallEvent, CallRequest, CallStatus, EventType
from common.setting_types import Endpoint
from mediaserver.lines.asterisk_access import AriAccess
from mediaserver.server import T1, ServerOptions, build
from mediaserver.switch.holdings import holdings
from mediaserver.switch.sip.tls import TlsFiles
from mediaserver.switch.switchboard import Switchboard


class LocalServer:
    """`async with LocalServer(...) as server: status = await server.call(request)`."""

    def __init__(
        self,
        *,
        host: str,
        line: str,
        allow: tuple[str, ...],
        max_calls: int,
        apology: str = "",
        t1: float = T1,
        tls: TlsFiles | None = None,
        asterisk: AriAccess | None = None,
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="clarion-call-")
        options = ServerOptions(
            sip=Endpoint(host, 0),
            ports=None,
            max_calls=max_calls,
            state_dir=Path(self._directory.name),
            allow=allow,
            line=line,
            apology=apology,
            spare_workers=1,
            t1=t1,
            tls=tls or TlsFiles(),
            asterisk=asterisk or AriAccess(),
        )
        self._linger = 64 * t1 + 1
        self.board: Switchboard = build(options)
        self._waiting: dict[str, asyncio.Future[CallStatus]] = {}
        self._listener: asyncio.Task[None] | None = None
        #: Told of every event.
        self.listeners: list[Callable[[CallEvent], None]] = []

    async def __aenter__(self) -> Self:
        await self.board.start()
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self.board.close()
        self._directory.cleanup()

    async def call(self, request: CallRequest) -> CallStatus:
        """Place the call and wait for its end; cancelled, it hangs up first. Raise NotAdmitted or Refused."""
        done: asyncio.Future[CallStatus] = asyncio.get_running_loop().create_future()
        self._waiting[request.attempt_id] = done
        try:
            await self.board.place(request)
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            self.board.hang_up(request.attempt_id)
            return await asyncio.wait_for(done, 35)
        finally:
            del self._waiting[request.attempt_id]

    async def left(self) -> dict[str, int]:
        """What the native line still holds, {} for nothing, once the last call's SIP timers have had their time."""
        give_up = time.monotonic() + self._linger
        while True:
            held = self._held()
            if not held or time.monotonic() > give_up:
                return held
            await asyncio.sleep(0.05)

    def _held(self) -> dict[str, int]:
        held = {"calls": self.board.calls, **holdings(self.board.lines.values())}
        return {name: count for name, count in held.items() if count}

    async def _listen(self) -> None:
        seq = 0
        while True:
            await self.board.events.wait(seq)
            seq, batch = self.board.events.after(seq)
            for line in batch:
                event = CallEvent.from_json(orjson.loads(line))
                for listener in self.listeners:
                    listener(event)
                waiting = self._waiting.get(event.attempt_id)
                if event.type is EventType.ENDED and event.status is not None and waiting and not waiting.done():
                    waiting.set_result(event.status)
