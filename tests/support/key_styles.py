"""The ways far ends send keys, good and bad, as timelines of packets: RFC 4733, SIP INFO, tones in the audio.

Bytes are written out here, so that the product's own sender does not vouch for its receiver.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from mediaserver.switch.rtp.transcode import ULAW_TO_ALAW
from tests.support.key_sounds import pressed, to_ulaw

KEYS = "0123456789*#ABCD"
EVENT_TYPE = 101


@dataclass(frozen=True, slots=True)
class Info:
    content_type: str
    body: str


class Timeline:
    """What one telephone sends: (milliseconds, datagram or INFO), made key by key."""

    def __init__(self, chance: random.Random, codec: int = 0) -> None:
        self.chance = chance
        self.sent: list[tuple[float, bytes | Info]] = []
        self.now = 0.0
        self._codec = codec
        self._sequence = chance.randrange(65_536)
        self._start = chance.randrange(2**32)
        self._ssrc = chance.randrange(2**32)

    def packet(self, kind: int, payload: bytes, at: float, *, marker: bool = False, copies: int = 1) -> None:
        """`at` is the moment of its timestamp. No copies: the network loses it."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        stamp = (self._start + round(at * 8)) & 0xFFFFFFFF
        header = struct.pack("!BBHII", 0x80, kind | (0x80 if marker else 0), self._sequence, stamp, self._ssrc)
        self.sent += [(self.now, header + payload)] * copies

    def audio(self, ulaw: bytes, ptime: int = 20) -> None:
        for start in range(0, len(ulaw), ptime * 8):
            piece = ulaw[start : start + ptime * 8]
            self.packet(self._codec, piece.translate(ULAW_TO_ALAW) if self._codec == 8 else piece, self.now)
            self.now += len(piece) / 8

    def quiet(self, ms: int = 80) -> None:
        self.audio(b"\xff" * (ms * 8))

    def event(
        self,
        key: str,
        ms: int = 100,
        ptime: int = 20,
        *,
        lost: Callable[[int, bool], bool] = lambda number, is_end: False,
        ends: int = 3,
        copies: int = 1,
    ) -> None:
        """One key by RFC 4733; `lost` is asked for each packet: its number from 0, and whether it ends the key."""
        begun, count = self.now, max(2, ms // ptime)
        for number in range(count - 1 + ends):
            is_end = number >= count - 1
            duration = min(count, number + 1) * ptime * 8
            payload = struct.pack("!BBH", KEYS.index(key), (0x80 if is_end else 0) | 10, duration & 0xFFFF)
            missing = 0 if lost(number, is_end) else copies
            self.packet(EVENT_TYPE, payload, begun, marker=number == 0, copies=missing)
            self.now += ptime
        self.quiet()

    def info(self, content_type: str, body: str) -> None:
        self.sent.append((self.now, Info(content_type, body)))
        self.quiet(160)

    def tones(self, key: str, ms: int = 60, snr: float = 20.0) -> None:
        self.audio(pressed(key, self.chance, ms=ms, snr=snr))

    def event_with_its_tones(self, key: str) -> None:
        """As gateways do that leave the tones in the audio."""
        begun, sound = self.now, pressed(key, self.chance, ms=100, gap=0)[:800]
        for number in range(7):
            payload = struct.pack("!BBH", KEYS.index(key), (0x80 if number >= 4 else 0) | 10, min(5, number + 1) * 160)
            self.packet(EVENT_TYPE, payload, begun, marker=number == 0)
            self.packet(self._codec, sound[number * 160 : (number + 1) * 160].ljust(160, b"\xff"), self.now)
            self.now += 20
        self.quiet(100)


@dataclass(frozen=True, slots=True)
class Style:
    """`keys` of a thousand are sent so. `takes_events`: its session description has telephone-event."""

    press: Callable[[Timeline, str], None]
    keys: int
    codec: int = 0
    takes_events: bool = True
    #: The trunk's setting.
    setting: str = "auto"


STYLES = {
    "event, packets of 20 ms": Style(lambda line, key: line.event(key), 100),
    "event, packets of 10 ms": Style(lambda line, key: line.event(key, ptime=10), 100),
    "event, packets of 60 ms": Style(lambda line, key: line.event(key, 180, ptime=60), 80),
    "event of 2 s": Style(lambda line, key: line.event(key, 2000), 8),
    "event of 60 ms": Style(lambda line, key: line.event(key, 60), 100),
    "marked packet lost": Style(lambda line, key: line.event(key, lost=lambda number, is_end: number == 0), 80),
    "all but the ends lost": Style(lambda line, key: line.event(key, lost=lambda number, is_end: not is_end), 40),
    "ends lost": Style(lambda line, key: line.event(key, lost=lambda number, is_end: is_end), 80),
    "ends repeated ten times": Style(lambda line, key: line.event(key, ends=10), 60),
    "each packet twice": Style(lambda line, key: line.event(key, copies=2), 80),
    "INFO application/dtmf-relay": Style(
        lambda line, key: line.info("application/dtmf-relay", f"Signal={key}\r\nDuration=160\r\n"), 66
    ),
    "INFO application/dtmf": Style(lambda line, key: line.info("application/dtmf", key), 66),
    "tones in mu-law with noise": Style(lambda line, key: line.tones(key), 60, takes_events=False),
    "tones in A-law with noise": Style(lambda line, key: line.tones(key), 40, codec=8, takes_events=False),
    "event with its tones": Style(lambda line, key: line.event_with_its_tones(key), 40, setting="inband"),
}


def timeline(style: Style, keys: str, seed: int) -> list[tuple[float, bytes | Info]]:
    line = Timeline(random.Random(seed), style.codec)
    line.quiet(100)
    for key in keys:
        style.press(line, key)
    noise = [line.chance.gauss(0, 20) for _ in range(1600)]
    line.audio(to_ulaw(noise))
    return line.sent
