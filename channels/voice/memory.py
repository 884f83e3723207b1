"""The in-memory media server: calls end as a behaviour function says. For unit tests and simulations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from channels.voice.base import BootChanged, NotReached, ServerInfo
from common.clock import isoformat, utcnow
from common.control import CallEvent, CallRequest, CallStatus, DialogResult, Disposition, EventType, Times, TrunkFault


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call goes: it rings, is answered where the disposition says so, and ends after `seconds`."""

    disposition: Disposition = Disposition.ANSWERED
    sip_status: int | None = 200
    dialog: DialogResult | None = DialogResult.COMPLETED
    exit: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    #: It does not end before this is set.
    gate: asyncio.Event | None = None
    #: The name of the trunk it went by, and those that did not take it.
    trunk: str = ""
    faults: tuple[TrunkFault, ...] = ()


@dataclass(slots=True)
class MemoryMediaServer:
    behave: Callable[[CallRequest], Ending] = lambda _request: Ending()
    capacity: int = 100
    boot_id: str = "boot-1"
    #: While true, nothing reaches this server.
    unreachable: bool = False
    calls: dict[str, CallStatus] = field(default_factory=dict)
    requests: list[CallRequest] = field(default_factory=list)
    #: INVITEs sent for each attempt: never more than one.
    invites: dict[str, int] = field(default_factory=dict)
    _log: list[CallEvent] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def place(self, request: CallRequest) -> CallStatus:
        await self._reach()
        if request.attempt_id in self.calls:
            return self.calls[request.attempt_id]
        if request.boot_id and request.boot_id != self.boot_id:
            raise BootChanged("the media server has restarted")
        if self._busy() >= self.capacity:
            return CallStatus(request.attempt_id, self.boot_id, "ended", Disposition.NOT_ADMITTED, reason="no ports")
        self.requests.append(request)
        self.invites[request.attempt_id] = self.invites.get(request.attempt_id, 0) + 1
        status = CallStatus(request.attempt_id, self.boot_id, "invited", times=Times(invite=isoformat(utcnow())))
        self.calls[request.attempt_id] = status
        self._tasks[request.attempt_id] = asyncio.create_task(self._run(request))
        return status

    async def status(self, attempt_id: str) -> CallStatus | None:
        await self._reach()
        return self.calls.get(attempt_id)

    async def hang_up(self, attempt_id: str) -> bool:
        await self._reach()
        task = self._tasks.get(attempt_id)
        if task is not None and not task.done():
            task.cancel()
            answered = self.calls[attempt_id].state == "answered"
            kind = Disposition.ANSWERED if answered else Disposition.CANCELLED
            dialog = DialogResult.SYSTEM_HANGUP if answered else None
            self._end(attempt_id, Ending(kind, 200 if answered else 487, dialog))
        return attempt_id in self.calls

    async def info(self) -> ServerInfo:
        await self._reach()
        return ServerInfo(self.boot_id, self._busy(), self.capacity, last_seq=len(self._log))

    async def events(self, boot_id: str, after: int) -> AsyncGenerator[CallEvent, None]:
        await self._reach()
        seen, connected = (after if boot_id == self.boot_id else 0), self.boot_id
        while not self.unreachable and self.boot_id == connected:
            while seen < len(self._log):
                seen += 1
                yield self._log[seen - 1]
            await self._news.wait()

    async def close(self) -> None:
        """A client lets go; the server lives on."""

    def shut_down(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    def tasks(self) -> set[asyncio.Task[None]]:
        """Of the calls under way."""
        return set(self._tasks.values())

    def restart(self, boot_id: str, *, journal: bool = True) -> None:
        """As after `kill -9`: calls under way are lost; without a journal they are not even known."""
        for attempt_id, task in self._tasks.items():
            if not task.done():
                task.cancel()
                lost = replace(self.calls[attempt_id], state="ended", disposition=Disposition.LOST)
                self.calls[attempt_id] = lost
                if not journal:
                    del self.calls[attempt_id]
        self.boot_id = boot_id
        self._log = []
        self.wake()

    def wake(self) -> None:
        """Let listeners look again, as after `unreachable` was changed."""
        self._news.set()
        self._news = asyncio.Event()

    async def _run(self, request: CallRequest) -> None:
        ending = self.behave(request)
        self._tell(EventType.INVITED, self.calls[request.attempt_id])
        self._move(request.attempt_id, "ringing", EventType.RINGING)
        if ending.disposition is Disposition.ANSWERED:
            self._move(request.attempt_id, "answered", EventType.ANSWERED)
        await asyncio.sleep(ending.seconds)
        if ending.gate is not None:
            await ending.gate.wait()
        self._end(request.attempt_id, ending)

    def _move(self, attempt_id: str, state: str, kind: EventType) -> None:
        before = self.calls[attempt_id]
        times = replace(before.times, **{state: isoformat(utcnow())})
        self.calls[attempt_id] = replace(before, state=state, provisional=True, times=times)
        self._tell(kind, self.calls[attempt_id])

    def _end(self, attempt_id: str, ending: Ending) -> None:
        before = self.calls[attempt_id]
        self.calls[attempt_id] = replace(
            before,
            state="ended",
            disposition=ending.disposition,
            sip_status=ending.sip_status,
            dialog=ending.dialog,
            exit=ending.exit,
            trunk=ending.trunk,
            faults=ending.faults,
            times=replace(before.times, ended=isoformat(utcnow())),
            trace=({"at": isoformat(utcnow()), "kind": "sip", "text": "INVITE"},),
        )
        self._tell(EventType.ENDED, self.calls[attempt_id])

    def _tell(self, kind: EventType, status: CallStatus) -> None:
        shown = status if kind is EventType.ENDED else None
        event = CallEvent(len(self._log) + 1, self.boot_id, kind, status.attempt_id, isoformat(utcnow()), shown)
        self._log.append(event)
        self.wake()

    def _busy(self) -> int:
        return sum(1 for status in self.calls.values() if status.state != "ended")

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.unreachable:
            raise NotReached("media server memory: unreachable")
