"""RTCP reports with a CNAME, and a goodbye (RFC 3550 section 6): all a call needs to be measured."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mediaserver.switch.rtp.packet import CLOCK_RATE

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203
_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!IIIIII")
_BLOCK = struct.Struct("!IIIIII")
#: Seconds from 1900, NTP's epoch, to 1970.
_NTP_EPOCH = 2_208_988_800


@dataclass(frozen=True, slots=True)
class Sent:
    """Our own stream, for the sender report."""

    ssrc: int
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Received:
    """The far end's stream, for the report block; `fraction` lost is of 256, `jitter` in samples."""

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int


@dataclass(frozen=True, slots=True)
class Report:
    """What the far end says of our stream: packets lost in all, jitter in milliseconds."""

    lost: int
    jitter_ms: float


def encode_report(sent: Sent, unix_time: float, received: Received | None = None) -> bytes:
    """A compound packet: SR (with one report block once something was received) and SDES."""
    seconds = int(unix_time)
    ntp = (seconds + _NTP_EPOCH) & 0xFFFFFFFF, int((unix_time - seconds) * 2**32)
    body = _SENDER.pack(sent.ssrc, *ntp, sent.timestamp, sent.packets & 0xFFFFFFFF, sent.octets & 0xFFFFFFFF)
    if received is not None:
        loss = received.fraction << 24 | min(received.lost, 0x7FFFFF)
        body += _BLOCK.pack(received.ssrc, loss, received.highest, received.jitter & 0xFFFFFFFF, 0, 0)
    return _chunk(SENDER_REPORT, 0 if received is None else 1, body) + _description(sent.ssrc)


def encode_goodbye(ssrc: int) -> bytes:
    """An empty RR, SDES and BYE: section 6.1 wants every compound packet to begin with a report."""
    identity = ssrc.to_bytes(4)
    return _chunk(RECEIVER_REPORT, 0, identity) + _description(ssrc) + _chunk(GOODBYE, 1, identity)


def decode_reports(data: bytes, ssrc: int) -> Iterator[Report]:
    """The report blocks about our `ssrc`; whatever is malformed or about others is passed over."""
    for kind, count, body in _packets(data):
        if kind not in (SENDER_REPORT, RECEIVER_REPORT):
            continue
        start = _SENDER.size if kind == SENDER_REPORT else 4
        for number in range(count):
            offset = start + number * _BLOCK.size
            if offset + _BLOCK.size > len(body):
                break
            about, loss, _, jitter, _, _ = _BLOCK.unpack_from(body, offset)
            if about == ssrc:
                lost = loss & 0xFFFFFF
                yield Report(lost - 0x1000000 if lost & 0x800000 else lost, jitter * 1000 / CLOCK_RATE)


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset + _HEADER.size <= len(data):
        first, kind, words = _HEADER.unpack_from(data, offset)
        end = offset + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data):
            return
        yield kind, first & 0x1F, data[offset + _HEADER.size : end]
        offset = end


def _chunk(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _description(ssrc: int) -> bytes:
    # 6.5.1: the CNAME tells participants apart and must say nothing about persons or hosts.
    name = f"clarion-{ssrc:08x}".encode()
    item = bytes((1, len(name))) + name
    chunk = ssrc.to_bytes(4) + item
    return _chunk(SOURCE_DESCRIPTION, 1, chunk + bytes(4 - len(chunk) % 4))
