"""The pump contract: one suite over the loop in Python and the loop in C, with a far end of plain sockets."""

from __future__ import annotations

import asyncio
import itertools
import socket
from contextlib import closing

import pytest

from mediaserver.switch.fastpath import library
from mediaserver.switch.fastpath.pump import FastPump
from mediaserver.switch.fastpath.stream import FastStream
from mediaserver.switch.media import MediaPump
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.pump import Pump
from mediaserver.switch.rtp.packet import FRAME, Packet, PayloadType, decode
from mediaserver.switch.rtp.stream import AudioHeard, AudioSpoken, KeyHeard, MediaFormat, PlayEnded
from mediaserver.switch.rtp.transcode import ALAW_TO_ULAW
from tests.support.rtp_far import KEY_TYPE, FarEnd
from tests.support.stillness import in_motion

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
ULAW_QUIET = b"\xff" * FRAME
# CAPACITY of fastpath/internal.h.
SLOTS = 8192


async def test_the_fast_path_is_built() -> None:
    assert library.available(), "script/setup builds it"


async def test_streams_one_after_another_share_their_memory_and_never_a_number(fast: FastPump) -> None:
    numbers = []
    for _ in range(20):
        far = FarEnd(fast)
        assert isinstance(far.stream, FastStream)
        numbers.append(far.stream.number)
        far.media.close()
        far.sock.close()

    assert len(set(numbers)) == len(numbers)
    assert len({number % SLOTS for number in numbers}) == 1


@in_motion
async def test_sends_silence_with_a_running_clock_across_both_wraps(pump: MediaPump) -> None:
    far = FarEnd(pump)
    with closing(far.sock):
        got = await far.packets(6)

    assert [packet.sequence for packet in got] == [65_534, 65_535, 0, 1, 2, 3]
    assert [packet.timestamp for packet in got] == [(2**32 + (n - 2) * FRAME) % 2**32 for n in range(6)]
    assert {(packet.payload_type, packet.marker, packet.ssrc, packet.payload) for packet in got} == {
        (0, False, 7, ULAW_QUIET)
    }


