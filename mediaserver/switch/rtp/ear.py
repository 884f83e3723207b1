"""What is understood of received packets: each key once, and the audio in order while somebody listens."""

from __future__ import annotations

from collections.abc import Callable

from mediaserver.switch.rtp.dtmf import KeyReceiver
from mediaserver.switch.rtp.jitter import JitterBuffer
from mediaserver.switch.rtp.packet import Packet
from mediaserver.switch.rtp.transcode import to_ulaw


class Ear:
    """One per stream; `hear` gets frames of 20 ms of mu-law."""

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self._hear = hear
        self._keys = KeyReceiver()
        self._ssrc: int | None = None
        self._jitter: JitterBuffer | None = None

    @property
    def listening(self) -> bool:
        return self._jitter is not None

    def listen(self, on: bool) -> None:
        if on and self._jitter is None:
            self._jitter = JitterBuffer()
        elif not on and self._jitter is not None:
            self._give(self._jitter.flush())
            self._jitter = None

    def key(self, packet: Packet) -> str | None:
        """The key that this telephone event begins, None for the rest of its packets."""
        if packet.ssrc != self._ssrc:
            self._keys, self._ssrc = KeyReceiver(), packet.ssrc
        return self._keys.receive(packet)

    def audio(self, packet: Packet, now: float) -> None:
        """`now` is monotonic seconds."""
        if self._jitter is None:
            return
        packet = packet._replace(payload=to_ulaw(packet.payload, packet.payload_type))
        self._give(self._jitter.push(packet, now))

    def lapse(self, now: float) -> None:
        """Time has passed, whether anything came or not."""
        if self._jitter is not None:
            self._give(self._jitter.lapse(now))

    def _give(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._hear(frame)
