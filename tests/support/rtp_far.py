"""A far end of plain sockets for one call of a pump."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from mediaserver.switch.media import MediaPump, MediaSocket, MediaStream
from mediaserver.switch.rtp.packet import FRAME, Packet, PayloadType, decode, encode
from mediaserver.switch.rtp.stream import MediaFormat, StreamEvent

KEY_TYPE = 101


class FarEnd:
    """One call of the pump and the socket that it talks to; `form` are further parts of its MediaFormat."""

    def __init__(
        self,
        pump: MediaPump,
        host: str = "127.0.0.1",
        codec: PayloadType = PayloadType.PCMU,
        key_type: int | None = KEY_TYPE,
        **form: Any,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.setblocking(False)
        self.events: list[StreamEvent] = []
        self.news = asyncio.Event()
        self.media: MediaSocket = pump.open()
        self.near = (host, self.media.port)
        begun = MediaFormat(codec, key_type, ssrc=7, first_sequence=65_533, first_timestamp=2**32 - 3 * FRAME, **form)
        self.stream: MediaStream = self.media.begin(begun, self.sock.getsockname()[:2], None, self._hear)

    def _hear(self, event: StreamEvent) -> None:
        self.events.append(event)
        self.news.set()

    async def packets(self, count: int) -> list[Packet]:
        loop = asyncio.get_running_loop()
        return [decode(await loop.sock_recv(self.sock, 2048)) for _ in range(count)]

    def waiting(self) -> list[Packet]:
        """What has come and was not taken."""
        return [decode(datagram) for datagram in self.waiting_raw()]

    def waiting_raw(self) -> list[bytes]:
        got = []
        with contextlib.suppress(BlockingIOError):
            while True:
                got.append(self.sock.recv(2048))
        return got

    def send(self, packet: Packet, by: socket.socket | None = None) -> None:
        (by or self.sock).sendto(encode(packet), self.near)

    def speak(self, number: int, payload: bytes, kind: int = 0, ssrc: int = 9) -> None:
        self.send(Packet(kind, number == 0, number, number * FRAME, ssrc, payload))

    async def until(self, kind: type[Any], count: int = 1) -> list[Any]:
        while True:
            found = [event for event in self.events if isinstance(event, kind)]
            if len(found) >= count:
                return found
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 60)
