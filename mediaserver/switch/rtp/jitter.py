"""A small jitter buffer for audio that is listened to: puts packets in order and fills gaps with silence."""

from __future__ import annotations

from mediaserver.switch.rtp.packet import FRAME, Packet, timestamp_after
from mediaserver.switch.rtp.transcode import ULAW_SILENCE

#: Samples held back waiting for a missing packet (60 ms).
_DEPTH = 3 * FRAME
#: Longer gaps (1 s) are a restarted clock or silence suppression: play on without filling.
_MAX_FILL = 50 * FRAME


class JitterBuffer:
    """Takes packets of mu-law, gives 20 ms frames of 160 bytes in the order they were spoken."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, bytes] = {}
        self._ready = bytearray()

    def push(self, packet: Packet) -> list[bytes]:
        """Frames that are complete now. Memory is bounded whatever timestamps arrive."""
        if not packet.payload:
            return []
        if self._next is None:
            self._next = packet.timestamp
        age = timestamp_after(packet.timestamp, self._next)
        if abs(age) > _MAX_FILL + _DEPTH:
            self._flush()
            self._next = packet.timestamp
        elif age < 0:
            return []
        self._waiting[packet.timestamp] = packet.payload
        self._release()
        return self._frames()

    def flush(self) -> list[bytes]:
        """What is still held, at the end of listening."""
        self._flush()
        if self._ready:
            self._ready.extend(bytes([ULAW_SILENCE]) * (-len(self._ready) % FRAME))
        return self._frames()

    def _flush(self) -> None:
        while self._waiting:
            self._skip_to_next()
            self._take()

    def _release(self) -> None:
        self._take()
        while self._waiting and self._held() > _DEPTH:
            self._skip_to_next()
            self._take()

    def _held(self) -> int:
        start = self._next or 0
        return max(timestamp_after(stamp, start) + len(audio) for stamp, audio in self._waiting.items())

    def _take(self) -> None:
        while self._next is not None and (audio := self._waiting.pop(self._next, None)) is not None:
            self._ready += audio
            self._next = (self._next + len(audio)) & 0xFFFFFFFF

    def _skip_to_next(self) -> None:
        start = self._next or 0
        gap, stamp = min((timestamp_after(stamp, start), stamp) for stamp in self._waiting)
        if gap < 0:
            # It overlaps what was already given out (a changed packet length).
            del self._waiting[stamp]
            return
        self._ready += bytes([ULAW_SILENCE]) * min(gap, _MAX_FILL)
        self._next = stamp

    def _frames(self) -> list[bytes]:
        whole = len(self._ready) // FRAME * FRAME
        frames = [bytes(self._ready[start : start + FRAME]) for start in range(0, whole, FRAME)]
        del self._ready[:whole]
        return frames
