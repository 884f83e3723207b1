"""Keys in the audio, both ways, over both pumps."""

from __future__ import annotations

import itertools
import random

import pytest

from mediaserver.switch.media import MediaPump
from mediaserver.switch.rtp.dtmf import KEYS, key_payloads
from mediaserver.switch.rtp.packet import FRAME, Packet, PayloadType
from mediaserver.switch.rtp.stream import KeyHeard, PlayEnded
from mediaserver.switch.rtp.tone_keys import ToneKeys
from mediaserver.switch.rtp.transcode import from_ulaw, to_ulaw
from tests.support.key_sounds import pressed
from tests.support.rtp_far import KEY_TYPE, FarEnd

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]


async def say(far: FarEnd, audio: bytes, codec: PayloadType, packet: int = FRAME, first: int = 0) -> int:
    """Send it a packet at a time, at the pump's own pace, so that no socket overflows; the next number."""
    for number in range(-(-len(audio) // packet)):
        piece = audio[number * packet : (number + 1) * packet]
        far.send(Packet(codec, False, first + number, number * packet, 9, from_ulaw(piece, codec)))
        if number % 40 == 39:
            await far.packets(1)
    return first - (-len(audio) // packet)


@pytest.mark.parametrize(
    ("codec", "packet"), [(PayloadType.PCMU, 160), (PayloadType.PCMA, 80), (PayloadType.PCMU, 480)]
)
async def test_keys_are_heard_in_the_audio_where_the_far_end_takes_no_events(
    pump: MediaPump, codec: PayloadType, packet: int
) -> None:
    chance = random.Random(2)
    far = FarEnd(pump, codec=codec, key_type=None, hears_tones=True)
    far.stream.play(1, (b"a" * FRAME * 500,), True)
    await say(far, b"".join(pressed(key, chance, snr=20) for key in KEYS) + b"\xff" * 800, codec, packet)

    assert "".join(event.key for event in await far.until(KeyHeard, len(KEYS))) == KEYS
    assert (await far.until(PlayEnded))[0].completed is False
    far.sock.close()


async def test_a_key_that_comes_as_event_and_in_the_audio_counts_once(pump: MediaPump) -> None:
    chance = random.Random(2)
    far = FarEnd(pump, hears_tones=True)
    number = await say(far, pressed("5", chance, ms=100), PayloadType.PCMU)
    for step, (marker, payload) in enumerate(key_payloads("5")):
        far.send(Packet(KEY_TYPE, marker, number + step, 9000, 9, payload))
    number = await say(far, pressed("5", chance, ms=100) + b"\xff" * 400, PayloadType.PCMU, first=number + 10)
    for step, (marker, payload) in enumerate(key_payloads("6")):
        far.send(Packet(KEY_TYPE, marker, number + step, 12_000, 9, payload))
    await far.until(KeyHeard, 2)

    assert [event.key for event in far.events if isinstance(event, KeyHeard)] == ["5", "6"]
    far.sock.close()


@pytest.mark.parametrize("codec", [PayloadType.PCMU, PayloadType.PCMA])
@pytest.mark.parametrize("ptime", [20, 30])
async def test_keys_leave_in_the_audio_and_what_plays_waits_for_them(
    pump: MediaPump, codec: PayloadType, ptime: int
) -> None:
    far = FarEnd(pump, codec=codec, key_type=None, ptime=ptime)
    far.stream.play(1, (from_ulaw(b"\x90" * 6400, codec),), False)
    far.stream.send_keys("19")
    far.stream.send_keys("#")
    await far.until(PlayEnded)
    got = [packet for packet in far.waiting() if packet.payload_type == codec]
    said = [to_ulaw(packet.payload, codec) for packet in got]

    assert "".join(ToneKeys().hear(b"".join(said))) == "19#"
    assert sum(payload.count(0x90) for payload in said if payload.startswith(b"\x90" * 8)) == 6400
    assert {after.sequence - before.sequence for before, after in itertools.pairwise(got)} <= {1, -65_535}
    far.sock.close()
