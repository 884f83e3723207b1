"""One call's RTP on the fast path: what `RtpStream` does, with the work of every packet left to the C loop."""

from __future__ import annotations

import time
import weakref
from typing import Any

import structlog

from common.control import RtpStats
from mediaserver.switch.fastpath.library import TICK_MS, Library
from mediaserver.switch.rtp import rtcp
from mediaserver.switch.rtp.dtmf import key_payloads
from mediaserver.switch.rtp.ear import Ear
from mediaserver.switch.rtp.key_ways import Way
from mediaserver.switch.rtp.latch import Address
from mediaserver.switch.rtp.packet import CLOCK_RATE, MalformedPacket, decode
from mediaserver.switch.rtp.stats import fraction_lost
from mediaserver.switch.rtp.stream import KEY_GAP_MS, AudioHeard, AudioSpoken, KeyHeard, MediaFormat, PlayEnded, Sink
from mediaserver.switch.rtp.tone_keys import key_tone
from mediaserver.switch.rtp.transcode import from_ulaw, silence_byte, to_ulaw

#: Bytes that SRTCP may add.
_SECURED = 160

log = structlog.get_logger()


class FastStream:
    """`pump` is the C loop's; events reach the stream by `heard` and `played` on the switch's event loop."""

    def __init__(
        self, library: Library, pump: Any, descriptor: int, form: MediaFormat, far_end: Address, sink: Sink
    ) -> None:
        self.form = form
        self._library = library
        self._pump = pump
        self._sink = sink
        self._sending = True
        self._play: int | None = None
        self._stop_on_key = False
        #: The clips that C reads from; they must outlive its use of them.
        self._clips: tuple[Any, ...] = ()
        # We have the ear: a way back that counts would keep both for the collector, which waits until nobody calls.
        me = weakref.proxy(self)
        self._ear = Ear(lambda frame: sink(AudioHeard(frame)), lambda key: me._pressed(key))
        self._remote: rtcp.Report | None = None
        self.reports_heard = 0
        self._last = library.ffi.new("clarion_stats *")
        self._reported = (0, 0)
        self._reported_ssrc: int | None = None
        host, port = far_end
        self.number: int = library.lib.clarion_add(pump, descriptor, self._form(), host.encode(), port)

    def _form(self) -> Any:
        form = self.form
        return self._library.ffi.new(
            "clarion_form *",
            {
                "ssrc": form.ssrc,
                "first_timestamp": form.first_timestamp,
                "first_sequence": form.first_sequence,
                "frame_ticks": form.ptime // TICK_MS,
                "key_type": -1 if form.key_type is None else form.key_type,
                "payload_type": int(form.codec),
                "silence": silence_byte(form.codec),
                "hears_tones": form.hears_tones,
                **self._keys(),
            },
        )

    def _keys(self) -> dict[str, Any]:
        srtp = self.form.srtp
        return {} if srtp is None else {"srtp_tag": srtp.tag_bytes, "our_key": srtp.ours, "their_key": srtp.theirs}

    def change(self, form: MediaFormat, far_end: Address) -> None:
        """After a re-INVITE. A queue in the old codec is cut, since its clips are encoded for that."""
        if form.codec is not self.form.codec:
            self.stop_play()
        self.form = form.going_on_from(self.form)
        self._ear.begin_anew(hears_tones=False)
        host, port = far_end
        self._library.lib.clarion_change(self._pump, self.number, self._form(), host.encode(), port)

    # --- sending

    @property
    def sending(self) -> bool:
        return self._sending

    @sending.setter
    def sending(self, on: bool) -> None:
        self._sending = on
        self._library.lib.clarion_send(self._pump, self.number, on)

    def play(self, play: int, clips: tuple[bytes, ...], stop_on_key: bool) -> None:
        """Replaces the present queue, which ends incomplete. `clips` are in the line's codec."""
        self.stop_play()
        ffi = self._library.ffi
        self._clips = tuple(ffi.from_buffer("uint8_t[]", clip) for clip in clips)
        self._play, self._stop_on_key = play, stop_on_key
        sizes = [len(clip) for clip in clips]
        self._library.lib.clarion_play(self._pump, self.number, play, list(self._clips), sizes, len(clips))

    def stop_play(self) -> None:
        if self._play is None:
            return
        heard_ms = self._library.lib.clarion_stop(self._pump, self.number)
        if heard_ms >= 0:
            self._ended(self._play, completed=False, heard_ms=heard_ms)
        # Otherwise it has come to its end meanwhile, and the event that says so is on its way.

    def send_keys(self, keys: str) -> None:
        if self.form.keys_are_tones:
            tones = from_ulaw(b"".join(map(key_tone, keys)), self.form.codec)
            if not self._library.lib.clarion_inset(self._pump, self.number, tones, len(tones)):
                log.warning("too_many_keys_wait", keys=len(keys))
            return
        for key in keys:
            payloads = [payload for _, payload in key_payloads(key, ptime=self.form.ptime)]
            told, gap = b"".join(payloads), -(-KEY_GAP_MS // self.form.ptime)
            if not self._library.lib.clarion_keys(self._pump, self.number, told, len(payloads), gap):
                log.warning("too_many_keys_wait", keys=len(keys))
                return

    def played(self, play: int, heard_ms: int) -> None:
        """The C loop came to the end of a queue."""
        if play == self._play:
            self._ended(play, completed=True, heard_ms=heard_ms)

    def _ended(self, play: int, *, completed: bool, heard_ms: int) -> None:
        self._play, self._clips = None, ()
        self._sink(PlayEnded(play, completed, heard_ms))

    # --- receiving

    def listen(self, on: bool) -> None:
        if on != self._ear.listening:
            self._library.lib.clarion_listen(self._pump, self.number, on)
            self._ear.listen(on)

    def heard(self, datagram: bytes, *, is_key: bool) -> None:
        """A datagram that the C loop has accepted and counted."""
        try:
            packet = decode(datagram)
        except MalformedPacket:
            return
        if not is_key:
            self._ear.audio(packet, time.monotonic())
        else:
            self._ear.event(packet, time.monotonic())

    def tone(self, key: str) -> None:
        """The C loop found a key in the audio."""
        self._ear.key(key, Way.TONES, time.monotonic())

    def lapse(self, now: float) -> None:
        self._ear.lapse(now)

    def tap(self, on: bool) -> None:
        self._library.lib.clarion_tap(self._pump, self.number, on)

    def spoken(self, payload: bytes, payload_type: int) -> None:
        """What the C loop has sent, while tapped."""
        self._sink(AudioSpoken(to_ulaw(payload, payload_type)))

    def press(self, key: str, now: float) -> None:
        """A key came by SIP INFO."""
        self._ear.key(key, Way.INFO, now)

    def _pressed(self, key: str) -> None:
        self._sink(KeyHeard(key))
        if self._stop_on_key:
            self.stop_play()

    # --- reports

    def receive_report(self, data: bytes) -> None:
        if self.form.srtp is not None:
            data = self._secured(data, out=False)
        if not data:
            return
        self.reports_heard += 1
        for report in rtcp.decode_reports(data, self.form.ssrc):
            self._remote = report

    def report(self, unix_time: float) -> bytes:
        return self._sendable(self._report(unix_time))

    def _report(self, unix_time: float) -> bytes:
        now = self._counted()
        sent = rtcp.Sent(self.form.ssrc, now.timestamp, now.sent, now.sent_octets)
        if not now.heard:
            return rtcp.encode_report(sent, unix_time, None)
        if now.far_ssrc != self._reported_ssrc or now.expected < self._reported[0]:
            self._reported, self._reported_ssrc = (0, 0), now.far_ssrc
        before, self._reported = self._reported, (now.expected, now.arrived)
        fraction = fraction_lost(now.expected - before[0], now.arrived - before[1])
        received = rtcp.Received(now.far_ssrc, fraction, now.lost, now.highest, int(now.jitter))
        return rtcp.encode_report(sent, unix_time, received)

    def goodbye(self) -> bytes:
        return self._sendable(rtcp.encode_goodbye(self.form.ssrc))

    def _sendable(self, report: bytes) -> bytes:
        return report if self.form.srtp is None else self._secured(report, out=True)

    def _secured(self, data: bytes, *, out: bool) -> bytes:
        """b"" for what is not the far end's."""
        buffer = self._library.ffi.new("uint8_t[]", len(data) + _SECURED)
        self._library.ffi.memmove(buffer, data, len(data))
        size = self._library.lib.clarion_report(self._pump, self.number, buffer, len(data), out)
        return bytes(self._library.ffi.buffer(buffer, size))

    def stats(self) -> RtpStats:
        now, remote = self._counted(), self._remote
        return RtpStats(
            sent=now.sent,
            received=now.received,
            lost=now.lost,
            jitter_ms=round(now.jitter * 1000 / CLOCK_RATE, 3),
            remote_lost=None if remote is None else remote.lost,
            remote_jitter_ms=None if remote is None else round(remote.jitter_ms, 3),
        )

    def _counted(self) -> Any:
        """Of a stream that is gone: what was counted last."""
        self._library.lib.clarion_stats_of(self._pump, self.number, self._last)
        return self._last

    def close(self) -> None:
        """Afterwards the socket may be closed; the last figures stay."""
        self._counted()
        self._library.lib.clarion_remove(self._pump, self.number)
        self._clips = ()
