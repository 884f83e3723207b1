"""A switchboard with a line and a worker pool in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from common.clock import VirtualClock
from common.control import CallRequest, CallStatus, RtpStats, Trunk
from common.conversation import Supervision
from mediaserver import wire
from mediaserver.journal import Journal
from mediaserver.lines import base
from mediaserver.switch.hearing import Member
from mediaserver.switch.sounds import Sounds
from mediaserver.switch.switchboard import Switchboard

MUSIC = b"\xff" * 160


class FakeConversation:
    """Who is in it, and how."""

    def __init__(self) -> None:
        self.inside: dict[str, Member] = {}
        self.closed = False

    def join(self, member: Member) -> None:
        self.inside[member.call] = member

    def leave(self, call: str) -> None:
        self.inside.pop(call, None)

    def mute(self, call: str, on: bool) -> None:
        self.inside[call] = replace(self.inside[call], muted=on)

    def hold(self, call: str, on: bool) -> None:
        self.inside[call] = replace(self.inside[call], held=on)

    def supervise(self, call: str, how: Supervision) -> None:
        self.inside[call] = replace(self.inside[call], supervision=how)

    def close(self) -> None:
        self.closed = True


class FakeLine:
    """Notes what it is asked; tests report what happened by `say`."""

    capabilities = frozenset(base.Capability)

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.conversations: list[FakeConversation] = []
        self.life: dict[str, int] = {}
        self.say: base.Sink = lambda event: None

    async def start(self, sink: base.Sink) -> None:
        self.say = sink

    async def close(self) -> None: ...

    def place(self, call: base.Place) -> None:
        self.asked.append(("place", call.call))

    def answer(self, call: str) -> None:
        self.asked.append(("answer", call))

    def refuse(self, call: str, status: int) -> None:
        self.asked.append(("refuse", call, status))

    def hang_up(self, call: str) -> None:
        self.asked.append(("hang_up", call))

    def play(self, call: str, play: int, clips: tuple[bytes, ...], stop_on_key: bool) -> None:
        self.asked.append(("play", play, sum(map(len, clips)), stop_on_key))

    def stop_play(self, call: str) -> None:
        self.asked.append(("stop_play", call))

    def listen(self, call: str, on: bool) -> None:
        self.asked.append(("listen", on))

    def send_keys(self, call: str, keys: str) -> None:
        self.asked.append(("send_keys", keys))

    def signs(self, call: str) -> int | None:
        return self.life.get(call)

    def tap(self, call: str, on: bool) -> None:
        self.asked.append(("tap", on))

    def tell_transfer(self, call: str, status: int) -> None:
        self.asked.append(("tell_transfer", call, status))

    def conversation(self) -> FakeConversation:
        self.conversations.append(FakeConversation())
        return self.conversations[-1]


class FakeWorker:
    def __init__(self) -> None:
        self.told: list[wire.Message | wire.Audio] = []
        self.inline: dict[str, bytes] = {}
        self._decoder = wire.Decoder()

    def send(self, frame: bytes) -> None:
        self.told += self._decoder.feed(frame)


class FakePool:
    size, pids = 1, ()

    def __init__(self) -> None:
        self.worker = FakeWorker()
        self.room = True
        self.ended: list[str] = []

    async def start(self, sink: Any) -> None: ...

    async def close(self) -> None: ...

    def has_room(self, key: Any) -> bool:
        return self.room

    def begin(self, key: Any, call: str) -> FakeWorker:
        return self.worker

    def end(self, worker: Any, call: str) -> None:
        self.ended.append(call)

    async def render(self, text: str, language: str) -> str:
        return ""


class Bench:
    def __init__(self, directory: Path, boot_id: str = "boot1", max_calls: int = 2) -> None:
        self.line, self.pool = FakeLine(), FakePool()
        self.directory = directory
        # Music that is there already: making it takes a process of its own, which every test would wait for.
        sounds = directory / "sounds"
        sounds.mkdir(exist_ok=True)
        (sounds / "shipped-1.ulaw").write_bytes(MUSIC)
        self.board = Switchboard(
            boot_id=boot_id,
            lines={"native": self.line},
            workers=self.pool,
            journal=Journal(directory / "journal"),
            clip_directory=directory,
            sounds=Sounds(sounds),
            allow=(),
            max_calls=max_calls,
            clock=VirtualClock(),
        )

    async def place(self, attempt: str = "a1", application: str = "http://x/", **more: Any) -> tuple[CallStatus, bool]:
        trunk = Trunk("127.0.0.1", line=more.pop("line", "native"))
        return await self.board.place(CallRequest(attempt, "+15550101234", "", trunk, application, **more))

    async def answered(self, attempt: str = "a1", **more: Any) -> None:
        await self.place(attempt, **more)
        self.line.say(base.Answered(attempt))

    def dialog(self, message: wire.Message) -> None:
        self.board.sessions.dialog_said(message, self.pool.worker)

    def hung_up(self, attempt: str = "a1", by_far_end: bool = True) -> None:
        self.line.say(base.HungUp(attempt, by_far_end, RtpStats(sent=9)))

    def status(self, attempt: str = "a1") -> CallStatus:
        status = self.board.status(attempt)
        assert status is not None
        return status
