"""The pump on the fast path: sockets, reports and events in Python, every packet in C."""

from __future__ import annotations

import asyncio
import os
import time

import structlog

from common.tasks import note_failure
from mediaserver.switch.fastpath.library import TICK_MS, Event, Kind, load, parse_events
from mediaserver.switch.fastpath.room import FastRoom
from mediaserver.switch.fastpath.stream import FastStream
from mediaserver.switch.lateness import Lateness, PumpTotals
from mediaserver.switch.media import MediaSocket, open_pair
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.rtp.latch import Address
from mediaserver.switch.rtp.stream import MediaFormat, Sink

#: RFC 3550 6.2: seconds between reports.
_REPORT_INTERVAL = 5.0
#: Seconds between looks after silence for those who listen.
_LAPSE = 0.06
_DATAGRAM = 2048
_EVENTS_AT_ONCE = 1 << 17

log = structlog.get_logger()


class FastPump:
    """Raise FastPathMissing at the start where the C loop is not built."""

    def __init__(self, host: str, ports: PortAllocator) -> None:
        self._library = load()
        self._host = host
        self._ports = ports
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pump = self._library.ffi.NULL
        self._notified = -1
        self._buffer = self._library.ffi.new("uint8_t[]", _EVENTS_AT_ONCE)
        self._sockets: dict[MediaSocket, FastStream | None] = {}
        self._streams: dict[int, FastStream] = {}
        self._reports: asyncio.TimerHandle | None = None
        self._lapses: asyncio.TimerHandle | None = None
        self.has_rooms = self.has_g722 = True
        self.has_srtp = bool(self._library.lib.clarion_has_srtp())
        self._totals = PumpTotals()

    @property
    def streams(self) -> int:
        return len(self._streams)

    @property
    def open_sockets(self) -> int:
        return 2 * len(self._sockets)

    def totals(self) -> PumpTotals:
        if self._loop is None:
            return self._totals
        counted = self._library.ffi.new("clarion_totals *")
        self._library.lib.clarion_totals_of(self._pump, counted)
        self._totals = PumpTotals(
            late=Lateness(list(counted.late), counted.late_seconds),
            sent=counted.sent,
            unsent=counted.unsent,
            received=counted.received,
            strange=counted.strange,
            unheard=counted.dropped,
            given_up=counted.given_up * TICK_MS / 1000,
            streams=len(self._streams),
            thread=counted.thread,
        )
        return self._totals

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._notified = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._pump = self._library.lib.clarion_open(self._notified)
        if self._pump == self._library.ffi.NULL:
            raise OSError(self._library.ffi.errno, "the RTP thread does not start")
        loop.add_reader(self._notified, self._take_events)

    def close(self) -> None:
        for media in tuple(self._sockets):
            self.detach(media)
        for timer in (self._reports, self._lapses):
            if timer is not None:
                timer.cancel()
        self._reports = self._lapses = None
        if self._loop is not None:
            self._loop.remove_reader(self._notified)
            self._library.lib.clarion_close(self._pump)
            os.close(self._notified)
            self._loop = None

    # --- calls

    def open(self) -> MediaSocket:
        assert self._loop is not None, "the pump is not started"
        media = MediaSocket(self, open_pair(self._host, self._ports))
        self._sockets[media] = None
        self._loop.add_reader(media.pair.rtcp.fileno(), self._receive_report, media)
        return media

    def begin(self, media: MediaSocket, form: MediaFormat, far_end: Address, sink: Sink) -> FastStream:
        stream = FastStream(self._library, self._pump, media.pair.rtp.fileno(), form, far_end, sink)
        self._sockets[media] = self._streams[stream.number] = stream
        if self._reports is None:
            self._arm_reports()
        if self._lapses is None:
            self._arm_lapses()
        return stream

    def room(self) -> FastRoom:
        return FastRoom(self._library, self._pump)

    def detach(self, media: MediaSocket) -> None:
        """Say goodbye, free the sockets and the port."""
        if media not in self._sockets:
            return
        stream = self._sockets.pop(media)
        if stream is not None:
            media.send_report(stream.goodbye())
            stream.close()
            del self._streams[stream.number]
        assert self._loop is not None
        self._loop.remove_reader(media.pair.rtcp.fileno())
        media.pair.close()
        self._ports.give_back(media.pair.lent, time.monotonic())

    # --- what the C loop tells

    def _take_events(self) -> None:
        os.eventfd_read(self._notified)
        while taken := self._library.lib.clarion_events(self._pump, self._buffer, _EVENTS_AT_ONCE):
            for event in parse_events(bytes(self._library.ffi.buffer(self._buffer, taken))):
                try:
                    self._hear(event)
                except Exception as error:
                    # What follows is other calls'.
                    note_failure("pump event", error)
            if self._loop is None:
                # What an event led to closed the pump.
                return

    def _hear(self, event: Event) -> None:
        if event.kind == Kind.STALLED:
            log.warning("pump_stalled", milliseconds=event.a)
            return
        stream = self._streams.get(event.stream)
        if stream is None:
            return
        if event.kind == Kind.PLAYED:
            stream.played(event.a, event.b)
        elif event.kind == Kind.TONE:
            stream.tone(chr(event.a))
        elif event.kind == Kind.SPOKEN:
            stream.spoken(event.data, event.a)
        else:
            stream.heard(event.data, is_key=event.kind == Kind.KEY)

    def _arm_lapses(self) -> None:
        assert self._loop is not None
        self._lapses = self._loop.call_later(_LAPSE, self._lapse)

    def _lapse(self) -> None:
        self._lapses = None
        if self._streams:
            # First: what fails below must not be the last look.
            self._arm_lapses()
        now = time.monotonic()
        for stream in tuple(self._streams.values()):
            stream.lapse(now)

    # --- RTCP

    def _arm_reports(self) -> None:
        assert self._loop is not None
        self._reports = self._loop.call_later(_REPORT_INTERVAL, self._send_reports)

    def _send_reports(self) -> None:
        self._reports = None
        if self._streams:
            self._arm_reports()
        wall = time.time()
        for media, stream in self._sockets.items():
            if stream is not None:
                media.send_report(stream.report(wall))

    def _receive_report(self, media: MediaSocket) -> None:
        try:
            data = media.pair.rtcp.recv(_DATAGRAM)
        except OSError:
            return
        stream = self._sockets.get(media)
        if stream is not None:
            stream.receive_report(data)
