"""G.722 on the fast path: the codec to the bit, and calls whose far end speaks it."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from typing import Any

import pytest

from mediaserver.switch.fastpath.library import load
from mediaserver.switch.fastpath.pump import FastPump
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.pump import Pump
from mediaserver.switch.rtp.dtmf import KEYS
from mediaserver.switch.rtp.packet import FRAME, PayloadType
from mediaserver.switch.rtp.stream import AudioHeard, KeyHeard, MediaFormat, PlayEnded
from mediaserver.switch.rtp.transcode import ulaw_to_linear
from tests.support.echo_call import share_of, tone
from tests.support.key_sounds import pressed
from tests.support.rtp_far import FarEnd

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]


class Coder:
    """One direction at 16 kHz, by the fast path's own codec."""

    def __init__(self) -> None:
        library = load()
        self._ffi, self._lib = library.ffi, library.lib
        self._state: Any = self._ffi.gc(self._lib.clarion_g722(), self._lib.clarion_g722_free)

    def encode(self, samples: list[int]) -> bytes:
        out = self._ffi.new("uint8_t[]", len(samples) // 2)
        self._lib.clarion_g722_encode(self._state, samples, len(samples), out)
        return bytes(self._ffi.buffer(out))

    def decode(self, data: bytes) -> list[int]:
        out = self._ffi.new("int16_t[]", 2 * len(data))
        self._lib.clarion_g722_decode(self._state, data, len(data), out)
        return list(out)


def wide(ulaw: bytes) -> list[int]:
    """At 16 kHz, by the middle between two samples."""
    narrow = [ulaw_to_linear(byte) * 4 for byte in ulaw]
    return [value for one, two in zip(narrow, [*narrow[1:], 0], strict=True) for value in (one, (one + two) // 2)]


async def test_the_codec_is_to_the_bit_what_another_implementation_makes() -> None:
    # By libg722 1.2.8 (S. Underwood's): 100 ms of 700 and 5200 Hz, coded, and decoded again.
    samples = [
        int(6000 * math.sin(2 * math.pi * 700 * n / 16000) + 3000 * math.sin(2 * math.pi * 5200 * n / 16000))
        for n in range(1600)
    ]
    coded = Coder().encode(samples)
    decoded = b"".join(value.to_bytes(2, "little", signed=True) for value in Coder().decode(coded))

    assert hashlib.sha256(coded).hexdigest() == "7b5656c3bdc30cfbe6b8f6dfe29f984165ccf7c13aa47d78c14aae3abc5dd01f"
    assert hashlib.sha256(decoded).hexdigest() == "34d3f975abfadbe048e0489cc676881ebfa804245153783851bb2a8cbd06fb0e"


async def test_prompts_are_heard_by_a_far_end_that_decodes_both_bands(fast: FastPump) -> None:
    far = FarEnd(fast, codec=PayloadType.G722)
    far.stream.play(1, (tone(0.4),), False)
    await far.until(PlayEnded)
    got = far.waiting()
    ear = Coder()
    samples = [value for packet in got for value in ear.decode(packet.payload)]
    signs = [value > 0 for value in samples if abs(value) > 500]
    waves = sum(not one and two for one, two in itertools.pairwise(signs))

    assert {(packet.payload_type, len(packet.payload)) for packet in got} == {(9, FRAME)}
    # 1000 Hz for 0.4 s.
    assert 390 <= waves <= 410
    far.sock.close()


async def test_what_it_says_is_heard_as_mu_law_keys_in_the_audio_too(fast: FastPump) -> None:
    chance, mouth = random.Random(3), Coder()
    far = FarEnd(fast, codec=PayloadType.G722, key_type=None, hears_tones=True)
    far.stream.listen(True)
    audio = tone(0.2) + b"".join(pressed(key, chance) for key in KEYS) + b"\xff" * 800
    for number in range(len(audio) // FRAME):
        far.speak(number, mouth.encode(wide(audio[number * FRAME : (number + 1) * FRAME])), kind=9)
        if number % 40 == 39:
            await far.packets(1)
    keys = await far.until(KeyHeard, len(KEYS))
    heard = b"".join(event.audio for event in await far.until(AudioHeard, 10))

    assert "".join(event.key for event in keys) == KEYS
    assert share_of(heard[400:1500]) > 0.95
    far.sock.close()


async def test_it_talks_with_g711_in_a_room_and_may_change_to_it(fast: FastPump) -> None:
    one, two = FarEnd(fast, codec=PayloadType.G722), FarEnd(fast)
    room, mouth = fast.room(), Coder()
    for far in (one, two):
        room.join(far.stream)
    room.hear(two.stream, one.stream, True)
    audio, heard = tone(0.6), b""
    for number in range(30):
        one.speak(number, mouth.encode(wide(audio[number * FRAME : (number + 1) * FRAME])), kind=9)
        heard += (await two.packets(1))[0].payload
    one.stream.change(MediaFormat(PayloadType.PCMA, None, 0), one.sock.getsockname()[:2])
    one.waiting()

    assert max(share_of(heard[start : start + FRAME]) for start in range(0, len(heard), FRAME)) > 0.9
    assert (await one.packets(1))[0].payload_type == 8
    for far in (one, two):
        far.sock.close()


async def test_the_loop_in_python_says_that_it_has_no_g722(fast: FastPump) -> None:
    assert fast.has_g722
    assert not Pump("127.0.0.1", PortAllocator(None)).has_g722
