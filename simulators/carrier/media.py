"""One call's RTP socket, drained and fed once per pump tick."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from typing import Any

from simulators.carrier import audio
from simulators.carrier.customer import Customer
from simulators.carrier.message import Address
from simulators.carrier.rtp import TICK, Ear, Mouth

#: Linux: kernel arrival stamps, so that draining every 20 ms does not blur the jitter.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")
_PACKETS_PER_TICK = 16
#: Ticks between receiver reports: two seconds, so that short calls get one too.
_REPORT_TICKS = 100


class Ports:
    """Even RTP ports from a range, in rotation; (0, 0) lets the system choose."""

    def __init__(self, host: str, first: int, last: int) -> None:
        self._host = host
        self._range = (first, last)
        self._next = first

    def open(self) -> socket.socket:
        """A bound, non-blocking socket; OSError when no port is left."""
        first, last = self._range
        if not first:
            return self._bind(0)
        for port in self._rotation(first, last):
            try:
                return self._bind(port)
            except OSError:
                continue
        raise OSError(f"no free RTP port between {first} and {last}")

    def _rotation(self, first: int, last: int) -> Iterator[int]:
        for _ in range(first, last + 1, 2):
            port = self._next
            self._next = port + 2 if port + 2 <= last else first
            yield port

    def _bind(self, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.bind((self._host, port))
        except OSError:
            sock.close()
            raise
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        return sock


class Media:
    """RTP of one call. `customer` joins when the call is confirmed; until then sounds (early media) may play."""

    def __init__(
        self,
        sock: socket.socket,
        remote: Address,
        codec: int,
        event_type: int | None,
        *,
        loss: float,
        send_silence: bool,
        chance: random.Random,
    ) -> None:
        self.remote = remote
        self.codec = codec
        self.mouth = Mouth(codec, event_type, send_silence=send_silence)
        self.ear = Ear(codec, event_type)
        self.customer: Customer | None = None
        #: The other side put us on hold: nothing is sent.
        self.held = False
        self.dropped = 0
        #: Ticks in which the caller talked while the customer did.
        self.talked_over = 0
        self._ticks = 0
        self._socket = sock
        self._loss = loss
        self._chance = chance

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def tick(self, now: float) -> bool:
        """Take in what came, send the next 20 ms; True when the customer hangs up now."""
        self._drain(now)
        self.talked_over += self.customer is not None and self.mouth.busy and self.ear.last_loud == now
        for packet in self.mouth.tick():
            if not self.held:
                self._send(packet)
        self._ticks += 1
        if self._ticks % _REPORT_TICKS == 0:
            self._send_report()
        return self.customer is not None and self.customer.tick(now, self.ear, self.mouth)

    def play_early(self, name: str) -> None:
        if not self.mouth.busy:
            self.mouth.say(audio.early(name, self.codec))

    def close(self) -> None:
        self._socket.close()

    def report(self) -> dict[str, Any]:
        heard = {"talked_over_ms": round(self.talked_over * TICK * 1000), **self.ear.report()}
        return {"sent": self.mouth.sent, "dropped": self.dropped, **heard}

    def _send(self, packet: bytes) -> None:
        if self._loss and self._chance.random() < self._loss:
            self.dropped += 1
            return
        try:
            self._socket.sendto(packet, self.remote)
        except OSError:
            self.dropped += 1  # a full buffer or a vanished route loses the packet, as networks do

    def _send_report(self) -> None:
        report = self.ear.receiver_report(self.mouth.ssrc)
        if report:
            try:
                self._socket.sendto(report, (self.remote[0], self.remote[1] + 1))
            except OSError:
                return  # reports are a courtesy

    def _drain(self, now: float) -> None:
        for _ in range(_PACKETS_PER_TICK):
            try:
                packet, extra, _, _ = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # an earlier packet found no listener (ICMP)
            if self._loss and self._chance.random() < self._loss:
                continue
            # RTCP packet types lie between 192 and 223 (RFC 5761); what comes here by mistake is no media.
            if len(packet) > 1 and 192 <= packet[1] <= 223:
                continue
            self.ear.receive(packet, _arrival(extra, now), now)


def _arrival(extra: list[tuple[int, int, bytes]], now: float) -> float:
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return float(seconds) + float(nanoseconds) * 1e-9
    return now
