"""What a pump offers to a line: the sockets of each call, and a stream on them.

Two pumps do: `pump.Pump` in Python, and `fastpath.pump.FastPump` with its inner loop in C.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from common.control import RtpStats
from common.errors import ClarionError
from mediaserver.switch.lateness import PumpTotals
from mediaserver.switch.ports import NoPorts, PortAllocator
from mediaserver.switch.rtp.latch import Address
from mediaserver.switch.rtp.stream import MediaFormat, Sink

_BIND_TRIES = 20

log = structlog.get_logger()


class MediaStream(Protocol):
    """One call's audio and keys, both ways; `RtpStream` says what each part means."""

    form: MediaFormat
    #: Datagrams of RTCP that came.
    reports_heard: int

    @property
    def sending(self) -> bool: ...
    @sending.setter
    def sending(self, on: bool) -> None: ...
    def change(self, form: MediaFormat, far_end: Address) -> None: ...
    def play(self, play: int, clips: tuple[bytes, ...], stop_on_key: bool) -> None: ...
    def stop_play(self) -> None: ...
    def send_keys(self, keys: str) -> None: ...
    def listen(self, on: bool) -> None: ...
    def tap(self, on: bool) -> None:
        """Tell of what is sent too (`AudioSpoken`), for recordings."""
        ...

    def press(self, key: str, now: float) -> None: ...
    def stats(self) -> RtpStats: ...
    def receive_report(self, data: bytes) -> None: ...
    def report(self, unix_time: float) -> bytes: ...
    def goodbye(self) -> bytes: ...


class MediaRoom(Protocol):
    """Streams that hear each other; `FastRoom` says what each part means."""

    def join(self, stream: MediaStream) -> None: ...
    def leave(self, stream: MediaStream) -> None: ...
    def hear(self, listener: MediaStream, speaker: MediaStream, on: bool) -> None: ...
    def close(self) -> None: ...


class RoomsUnsupported(ClarionError):
    """Calls cannot be joined by this media server: the fast path is not built here (script/setup builds it)."""


class MediaPump(Protocol):
    """All streams of a process."""

    has_rooms: bool
    has_srtp: bool
    has_g722: bool

    @property
    def streams(self) -> int: ...
    @property
    def open_sockets(self) -> int: ...
    def totals(self) -> PumpTotals: ...
    def start(self, loop: asyncio.AbstractEventLoop) -> None: ...
    def close(self) -> None: ...
    def open(self) -> MediaSocket:
        """Two bound sockets. Raise NoPorts when none can be had."""
        ...

    def begin(self, media: MediaSocket, form: MediaFormat, far_end: Address, sink: Sink) -> MediaStream: ...
    def room(self) -> MediaRoom:
        """Raise RoomsUnsupported, or NoRoom when all are taken."""
        ...

    def detach(self, media: MediaSocket) -> None: ...


@dataclass(frozen=True, slots=True)
class SocketPair:
    """RTP and RTCP, and the port that the allocator lent for them (0: the system chose)."""

    rtp: socket.socket
    rtcp: socket.socket
    lent: int

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class MediaSocket:
    """The two sockets of one call; `stream` is set once the media is negotiated."""

    def __init__(self, pump: MediaPump, pair: SocketPair) -> None:
        self._pump = pump
        self.pair = pair
        self.port: int = pair.rtp.getsockname()[1]
        self.stream: MediaStream | None = None
        self.rtcp_target: Address | None = None

    def begin(self, form: MediaFormat, far_end: Address, rtcp_target: Address | None, sink: Sink) -> MediaStream:
        """Start sending silence and receiving."""
        self.rtcp_target = rtcp_target
        self.stream = self._pump.begin(self, form, far_end, sink)
        return self.stream

    def send_report(self, datagram: bytes) -> None:
        if datagram and self.rtcp_target is not None:
            send(self.pair.rtcp, datagram, self.rtcp_target)

    def close(self) -> None:
        """Harmless when it is done already."""
        self._pump.detach(self)


def send(sock: socket.socket, datagram: bytes, target: Address) -> bool:
    """Whether the system took it."""
    try:
        sock.sendto(datagram, target)
    except OSError as error:
        # A full buffer or a vanished route loses this packet as the network might; the next goes out in 20 ms.
        log.debug("rtp_not_sent", error=error.strerror)
        return False
    return True


def open_pair(host: str, ports: PortAllocator, clock: Callable[[], float] = time.monotonic) -> SocketPair:
    """Raise NoPorts when none can be had."""
    for _ in range(_BIND_TRIES):
        lent = ports.take(clock())
        pair = _bind_pair(host, lent)
        if pair is not None:
            return pair
        # Somebody else's program holds it: let it rest like a used one.
        ports.give_back(lent, clock())
    raise NoPorts


def _bind_pair(host: str, port: int) -> SocketPair | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    pair = SocketPair(socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM), port)
    try:
        pair.rtp.bind((host, port))
        pair.rtcp.bind((host, pair.rtp.getsockname()[1] + 1))
    except OSError:
        pair.close()
        return None
    for sock in (pair.rtp, pair.rtcp):
        sock.setblocking(False)
    return pair
