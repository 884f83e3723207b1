"""What is understood of received packets: each key once, and the audio in order while somebody listens."""

from __future__ import annotations

from collections.abc import Callable

from mediaserver.switch.rtp.dtmf import KeyReceiver
from mediaserver.switch.rtp.jitter import JitterBuffer
from mediaserver.switch.rtp.key_ways import KeyWays, Way
from mediaserver.switch.rtp.packet import Packet
from mediaserver.switch.rtp.tone_keys import ToneKeys
from mediaserver.switch.rtp.transcode import to_ulaw


class Ear:
    """One per stream; `hear` gets frames of 20 ms of mu-law, `press` each key. `now` is monotonic seconds."""

    def __init__(self, hear: Callable[[bytes], None], press: Callable[[str], None]) -> None:
        self._hear = hear
        self._press = press
        self._events = KeyReceiver()
        self._ssrc: int | None = None
        self._jitter: JitterBuffer | None = None
        self._tones: ToneKeys | None = None
        self._ways = KeyWays()

    @property
    def listening(self) -> bool:
        return self._jitter is not None

    def listen(self, on: bool) -> None:
        if on and self._jitter is None:
            self._jitter = JitterBuffer()
        elif not on and self._jitter is not None:
            self._give(self._jitter.flush())
            self._jitter = None

    def begin_anew(self, *, hears_tones: bool) -> None:
        """Another far end, or another description of it: how it sends keys has yet to be seen."""
        self._ways = KeyWays()
        self._tones = (self._tones or ToneKeys()) if hears_tones else None

    def event(self, packet: Packet, now: float) -> None:
        """A packet of a telephone event."""
        if packet.ssrc != self._ssrc:
            self._events, self._ssrc = KeyReceiver(), packet.ssrc
        key = self._events.receive(packet)
        if key is not None:
            self.key(key, Way.EVENT, now)

    def key(self, key: str, way: Way, now: float) -> None:
        """A key that came some way."""
        if self._ways.counts(key, way, now):
            self._press(key)

    def audio(self, packet: Packet, now: float) -> None:
        if self._jitter is None and self._tones is None:
            return
        packet = packet._replace(payload=to_ulaw(packet.payload, packet.payload_type))
        if self._tones is not None:
            for key in self._tones.hear(packet.payload):
                self.key(key, Way.TONES, now)
        if self._jitter is not None:
            self._give(self._jitter.push(packet, now))

    def lapse(self, now: float) -> None:
        """Time has passed, whether anything came or not."""
        if self._jitter is not None:
            self._give(self._jitter.lapse(now))

    def _give(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._hear(frame)
