"""One call's RTP, both ways, without sockets: what to send every 20 ms, what a received datagram means."""

from __future__ import annotations

import struct
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from common.control import RtpStats
from mediaserver.switch.rtp import rtcp
from mediaserver.switch.rtp.dtmf import key_payloads
from mediaserver.switch.rtp.ear import Ear
from mediaserver.switch.rtp.key_ways import Way
from mediaserver.switch.rtp.latch import Address, Latch
from mediaserver.switch.rtp.packet import (
    COMFORT_NOISE,
    FRAME_MS,
    SAMPLES_A_MS,
    MalformedPacket,
    PayloadType,
    decode,
)
from mediaserver.switch.rtp.srtp import SrtpKeys
from mediaserver.switch.rtp.stats import ReceiverStats
from mediaserver.switch.rtp.tone_keys import key_tone
from mediaserver.switch.rtp.transcode import from_ulaw, silence_byte, to_ulaw

_HEADER = struct.Struct("!BBHII")
#: Milliseconds of audio between two keys sent.
KEY_GAP_MS = 80


@dataclass(frozen=True, slots=True)
class KeyHeard:
    key: str


@dataclass(frozen=True, slots=True)
class PlayEnded:
    play: int
    completed: bool
    heard_ms: int


@dataclass(frozen=True, slots=True)
class AudioHeard:
    """20 ms of mu-law."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class AudioSpoken:
    """20 ms of mu-law that were sent, while tapped."""

    audio: bytes


StreamEvent = KeyHeard | PlayEnded | AudioHeard | AudioSpoken
Sink = Callable[[StreamEvent], None]


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """What was negotiated: the codec, the telephone-event type (None: the far end takes no keys), our SSRC."""

    codec: PayloadType
    key_type: int | None
    ssrc: int
    first_sequence: int = 0
    first_timestamp: int = 0
    #: Milliseconds of audio in a packet that we send, 10 to 60 in steps of 10.
    ptime: int = FRAME_MS
    #: Keys are looked for in the audio, and leave in the audio though `key_type` is there.
    hears_tones: bool = False
    sends_tones: bool = False
    #: None for plain RTP. The loop in Python has no SRTP (`MediaPump.has_srtp`).
    srtp: SrtpKeys | None = None

    @property
    def frame(self) -> int:
        """Payload bytes of a packet, and the step of its timestamp."""
        return self.ptime * SAMPLES_A_MS

    @property
    def keys_are_tones(self) -> bool:
        """That we send."""
        return self.sends_tones or self.key_type is None

    def going_on_from(self, before: MediaFormat) -> MediaFormat:
        """This description for a stream that has begun: its numbers go on."""
        return replace(
            self, ssrc=before.ssrc, first_sequence=before.first_sequence, first_timestamp=before.first_timestamp
        )


class Playback:
    """A queue of clips in the line's codec, given out in frames; a frame may span clips, the last one is padded.

    `silence` is the byte of it.
    """

    __slots__ = ("_clip", "_clips", "_next", "_offset", "_sent", "_silence", "play", "stop_on_key")

    def __init__(self, play: int, clips: tuple[bytes, ...], stop_on_key: bool, silence: bytes) -> None:
        self.play = play
        self.stop_on_key = stop_on_key
        self._sent = 0
        self._clips = clips
        self._next = 0
        self._clip = b""
        self._offset = 0
        self._silence = silence

    def frame(self, size: int) -> bytes | None:
        """The next `size` bytes, None at the end."""
        offset = self._offset
        frame = self._clip[offset : offset + size]
        self._offset = offset + size
        if len(frame) < size:
            frame = self._span(frame, size)
            if not frame:
                return None
        self._sent += size
        return frame

    def _span(self, frame: bytes, size: int) -> bytes:
        while len(frame) < size and self._next < len(self._clips):
            self._clip = self._clips[self._next]
            self._next += 1
            self._offset = size - len(frame)
            frame += self._clip[: self._offset]
        return frame.ljust(size, self._silence) if frame else b""

    @property
    def heard_ms(self) -> int:
        return self._sent // SAMPLES_A_MS


class RtpStream:
    """`packet()` is called once in `form.ptime` ms, `receive()` for every datagram; events go to `sink`."""

    def __init__(self, form: MediaFormat, far_end: Address, sink: Sink) -> None:
        self.form = form
        self.latch = Latch(far_end)
        self.sending = True
        self.tapped = False
        self.packets_sent = 0
        self._octets_sent = 0
        self._sink = sink
        self._sequence = form.first_sequence
        self._timestamp = form.first_timestamp
        self._silence = bytes([silence_byte(form.codec)])
        self._playback: Playback | None = None
        self._keys_to_send: deque[str] = deque()
        self._key_packets: Iterator[tuple[bool, bytes]] | None = None
        self._key_timestamp = 0
        self._key_gap = 0
        self._talking = False
        self._far_ssrc: int | None = None
        self._stats = ReceiverStats()
        self._lost_before = self._received_before = 0
        # We have the ear: a way back that counts would keep both for the collector, which waits until nobody calls.
        me = weakref.proxy(self)
        self._ear = Ear(lambda frame: sink(AudioHeard(frame)), lambda key: me._pressed(key))
        self._ear.begin_anew(hears_tones=form.hears_tones)
        self._inset = bytearray()
        self._remote: rtcp.Report | None = None
        self.reports_heard = 0

    def change(self, form: MediaFormat, far_end: Address) -> None:
        """After a re-INVITE. A queue in the old codec is cut, since its clips are encoded for that."""
        if form.codec is not self.form.codec:
            self.stop_play()
            self._inset.clear()
            self._silence = bytes([silence_byte(form.codec)])
        self.form = form.going_on_from(self.form)
        self._ear.begin_anew(hears_tones=form.hears_tones)
        self.latch.describe(far_end)

    # --- sending

    def play(self, play: int, clips: tuple[bytes, ...], stop_on_key: bool) -> None:
        """Replaces the present queue, which ends incomplete. `clips` are in the line's codec."""
        self.stop_play()
        self._playback = Playback(play, clips, stop_on_key, self._silence)

    def stop_play(self) -> None:
        if self._playback is not None:
            self._end_playback(self._playback, completed=False)

    def send_keys(self, keys: str) -> None:
        """As telephone events, or in the audio where the far end takes none; what plays waits meanwhile."""
        if self.form.keys_are_tones:
            self._inset += from_ulaw(b"".join(map(key_tone, keys)), self.form.codec)
        else:
            self._keys_to_send.extend(keys)

    def packet(self) -> bytes:
        """The datagram of this moment; silence is sent too, since it keeps NATs open and far ends calm."""
        size = self.form.frame
        self._sequence = sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = timestamp = (self._timestamp + size) & 0xFFFFFFFF
        self.packets_sent += 1
        if self._key_packets is not None or self._keys_to_send:
            datagram = self._key_packet()
            if datagram is not None:
                return datagram
        playback = self._playback
        payload = self._inset_frame(size)
        if payload is None and playback is not None:
            payload = playback.frame(size)
            if payload is None:
                self._end_playback(playback, completed=True)
        kind: int = self.form.codec
        if payload is None:
            payload = self._silence * size
            self._talking = False
        elif not self._talking:
            # RFC 3551 4.1: the marker opens a talkspurt.
            self._talking = True
            kind |= 0x80
        self._octets_sent += size
        if self.tapped:
            self._sink(AudioSpoken(to_ulaw(payload, self.form.codec)))
        return _HEADER.pack(0x80, kind, sequence, timestamp, self.form.ssrc) + payload

    def tap(self, on: bool) -> None:
        self.tapped = on

    def skip(self, milliseconds: int) -> None:
        """Time passes in which nothing is sent: the clock of the timestamps goes on."""
        self._timestamp = (self._timestamp + milliseconds * SAMPLES_A_MS) & 0xFFFFFFFF
        self._talking = False

    def _inset_frame(self, size: int) -> bytes | None:
        if not self._inset:
            return None
        frame = bytes(self._inset[:size])
        del self._inset[:size]
        return frame.ljust(size, self._silence)

    def _key_packet(self) -> bytes | None:
        if self._key_gap:
            self._key_gap -= 1
            return None
        if self._key_packets is None:
            self._key_packets = key_payloads(self._keys_to_send.popleft(), ptime=self.form.ptime)
            self._key_timestamp = self._timestamp
        step = next(self._key_packets, None)
        if step is None:
            # This frame is the first of the gap.
            self._key_packets = None
            self._key_gap = -(-KEY_GAP_MS // self.form.ptime) - 1
            return None
        marker, payload = step
        kind = (self.form.key_type or 0) | (0x80 if marker else 0)
        self._octets_sent += len(payload)
        return _HEADER.pack(0x80, kind, self._sequence, self._key_timestamp, self.form.ssrc) + payload

    def _end_playback(self, playback: Playback, *, completed: bool) -> None:
        self._playback = None
        self._sink(PlayEnded(playback.play, completed, playback.heard_ms))

    # --- receiving

    def listen(self, on: bool) -> None:
        self._ear.listen(on)

    def lapse(self, now: float) -> None:
        """Time has passed: who listens hears silence where nothing came."""
        self._ear.lapse(now)

    def receive(self, data: bytes, source: Address, now: float) -> bool:
        """`now` is monotonic seconds. False: it was a stranger's, of another codec or malformed, and is passed over."""
        try:
            packet = decode(data)
        except MalformedPacket:
            return False
        kind = packet.payload_type
        is_key = kind == self.form.key_type
        if not is_key and kind not in (PayloadType.PCMU, PayloadType.PCMA, COMFORT_NOISE):
            return False
        if not self.latch.accept(source, now):
            return False
        if packet.ssrc != self._far_ssrc:
            self._begin_source(packet.ssrc)
        self._stats.receive(packet, now, timed=not is_key)
        if is_key:
            self._ear.event(packet, now)
        elif kind != COMFORT_NOISE:
            self._ear.audio(packet, now)
        return True

    def _begin_source(self, ssrc: int) -> None:
        self._lost_before += self._stats.lost
        self._received_before += self._stats.received
        self._far_ssrc = ssrc
        self._stats = ReceiverStats()

    def press(self, key: str, now: float) -> None:
        """A key came by SIP INFO."""
        self._ear.key(key, Way.INFO, now)

    def _pressed(self, key: str) -> None:
        self._sink(KeyHeard(key))
        if self._playback is not None and self._playback.stop_on_key:
            self._end_playback(self._playback, completed=False)

    # --- reports

    def receive_report(self, data: bytes) -> None:
        self.reports_heard += 1
        for report in rtcp.decode_reports(data, self.form.ssrc):
            self._remote = report

    def report(self, unix_time: float) -> bytes:
        sent = rtcp.Sent(self.form.ssrc, self._timestamp, self.packets_sent, self._octets_sent)
        if self._far_ssrc is None or not self._stats.received:
            return rtcp.encode_report(sent, unix_time)
        stats = self._stats
        received = rtcp.Received(
            self._far_ssrc, stats.fraction_lost(), stats.lost, stats.highest_sequence, int(stats.jitter)
        )
        return rtcp.encode_report(sent, unix_time, received)

    def goodbye(self) -> bytes:
        return rtcp.encode_goodbye(self.form.ssrc)

    def stats(self) -> RtpStats:
        remote = self._remote
        return RtpStats(
            sent=self.packets_sent,
            received=self._received_before + self._stats.received,
            lost=self._lost_before + self._stats.lost,
            jitter_ms=round(self._stats.jitter_ms, 3),
            remote_lost=None if remote is None else remote.lost,
            remote_jitter_ms=None if remote is None else round(remote.jitter_ms, 3),
        )
