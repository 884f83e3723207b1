"""SRTP on the fast path against a far end written from RFC 3711, itself held to the RFC's vectors (appendix B)."""

from __future__ import annotations

import asyncio
import itertools
import socket
from dataclasses import replace

import pytest

from mediaserver.switch.fastpath.pump import FastPump
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.pump import Pump
from mediaserver.switch.rtp import rtcp
from mediaserver.switch.rtp.dtmf import key_payloads
from mediaserver.switch.rtp.packet import FRAME, Packet, decode, encode
from mediaserver.switch.rtp.srtp import SrtpKeys
from mediaserver.switch.rtp.stream import AudioHeard, KeyHeard
from tests.support.rtp_far import KEY_TYPE, FarEnd
from tests.support.srtp_far import SrtpSide, derive, keystream

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
OURS, THEIRS = bytes(range(30)), bytes(range(100, 130))


class SecureFar(FarEnd):
    """`rollover` counts the wraps of our sequence numbers that it has seen."""

    def __init__(self, pump: FastPump, tag_bytes: int = 10) -> None:
        super().__init__(pump, srtp=SrtpKeys(tag_bytes, OURS, THEIRS))
        self.near_side, self.far_side = SrtpSide(OURS, tag_bytes), SrtpSide(THEIRS, tag_bytes)
        self._last, self.rollover = 65_533, 0

    async def opened(self) -> Packet:
        datagram = await asyncio.get_running_loop().sock_recv(self.sock, 2048)
        sequence = int.from_bytes(datagram[2:4])
        self.rollover += sequence < self._last
        self._last = sequence
        return decode(self.near_side.open(datagram, self.rollover))

    def say(
        self, number: int, payload: bytes, kind: int = 0, timestamp: int | None = None, side: SrtpSide | None = None
    ) -> bytes:
        """`number` counts on past 65,535."""
        stamp = number * FRAME if timestamp is None else timestamp
        packet = encode(Packet(kind, False, number & 0xFFFF, stamp & 0xFFFFFFFF, 9, payload))
        datagram = (side or self.far_side).protect(packet, number >> 16)
        self.sock.sendto(datagram, self.near)
        return datagram


async def test_the_far_end_of_these_tests_is_that_of_rfc_3711() -> None:
    master = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6")
    assert derive(master, 0, 16).hex() == "c61e7a93744f39ee10734afe3ff7a087"
    assert derive(master, 2, 14).hex() == "30cbbc08863d8c85d49db34a9ae1"
    assert derive(master, 1, 20).hex() == "cebe321f6ff7716b6fd4ab49af256a156d38baa4"
    stream = keystream(
        bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"), int("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000", 16), 32
    )
    assert stream.hex() == "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"


@pytest.mark.parametrize("tag_bytes", [10, 4])
async def test_what_is_sent_is_readable_with_our_key_across_the_wrap(fast: FastPump, tag_bytes: int) -> None:
    far = SecureFar(fast, tag_bytes)
    far.stream.play(1, (b"a" * FRAME * 3,), False)
    got = [await far.opened() for _ in range(8)]

    assert [b.sequence - a.sequence for a, b in itertools.pairwise(got)].count(1) == 6
    assert far.rollover == 1
    assert b"a" * FRAME * 3 in b"".join(packet.payload for packet in got)
    far.sock.close()


async def test_only_the_far_end_s_own_packets_are_heard_and_each_once(fast: FastPump) -> None:
    far = SecureFar(fast)
    far.stream.listen(True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        # First of all, so that an unchecked latch would believe it.
        stranger.bind(("127.0.0.1", 0))
        stranger.sendto(SrtpSide(OURS).protect(encode(Packet(0, False, 1, 160, 9, b"s" * FRAME))), far.near)
        far.speak(65_533, b"p" * FRAME)
        first = far.say(65_534, b"1" * FRAME)
        far.say(65_535, b"2" * FRAME)
        far.say(65_536, b"3" * FRAME)
        far.sock.sendto(first, far.near)
        stranger.sendto(first, far.near)
        far.say(65_537, b"x" * FRAME, side=SrtpSide(OURS))
        far.say(65_537, b"4" * FRAME)
        heard = await far.until(AudioHeard, 4)

    assert b"".join(event.audio[:1] for event in heard) == b"1234"
    assert (far.stream.stats().received, far.stream.stats().lost) == (4, 0)
    assert fast.totals().strange == 5
    assert (await far.opened()).ssrc == 7
    far.sock.close()


async def test_keys_and_reports_are_secured_too(fast: FastPump) -> None:
    far = SecureFar(fast)
    for number, (_, payload) in enumerate(key_payloads("8")):
        far.say(number, payload, kind=KEY_TYPE, timestamp=4000)
    assert [event.key for event in await far.until(KeyHeard)] == ["8"]

    ours = far.near_side.open_report(far.stream.report(1_700_000_000.0))
    assert (ours[1], ours[28:32]) == (rtcp.SENDER_REPORT, (9).to_bytes(4))
    report = rtcp.encode_report(rtcp.Sent(9, 0, 10, 1600), 1.0, rtcp.Received(7, 0, 12, 0, 0))
    far.stream.receive_report(report)
    assert far.stream.stats().remote_lost is None
    far.stream.receive_report(far.far_side.protect_report(report, 1))
    assert far.stream.stats().remote_lost == 12
    assert far.near_side.open_report(far.stream.goodbye())[1] == rtcp.RECEIVER_REPORT
    far.sock.close()


async def test_the_counters_go_on_with_the_same_keys_and_begin_with_others(fast: FastPump) -> None:
    far = SecureFar(fast)
    for _ in range(5):
        await far.opened()
    assert far.rollover == 1
    far.stream.change(far.stream.form, far.sock.getsockname()[:2])
    for _ in range(2):
        await far.opened()
    far.stream.change(replace(far.stream.form, srtp=SrtpKeys(10, THEIRS, OURS)), far.sock.getsockname()[:2])
    far.near_side, far.rollover = SrtpSide(THEIRS), 0
    far.waiting_raw()
    assert (await far.opened()).ssrc == 7
    far.stream.change(replace(far.stream.form, srtp=None), far.sock.getsockname()[:2])
    far.waiting_raw()
    assert (await far.packets(1))[0].payload == b"\xff" * FRAME
    far.sock.close()


async def test_the_loop_in_python_says_that_it_has_no_srtp(fast: FastPump) -> None:
    assert fast.has_srtp, "script/setup builds it with libsrtp2-dev"
    assert not Pump("127.0.0.1", PortAllocator(None)).has_srtp