async def test_plays_clips_back_to_back_and_pads_the_last_frame(far: FarEnd) -> None:
    far.stream.play(3, (b"a" * 100, b"", b"b" * 100, b"c" * 40 + b"d" * 50), False)
    ended = (await far.until(PlayEnded))[0]
    spoken = [packet for packet in await far.packets(ended.heard_ms // 20 + 1) if packet.payload != ULAW_QUIET]

    assert ended == PlayEnded(3, True, 40)
    assert [packet.payload for packet in spoken] == [
        b"a" * 100 + b"b" * 60,
        b"b" * 40 + b"c" * 40 + b"d" * 50 + b"\xff" * 30,
    ]
    assert [packet.marker for packet in spoken] == [True, False]


@pytest.mark.parametrize("ptime", [10, 30, 60])
@in_motion
async def test_packets_are_as_long_as_the_far_end_wishes_and_follow_when_it_wishes_anew(
    pump: MediaPump, ptime: int
) -> None:
    far, ruler = FarEnd(pump, ptime=ptime), FarEnd(pump)
    with closing(far.sock), closing(ruler.sock):
        far.stream.play(1, (b"a" * 1000,), False)
        got = await far.packets(12)
        beside = len(ruler.waiting())
        got += far.waiting()
        sent = len(got)
        ended = (await far.until(PlayEnded))[0]
        far.stream.change(MediaFormat(PayloadType.PCMU, None, 0, ptime=40), far.sock.getsockname()[:2])
        while len(got[-1].payload) != 320:
            got += await far.packets(1)
        got += await far.packets(2)

    assert {len(packet.payload) for packet in got} == {8 * ptime, 320}
    assert b"a" * 1000 in b"".join(packet.payload for packet in got)
    assert ended == PlayEnded(1, True, -(-1000 // (8 * ptime)) * ptime)
    for before, after in itertools.pairwise(got):
        assert (after.timestamp - before.timestamp) % 2**32 in (len(before.payload), len(after.payload))
    # A stream of 20 ms beside it has sent for as long.
    assert abs(beside * 20 - sent * ptime) <= 2 * max(ptime, 20)


async def test_packets_of_any_length_are_heard_and_comfort_noise_is_no_audio(far: FarEnd) -> None:
    far.stream.listen(True)
    start = 0
    for number, (length, kind) in enumerate([(240, 0), (480, 0), (1, 13), (80, 0), (80, 0), (160, 0)]):
        far.send(Packet(kind, False, number, start, 9, bytes([65 + number]) * length))
        start += 160 if kind == 13 else length
    heard = b"".join(event.audio for event in await far.until(AudioHeard, 7))

    assert heard[:1120] == b"A" * 240 + b"B" * 480 + b"\xff" * 160 + b"D" * 80 + b"E" * 80 + b"F" * 80
    assert (far.stream.stats().received, far.stream.stats().lost) == (6, 0)


async def test_who_listens_hears_silence_while_the_far_end_sends_nothing(far: FarEnd) -> None:
    far.stream.listen(True)
    far.speak(0, b"a" * FRAME)
    heard = await far.until(AudioHeard, 6)

    assert [event.audio[:1] for event in heard[:6]] == [b"a", *[b"\xff"] * 5]


async def test_an_empty_play_ends_at_once(far: FarEnd) -> None:
    far.stream.play(1, (), False)

    assert await far.until(PlayEnded) == [PlayEnded(1, True, 0)]


async def test_a_new_play_replaces_the_present_one(far: FarEnd) -> None:
    far.stream.play(1, (b"a" * FRAME * 500,), False)
    await far.packets(3)
    far.stream.play(2, (b"b" * FRAME,), False)
    first, second = await far.until(PlayEnded, 2)

    assert (first.play, first.completed, first.heard_ms in range(20, 10_000)) == (1, False, True)
    assert second == PlayEnded(2, True, 20)


async def test_a_key_is_heard_once_and_stops_a_play_that_allows_it(far: FarEnd) -> None:
    far.stream.play(1, (b"a" * FRAME * 500,), True)
    await far.packets(2)
    for number, end in enumerate((0, 0, 0x80, 0x80, 0x80)):
        event = bytes((5, end | 10, 0, 160 * (number % 2)))
        far.send(Packet(KEY_TYPE, number == 0, 10 + number, 4000, 9, event))

    assert (await far.until(PlayEnded))[0].completed is False
    assert [event for event in far.events if isinstance(event, KeyHeard)] == [KeyHeard("5")]


async def test_sends_keys_as_telephone_events_with_audio_between_them(far: FarEnd) -> None:
    far.stream.send_keys("1#")
    got: list[Packet] = []
    while sum(packet.payload_type == KEY_TYPE and packet.payload[1] & 0x80 != 0 for packet in got) < 6:
        got += await far.packets(1)
    keys = [packet for packet in got if packet.payload_type == KEY_TYPE]
    starts = [packet for packet in keys if packet.marker]

    assert [packet.payload[0] for packet in starts] == [1, 11]
    assert len({packet.timestamp for packet in keys}) == 2
    between = got[got.index(keys[len(keys) // 2 - 1]) + 1 : got.index(starts[1])]
    assert len(between) == 4
    assert {packet.payload_type for packet in between} == {0}
    assert [b.sequence - a.sequence for a, b in itertools.pairwise(got)].count(1) >= len(got) - 2


async def test_audio_is_given_while_listened_to_in_order_and_as_mu_law(far: FarEnd) -> None:
    far.speak(0, b"x" * FRAME)
    await far.packets(4)
    far.stream.listen(True)
    for number in (1, 3, 2):
        far.speak(number, bytes([number]) * FRAME)
    far.speak(4, b"\x2a" * FRAME, kind=8)
    heard = await far.until(AudioHeard, 4)
    far.stream.listen(False)
    far.speak(5, b"y" * FRAME)
    await far.packets(4)

    assert [event.audio[:1] for event in heard] == [b"\1", b"\2", b"\3", ALAW_TO_ULAW[0x2A:0x2B]]
    assert len([event for event in far.events if isinstance(event, AudioHeard)]) == 4


async def test_sends_where_the_far_end_really_is_and_believes_no_stranger(pump: MediaPump, far: FarEnd) -> None:
    real = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for sock in (real, stranger):
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
    far.stream.listen(True)
    far.send(Packet(0, True, 0, 0, 9, b"r" * FRAME), by=real)
    await far.until(AudioHeard)
    for number in range(1, 4):
        far.send(Packet(0, False, number, number * FRAME, 666, b"s" * FRAME), by=stranger)
    far.send(Packet(0, False, 1, FRAME, 9, b"r" * FRAME), by=real)
    heard = await far.until(AudioHeard, 2)

    assert decode(await asyncio.get_running_loop().sock_recv(real, 2048)).ssrc == 7
    assert {event.audio for event in heard} == {b"r" * FRAME}
    assert (far.stream.stats().received, far.stream.stats().lost) == (2, 0)
    for sock in (real, stranger):
        sock.close()


async def test_counts_loss_and_takes_no_garbage(far: FarEnd) -> None:
    far.stream.listen(True)
    for datagram in (b"", b"\x80", b"\0" * 200, b"\xbf" + b"\xff" * 40, b"\x80\x60" + b"\0" * 20):
        far.sock.sendto(datagram, far.near)
    for number in (0, 1, 5):
        far.speak(number, b"a" * FRAME)
    heard = await far.until(AudioHeard, 6)

    assert [event.audio[:1] for event in heard] == [b"a", b"a", b"\xff", b"\xff", b"\xff", b"a"]
    assert (far.stream.stats().received, far.stream.stats().lost) == (3, 3)


async def test_counts_what_it_sent_took_and_passed_over(pump: MediaPump, far: FarEnd) -> None:
    await far.packets(3)
    far.stream.listen(True)
    far.speak(0, b"a" * FRAME)
    far.sock.sendto(b"no RTP at all", far.near)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        far.send(Packet(0, False, 1, FRAME, 9, b"x" * FRAME), stranger)
    far.speak(1, b"b" * FRAME)
    await far.until(AudioHeard, 2)
    totals = pump.totals()
    assert totals.sent >= 3
    assert totals.late.total == totals.sent
    assert totals.late.seconds > 0
    assert (totals.received, totals.strange) == (2, 2)
    assert (totals.unsent, totals.unheard) == (0, 0)


@in_motion
async def test_time_that_was_given_up_is_told(pump: MediaPump) -> None:
    far, before = FarEnd(pump), pump.totals().given_up
    with closing(far.sock):
        await far.packets(1)
        if isinstance(pump, Pump):
            # The loop in Python shares the process's turns; the one in C runs on.
            held_up = asyncio.get_running_loop().time() + 0.5
            while asyncio.get_running_loop().time() < held_up:
                pass
        await far.packets(30)
    assert (pump.totals().given_up - before > 0.2) == isinstance(pump, Pump)
    assert far.stream.stats().sent >= 31


async def test_stays_quiet_while_held_and_keeps_the_clock(far: FarEnd) -> None:
    got = await far.packets(1)
    far.stream.sending = False
    await asyncio.sleep(0.1)
    before = [*got, *far.waiting()][-1]
    far.stream.sending = True
    (after,) = await far.packets(1)

    assert (after.sequence - before.sequence) % 65_536 == 1
    assert (after.timestamp - before.timestamp) % 2**32 >= 3 * FRAME


async def test_another_codec_cuts_the_play_and_goes_on_with_the_sequence(far: FarEnd) -> None:
    far.stream.play(1, (b"a" * FRAME * 500,), False)
    await far.packets(2)
    far.stream.change(MediaFormat(PayloadType.PCMA, None, 0), far.sock.getsockname()[:2])

    assert (await far.until(PlayEnded))[0].completed is False
    got = await far.packets(2)
    while got[-1].payload_type != 8:
        got += await far.packets(1)
    assert got[-1].payload == b"\xd5" * FRAME
    assert {b.sequence - a.sequence for a, b in itertools.pairwise(got)} == {1}


async def test_tells_loss_in_its_reports_and_takes_the_far_ends(far: FarEnd) -> None:
    far.stream.listen(True)
    for number in (0, 1, 2, 6):
        far.speak(number, b"a" * FRAME)
    await far.until(AudioHeard, 7)
    report = far.stream.report(1_700_000_000.0)
    again = far.stream.report(1_700_000_005.0)

    assert report[28:32] == (9).to_bytes(4)
    assert report[32] == (3 << 8) // 7
    assert int.from_bytes(report[33:36]) == 3
    assert again[32] == 0
    assert far.stream.goodbye()[1] == 201


async def test_the_port_is_free_after_the_call_and_late_events_reach_nobody(pump: MediaPump, far: FarEnd) -> None:
    far.stream.play(1, (b"a" * FRAME,), False)
    far.media.close()
    far.media.close()
    await asyncio.sleep(0.05)

    assert pump.streams == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(far.near)
    assert far.stream.stats().received == 0


async def test_many_streams_come_and_go(pump: MediaPump) -> None:
    for _ in range(3):
        calls = [FarEnd(pump) for _ in range(40)]
        for number, call in enumerate(calls):
            call.stream.play(number, (bytes([number]) * FRAME * 2,), False)
        for call in calls:
            await call.until(PlayEnded)
        for call in calls:
            call.media.close()
            call.sock.close()
    assert pump.streams == 0


@pytest.mark.parametrize("kind", [Pump, FastPump])
async def test_speaks_over_ipv6(kind: type[Pump] | type[FastPump]) -> None:
    made = kind("::1", PortAllocator(None))
    made.start(asyncio.get_running_loop())
    call = FarEnd(made, "::1")
    call.stream.listen(True)
    call.speak(0, b"a" * FRAME)

    assert (await call.packets(1))[0].ssrc == 7
    assert (await call.until(AudioHeard))[0].audio == b"a" * FRAME
    made.close()
    call.sock.close()


async def test_what_is_sent_is_told_of_while_tapped(far: FarEnd) -> None:
    far.stream.tap(True)
    far.stream.play(1, (b"a" * FRAME,), False)
    spoken = await far.until(AudioSpoken, 5)

    assert AudioSpoken(b"a" * FRAME) in spoken
    assert AudioSpoken(ULAW_QUIET) in spoken
