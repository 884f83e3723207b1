"""RTP packets (RFC 3550 section 5.1): decoding what arrives, encoding headers of what is sent."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
HEADER_BYTES = _HEADER.size
#: Samples, and so bytes of G.711, in the 20 ms one packet carries.
FRAME = 160
FRAME_SECONDS = 0.02
FRAME_MS = 20
CLOCK_RATE = 8000
SAMPLES_A_MS = 8
#: RFC 3389: sent by some instead of silence. It is a sign of the far end, and no audio.
COMFORT_NOISE = 13


class PayloadType(IntEnum):
    """The static types of RFC 3551 that Clarion speaks."""

    PCMU = 0
    PCMA = 8
    #: 64 kbit/s; its clock says 8000 (RFC 3551 4.5.2). The fast path speaks its lower band, from and to mu-law.
    G722 = 9


class Packet(NamedTuple):
    """One RTP packet. A tuple, because ten thousand of them are made in a second."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class MalformedPacket(ValueError):
    """The datagram is no RTP version 2 packet."""


def decode(data: bytes) -> Packet:
    """Raise MalformedPacket for whatever is not RTP; padding, CSRCs and header extensions are taken off."""
    if len(data) < HEADER_BYTES:
        raise MalformedPacket(f"{len(data)} bytes are too few")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise MalformedPacket(f"version {first >> 6}")
    start, end = HEADER_BYTES, len(data)
    if first & 0x3F:
        start, end = _payload_bounds(data, first)
    return Packet(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, data[start:end])


def _payload_bounds(data: bytes, first: int) -> tuple[int, int]:
    start, end = HEADER_BYTES + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        if start + _EXTENSION.size > end:
            raise MalformedPacket("header extension is cut off")
        start += _EXTENSION.size + 4 * _EXTENSION.unpack_from(data, start)[1]
    if first & 0x20:
        end -= data[-1] or len(data)
    if start > end:
        raise MalformedPacket("CSRCs, extension or padding exceed the packet")
    return start, end


def encode(packet: Packet) -> bytes:
    return header(packet.payload_type, packet.marker, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


def header(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int) -> bytes:
    return _HEADER.pack(0x80, payload_type | (0x80 if marker else 0), sequence, timestamp, ssrc)


def sequence_after(one: int, other: int) -> int:
    """How many packets `one` is after `other`, -32768 to 32767, across the wrap."""
    return ((one - other + 0x8000) & 0xFFFF) - 0x8000


def timestamp_after(one: int, other: int) -> int:
    """How many samples `one` is after `other`, negative when before, across the wrap."""
    return ((one - other + 0x80000000) & 0xFFFFFFFF) - 0x80000000
