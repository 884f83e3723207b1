"""Rooms, in which calls hear each other: what both ends of each hear, by plain sockets."""

from __future__ import annotations

import itertools
import math

import pytest

from mediaserver.switch.fastpath.pump import FastPump
from mediaserver.switch.fastpath.room import NoRoom
from mediaserver.switch.media import RoomsUnsupported
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.pump import Pump
from mediaserver.switch.rtp.packet import FRAME, PayloadType
from mediaserver.switch.rtp.transcode import linear_to_ulaw, ulaw_to_linear
from tests.support.rtp_far import FarEnd

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]


def tone(hertz: int, number: int) -> bytes:
    """20 ms of a tone, frame by frame."""
    samples = (6000 * math.sin(2 * math.pi * hertz * n / 8000) for n in range(number * FRAME, (number + 1) * FRAME))
    return bytes(linear_to_ulaw(int(sample) >> 2) for sample in samples)


def loudness(payload: bytes, hertz: int) -> float:
    """Of one frequency in 20 ms of mu-law (Goertzel)."""
    wave = [ulaw_to_linear(byte) * 4 for byte in payload]
    parts = [sum(s * f(2 * math.pi * hertz * n / 8000) for n, s in enumerate(wave)) for f in (math.sin, math.cos)]
    return 2 * math.hypot(*parts) / len(wave)


async def talk(speakers: dict[FarEnd, int], listeners: list[FarEnd], frames: int = 25) -> list[dict[int, float]]:
    """Everybody says a tone of its own; how loud (of 6000, where no frame came late) each arrives at each listener."""
    for listener in listeners:
        # What came before would be taken for the time to speak.
        listener.waiting()
    got: dict[FarEnd, list[bytes]] = {listener: [] for listener in listeners}
    for number in range(frames):
        for speaker, hertz in speakers.items():
            speaker.speak(number, tone(hertz, number), ssrc=hertz)
        for listener in listeners:
            got[listener] += [packet.payload for packet in await listener.packets(1)]
    last = {listener: b"".join(payloads[-10:]) for listener, payloads in got.items()}
    return [{hertz: loudness(last[listener], hertz) for hertz in speakers.values()} for listener in listeners]


async def test_the_loop_in_python_has_no_rooms() -> None:
    with pytest.raises(RoomsUnsupported):
        Pump("127.0.0.1", PortAllocator(None)).room()


async def test_a_conference_carries_to_each_all_the_others_in_its_own_codec(fast: FastPump) -> None:
    one, two, three = FarEnd(fast), FarEnd(fast, codec=PayloadType.PCMA), FarEnd(fast)
    room = fast.room()
    for far in (one, two, three):
        room.join(far.stream)
    for listener, speaker in itertools.permutations((one, two, three), 2):
        room.hear(listener.stream, speaker.stream, True)
    heard = await talk({one: 500, three: 1500}, [one, three])

    assert heard[0][500] < 300 < 2000 < heard[0][1500]
    assert heard[1][1500] < 300 < 2000 < heard[1][500]
    assert {packet.payload_type for packet in await two.packets(3)} == {8}
    for far in (one, two, three):
        far.sock.close()


async def test_who_hears_whom_is_each_pair_s_own_affair(fast: FastPump) -> None:
    customer, agent, supervisor = (FarEnd(fast) for _ in range(3))
    room = fast.room()
    for far in (customer, agent, supervisor):
        room.join(far.stream)
    room.hear(agent.stream, customer.stream, True)
    room.hear(agent.stream, supervisor.stream, True)
    room.hear(supervisor.stream, customer.stream, True)
    heard = await talk({customer: 500, supervisor: 1500}, [customer, agent, supervisor])
    room.leave(customer.stream)
    after = await talk({customer: 500, supervisor: 1500}, [agent])

    assert max(heard[0].values()) < 300
    assert min(heard[1].values()) > 2000
    assert heard[2][1500] < 300 < 2000 < heard[2][500]
    assert after[0][500] < 300 < 2000 < after[0][1500]
    for far in (customer, agent, supervisor):
        far.sock.close()


async def test_a_play_is_heard_over_the_others(fast: FastPump) -> None:
    one, two = FarEnd(fast), FarEnd(fast)
    room = fast.room()
    for far in (one, two):
        room.join(far.stream)
    room.hear(two.stream, one.stream, True)
    two.stream.play(1, tuple(tone(1500, number) for number in range(100)), False)
    (heard,) = await talk({one: 500}, [two])

    assert heard[500] > 2000
    assert loudness(b"".join([packet.payload for packet in await two.packets(5)]), 1500) > 1500
    for far in (one, two):
        far.sock.close()


async def test_members_of_other_packet_lengths_hear_and_are_heard_in_packets_of_20_ms(fast: FastPump) -> None:
    one, two, three = FarEnd(fast, ptime=60), FarEnd(fast, ptime=30), FarEnd(fast)
    room = fast.room()
    for far in (one, two, three):
        room.join(far.stream)
    for listener, speaker in itertools.permutations((one, two, three), 2):
        room.hear(listener.stream, speaker.stream, True)
    heard = await talk({one: 500, two: 1500}, [one, two, three])
    room.leave(two.stream)
    after = [len(packet.payload) for packet in await two.packets(4)]

    assert heard[0][500] < 300 < 2000 < heard[0][1500]
    assert heard[1][1500] < 300 < 2000 < heard[1][500]
    assert min(heard[2].values()) > 2000
    assert after[-1] == 240
    for far in (one, two, three):
        far.sock.close()


async def test_a_closed_room_lets_everybody_go(fast: FastPump) -> None:
    one, two = FarEnd(fast), FarEnd(fast)
    room = fast.room()
    for far in (one, two):
        room.join(far.stream)
    room.hear(two.stream, one.stream, True)
    room.close()
    (heard,) = await talk({one: 500}, [two], frames=12)

    assert heard[500] < 300
    with pytest.raises(NoRoom):
        room.join(one.stream)
    for far in (one, two):
        far.sock.close()


async def test_a_ninth_member_is_told_that_the_room_is_full(fast: FastPump) -> None:
    calls = [FarEnd(fast) for _ in range(9)]
    room = fast.room()
    for far in calls[:8]:
        room.join(far.stream)
    with pytest.raises(NoRoom):
        room.join(calls[8].stream)
    for far in calls:
        far.sock.close()
