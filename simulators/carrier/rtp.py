"""RTP both ways without a socket: `Mouth` makes the packets of each 20 ms, `Ear` counts and listens."""

from __future__ import annotations

import random
import struct
from collections import deque
from dataclasses import dataclass
from typing import Any

from simulators.carrier import audio

TICK = 0.02
_EVENTS = "0123456789*#ABCD"
_TONE_TICKS = 5
_GAP_TICKS = 4
_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")
_REPORT = struct.Struct("!IIIIII")
#: An SDES item with its end, filled up to whole words: CNAME "carrier".
_CNAME = b"\x01\x07carrier\x00\x00\x00"


class Mouth:
    """What the customer sends: silence, sounds and RFC 4733 keys (100 ms each, 80 ms apart)."""

    def __init__(self, codec: int, event_type: int | None, *, send_silence: bool = True) -> None:
        self.codec = codec
        self.event_type = event_type
        self.sent = 0
        self._send_silence = send_silence
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self.ssrc = random.getrandbits(32)
        self._sounds: deque[bytes] = deque()
        self._keys: deque[str] = deque()
        self._key_tick = 0
        self._key_start = 0
        self._talking = False

    @property
    def busy(self) -> bool:
        """Whether sounds or keys are still to be sent."""
        return bool(self._sounds or self._keys)

    def say(self, frames: tuple[bytes, ...]) -> None:
        self._sounds.extend(frames)

    def press(self, keys: str) -> None:
        for key in keys:
            if self.event_type is None:
                self._sounds.extend(audio.key_tone(key, self.codec))
                self._sounds.extend((audio.SILENCE[self.codec],) * _GAP_TICKS)
            else:
                self._keys.append(key)

    def tick(self) -> list[bytes]:
        """The packets of the next 20 ms; call once per tick."""
        self._timestamp = (self._timestamp + audio.FRAME) & 0xFFFFFFFF
        if self._keys:
            return self._key_packets(self._keys[0])
        if self._sounds:
            return [self._packet(self.codec, self._sounds.popleft(), self._timestamp)]
        if self._send_silence:
            return [self._packet(self.codec, audio.SILENCE[self.codec], self._timestamp)]
        self._talking = False
        return []

    def skip(self, ticks: int) -> None:
        """Nothing was sent for so many ticks: the clock of the timestamps has gone on."""
        self._timestamp = (self._timestamp + ticks * audio.FRAME) & 0xFFFFFFFF
        self._talking = False

    def _key_packets(self, key: str) -> list[bytes]:
        self._key_tick += 1
        step = self._key_tick
        if step > _TONE_TICKS:
            if step == _TONE_TICKS + _GAP_TICKS:
                self._keys.popleft()
                self._key_tick = 0
            return [self._packet(self.codec, audio.SILENCE[self.codec], self._timestamp)] if self._send_silence else []
        if step == 1:
            self._key_start = self._timestamp
        event_type = self.event_type or 0
        last = step == _TONE_TICKS
        payload = _EVENT.pack(_EVENTS.index(key), (0x80 if last else 0) | 10, step * audio.FRAME)
        # RFC 4733 2.5.1.4: the final packet goes out three times.
        return [self._packet(event_type, payload, self._key_start, marker=step == 1) for _ in range(3 if last else 1)]

    def _packet(self, kind: int, payload: bytes, timestamp: int, *, marker: bool = False) -> bytes:
        marker = marker or not self._talking
        self._talking = True
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.sent += 1
        first = 0x80 if marker else 0
        return _HEADER.pack(0x80, first | kind, self._sequence, timestamp, self.ssrc) + payload


@dataclass(slots=True)
class Ear:
    """What the customer hears. Arrival times are seconds; statistics follow RFC 3550 A.1, A.3 and A.8."""

    codec: int
    event_type: int | None
    #: The caller's SSRC, None before the first packet.
    source: int | None = None
    received: int = 0
    #: When the caller's audio was last loud, None before it ever was, and how many packets were.
    last_loud: float | None = None
    loud: int = 0
    #: Seconds of silence that came since then: a caller that stands still has not paused.
    quiet: float = 0.0
    #: Keys the caller sent.
    keys: str = ""
    #: Packets that came more than 30 ms after the one before, where the caller meant 20 ms.
    late: int = 0
    longest_gap: float = 0.0
    jitter: float = 0.0
    _first: int | None = None
    _highest: int = 0
    _transit: float | None = None
    _last_arrival: float | None = None
    _last_timestamp: int = 0
    _last_event: int | None = None

    def receive(self, packet: bytes, arrival: float, now: float) -> None:
        """`arrival` is the kernel's stamp (any epoch), `now` the monotonic clock."""
        if len(packet) < 12 or packet[0] >> 6 != 2:
            return
        _, second, sequence, timestamp, self.source = _HEADER.unpack_from(packet)
        offset = 12 + 4 * (packet[0] & 0x0F)
        self._count(sequence)
        kind = second & 0x7F
        if kind == self.event_type:
            self._event(packet[offset:], timestamp)
            return
        if kind != self.codec:
            return
        self._time(timestamp, arrival)
        if audio.is_loud(packet[offset:], self.codec):
            self.last_loud, self.quiet = now, 0.0
            self.loud += 1
        else:
            self.quiet += TICK

    @property
    def expected(self) -> int:
        return 0 if self._first is None else self._highest - self._first + 1

    @property
    def lost(self) -> int:
        return max(self.expected - self.received, 0)

    def receiver_report(self, ssrc: int) -> bytes:
        """What we heard of the caller: RTCP RR and SDES (RFC 3550 6.4.2, 6.5); b"" before any packet."""
        if self.source is None or not self.expected:
            return b""
        lost = min(self.lost, 0x7FFFFF)
        share = min(256 * lost // self.expected, 255)
        jitter = int(self.jitter * 8000)
        block = _REPORT.pack(self.source, share << 24 | lost, self._highest & 0xFFFFFFFF, jitter, 0, 0)
        report = struct.pack("!BBHI", 0x81, 201, 7, ssrc) + block
        return report + struct.pack("!BBHI", 0x81, 202, 1 + len(_CNAME) // 4, ssrc) + _CNAME

    def report(self) -> dict[str, Any]:
        return {
            "received": self.received,
            "lost": self.lost,
            "jitter_ms": round(self.jitter * 1000, 3),
            "late": self.late,
            "longest_gap_ms": round(self.longest_gap * 1000, 1),
            "loud_ms": round(self.loud * TICK * 1000),
        }

    def _count(self, sequence: int) -> None:
        self.received += 1
        if self._first is None:
            self._first = self._highest = sequence
            return
        step = (sequence - self._highest) & 0xFFFF
        if step < 0x8000:
            self._highest += step

    def _time(self, timestamp: int, arrival: float) -> None:
        transit = arrival - timestamp / 8000
        if self._transit is not None:
            # A timestamp that wraps or restarts says nothing of jitter.
            difference = abs(transit - self._transit)
            if difference < 5:
                self.jitter += (difference - self.jitter) / 16
        self._transit = transit
        if self._last_arrival is not None and (timestamp - self._last_timestamp) & 0xFFFFFFFF == audio.FRAME:
            gap = arrival - self._last_arrival
            self.longest_gap = max(self.longest_gap, gap)
            self.late += gap > 0.03
        self._last_arrival = arrival
        self._last_timestamp = timestamp

    def _event(self, payload: bytes, timestamp: int) -> None:
        if len(payload) >= 4 and timestamp != self._last_event and payload[0] < len(_EVENTS):
            self._last_event = timestamp
            self.keys += _EVENTS[payload[0]]
