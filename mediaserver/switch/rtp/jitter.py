"""A jitter buffer for audio that is listened to: puts packets in order, and silence where none came.

Who listens here is a program, so packets that come in order are given out at once. Only a missing one is waited for, as
long as late packets of this call have needed (40 to 200 ms), and time in which nothing comes at all passes as silence:
a far end that suppresses silence, or has gone, must not stop the clock of whoever waits for the end of a word.
"""

from __future__ import annotations

from collections import deque

from mediaserver.switch.rtp.packet import CLOCK_RATE, FRAME, Packet, timestamp_after
from mediaserver.switch.rtp.transcode import ULAW_SILENCE

#: Samples held back for a missing packet: least, at first, most.
_LEAST_DEPTH, _DEPTH, _MOST_DEPTH = 2 * FRAME, 3 * FRAME, 10 * FRAME
#: Packets (10 s of 20 ms) without a late one after which the wait shrinks.
_CALM = 500
#: Longer gaps (1 s) are a restarted clock: play on without filling.
_MAX_FILL = 50 * FRAME
#: Seconds beyond the depth without any packet before silence takes its place.
_PATIENCE = 0.1
#: Filled gaps that are remembered, to know a late packet from a repeated one.
_GAPS = 8


class JitterBuffer:
    """Takes packets of mu-law, gives 20 ms frames of 160 bytes in the order they were spoken. `now` is seconds."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, bytes] = {}
        self._ready = bytearray()
        self._depth = _DEPTH
        self._calm = 0
        self._gaps: deque[tuple[int, int]] = deque(maxlen=_GAPS)
        self._heard_at = 0.0
        #: Samples of silence before `_next` that stand for packets that may still come.
        self._made_up = 0

    @property
    def depth_ms(self) -> int:
        return self._depth * 1000 // CLOCK_RATE

    def push(self, packet: Packet, now: float) -> list[bytes]:
        """Frames that are complete now. Memory is bounded whatever timestamps arrive."""
        if not packet.payload:
            return []
        self._heard_at = now
        if self._next is None:
            self._next = packet.timestamp
        age = timestamp_after(packet.timestamp, self._next)
        if abs(age) > _MAX_FILL + _MOST_DEPTH:
            self._flush()
            self._next, self._made_up = packet.timestamp, 0
        elif age < 0:
            self._note_late(packet.timestamp, age)
            if -age > self._made_up:
                return []
            # Silence was given out for want of it: said late, it is still heard.
            self._next, self._made_up = packet.timestamp, 0
        self._note_calm()
        self._waiting[packet.timestamp] = packet.payload
        self._release()
        return self._frames()

    def lapse(self, now: float) -> list[bytes]:
        """Time has passed: silence where nothing came."""
        if self._next is None:
            return []
        missing = int((now - self._heard_at - _PATIENCE) * CLOCK_RATE) - self._depth
        if missing <= 0:
            return []
        self._flush()
        silence = (missing - self._made_up) // FRAME * FRAME
        if silence > 0:
            self._ready += bytes([ULAW_SILENCE]) * silence
            self._next = (self._next + silence) & 0xFFFFFFFF
            self._made_up += silence
        return self._frames()

    def flush(self) -> list[bytes]:
        """What is still held, at the end of listening."""
        self._flush()
        if self._ready:
            self._ready.extend(bytes([ULAW_SILENCE]) * (-len(self._ready) % FRAME))
        return self._frames()

    def _note_late(self, timestamp: int, age: int) -> None:
        """Wait longer from now on when it is one that was given up; nothing follows from a repeated one."""
        for gap in self._gaps:
            start, length = gap
            if 0 <= timestamp_after(timestamp, start) < length:
                self._depth = min(_MOST_DEPTH, max(self._depth + FRAME, FRAME - age))
                self._calm = 0
                self._gaps.remove(gap)
                return

    def _note_calm(self) -> None:
        self._calm += 1
        if self._calm >= _CALM:
            self._depth, self._calm = max(_LEAST_DEPTH, self._depth - FRAME), 0

    def _flush(self) -> None:
        while self._waiting:
            self._skip_to_next()
            self._take()

    def _release(self) -> None:
        self._take()
        while self._waiting and self._held() > self._depth:
            self._skip_to_next()
            self._take()

    def _held(self) -> int:
        start = self._next or 0
        return max(timestamp_after(stamp, start) + len(audio) for stamp, audio in self._waiting.items())

    def _take(self) -> None:
        while self._next is not None and (audio := self._waiting.pop(self._next, None)) is not None:
            self._ready += audio
            self._next = (self._next + len(audio)) & 0xFFFFFFFF
            self._made_up = 0

    def _skip_to_next(self) -> None:
        start = self._next or 0
        gap, stamp = min((timestamp_after(stamp, start), stamp) for stamp in self._waiting)
        if gap < 0:
            # It overlaps what was already given out (a changed packet length).
            del self._waiting[stamp]
            return
        if gap:
            self._gaps.append((start, gap))
        self._ready += bytes([ULAW_SILENCE]) * min(gap, _MAX_FILL)
        self._next = stamp

    def _frames(self) -> list[bytes]:
        whole = len(self._ready) // FRAME * FRAME
        frames = [bytes(self._ready[start : start + FRAME]) for start in range(0, whole, FRAME)]
        del self._ready[:whole]
        return frames
