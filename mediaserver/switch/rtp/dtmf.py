"""Keys as telephone events (RFC 4733), both ways.

A key is known by its RTP timestamp: every packet of one event carries the same one, so a key counts once whichever of
its packets (the marked first, the repeated ends) are lost, doubled or late.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mediaserver.switch.rtp.packet import FRAME_MS, SAMPLES_A_MS, Packet, timestamp_after

KEYS = "0123456789*#ABCD"
_EVENT = struct.Struct("!BBH")
_END = 0x80
#: -10 dBm0, what telephones send.
_VOLUME = 10
#: 2.5.1.4: the last packet goes out three times.
_END_COPIES = 3
#: A packet this many samples (10 s) older than the newest event is a restarted clock, not a late packet.
_STALE = 80_000
_MAX_DURATION = 0xFFFF


class KeyReceiver:
    """Tells keys from telephone-event packets; one per received SSRC."""

    def __init__(self) -> None:
        self._timestamp: int | None = None
        self._event = -1

    def receive(self, packet: Packet) -> str | None:
        """The key when this packet is the first seen of its event, else None; malformed payloads are None."""
        if len(packet.payload) < _EVENT.size:
            return None
        event = packet.payload[0]
        if event >= len(KEYS):
            return None
        last, self_event = self._timestamp, self._event
        if last is not None:
            age = timestamp_after(packet.timestamp, last)
            if -_STALE < age <= 0:
                return None
            if age == _MAX_DURATION and event == self_event:
                # 2.5.1.3: an event of more than 8 s goes on in a new segment, which starts where the last ended.
                self._timestamp = packet.timestamp
                return None
        self._timestamp, self._event = packet.timestamp, event
        return KEYS[event]


def key_payloads(key: str, milliseconds: int = 100, ptime: int = FRAME_MS) -> Iterator[tuple[bool, bytes]]:
    """(marker, payload) of each packet of one key; all are sent with the timestamp of the first, `ptime` ms apart."""
    event, step = KEYS.index(key), ptime * SAMPLES_A_MS
    frames = max(2, milliseconds // ptime)
    for number in range(1, frames):
        yield number == 1, _EVENT.pack(event, _VOLUME, number * step)
    for _ in range(_END_COPIES):
        yield False, _EVENT.pack(event, _END | _VOLUME, frames * step)
