from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
import pytest

from simulators.carrier import audio, sdp
from simulators.carrier.behaviour import parse_script
from simulators.carrier.customer import Customer
from simulators.carrier.rtp import TICK, Ear, Mouth

TALK = audio.frames(audio.tone((400,), 0.02, 0.3))[0]


def packet(sequence: int, frame: bytes = TALK, kind: int = 0) -> bytes:
    return struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, 1) + frame


def listen(ear: Ear, sequences: Iterable[int], start: float = 0.0) -> None:
    for sequence in sequences:
        ear.receive(packet(sequence), start + sequence * TICK, start + sequence * TICK)


def test_a_key_is_sent_as_rfc_4733_events_with_three_ends() -> None:
    mouth = Mouth(0, 101)
    mouth.press("5")
    packets = [item for _ in range(9) for item in mouth.tick()]
    events = [item for item in packets if item[1] & 0x7F == 101]
    assert [item[12] for item in events] == [5] * 7
    assert [struct.unpack("!H", item[14:16])[0] for item in events] == [160, 320, 480, 640, 800, 800, 800]
    assert [bool(item[13] & 0x80) for item in events] == [False] * 4 + [True] * 3
    assert len({item[4:8] for item in events}) == 1
    assert events[0][1] & 0x80
    sequences = [struct.unpack("!H", item[2:4])[0] for item in packets]
    assert sequences == [(sequences[0] + step) & 0xFFFF for step in range(len(packets))]
    assert not mouth.busy


def test_keys_are_sounded_where_events_are_not_offered() -> None:
    mouth = Mouth(sdp.PCMU, None)
    mouth.press("5")
    sounds = [mouth.tick()[0][12:] for _ in range(9)]
    assert [audio.is_loud(sound, sdp.PCMU) for sound in sounds] == [True] * 5 + [False] * 4


def test_the_ear_counts_loss_across_the_wrap_of_the_sequence() -> None:
    ear = Ear(0, 101)
    listen(ear, [65534, 65535, 65536, 65539, 65538])
    assert (ear.received, ear.lost) == (5, 1)
    assert ear.jitter < 0.03


def test_the_ear_measures_late_packets_only_inside_a_stream() -> None:
    ear = Ear(0, 101)
    ear.receive(packet(1), 0.00, 0)
    ear.receive(packet(2), 0.05, 0)
    ear.receive(packet(100), 3.0, 0)
    assert ear.late == 1
    assert ear.longest_gap == pytest.approx(0.05)


def test_the_ear_hears_keys_once() -> None:
    ear = Ear(0, 101)
    for _ in range(3):
        ear.receive(packet(4, b"\x05\x8a\x03\x20", kind=101), 0, 0)
    assert ear.keys == "5"


def test_the_ear_reports_what_it_heard() -> None:
    ear = Ear(0, 101)
    assert ear.receiver_report(9) == b""
    listen(ear, [1, 2, 4])
    report = ear.receiver_report(9)
    assert struct.unpack_from("!BBHI", report) == (0x81, 201, 7, 9)
    source, lost, highest = struct.unpack_from("!III", report, 8)
    assert (source, lost & 0xFFFFFF, lost >> 24, highest) == (1, 1, 64, 4)
    assert struct.unpack_from("!BBHI", report, 32) == (0x81, 202, 4, 9)
    assert len(report) == 32 + 4 * 5


def test_rubbish_is_no_rtp() -> None:
    ear = Ear(0, 101)
    for data in (b"", b"x", b"\x00" * 12):
        ear.receive(data, 0, 0)
    assert ear.received == 0


@pytest.mark.parametrize("codec", [sdp.PCMU, sdp.PCMA])
def test_talk_is_told_from_silence(codec: int) -> None:
    assert not audio.is_loud(audio.SILENCE[codec], codec)
    assert all(audio.is_loud(frame, codec) for frame in audio.beep(codec))
    assert not audio.is_loud(audio.frames(np.full(160, 0.003), codec)[0], codec)
    assert sum(audio.is_loud(frame, codec) for frame in audio.speech(1.0, codec)) > 20


class Scene:
    """A customer, and a caller whose talking is switched on and off, in virtual time."""

    def __init__(self, script: str, patience: float = 60.0) -> None:
        self.now = 100.0
        self.ear = Ear(0, 101)
        self.mouth = Mouth(0, 101)
        self.customer = Customer(parse_script(script), patience, self.now)
        self.hung_up = False
        self._heard = 0

    def _hear(self, *, loud: bool) -> None:
        self._heard += 1
        frame = audio.tone((400,), TICK, 0.3) if loud else np.zeros(160)
        packet = struct.pack("!BBHII", 0x80, 0, self._heard, self._heard * 160, 7) + audio.frames(frame)[0]
        self.ear.receive(packet, self.now, self.now)

    def stand_still(self, seconds: float) -> None:
        """Neither side sends or looks meanwhile."""
        self.now += seconds
        self.hung_up |= self.customer.tick(self.now, self.ear, self.mouth)

    def pass_time(self, seconds: float, *, talking: bool = False) -> None:
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            self._hear(loud=talking)
            self.mouth.tick()
            self.hung_up |= self.customer.tick(self.now, self.ear, self.mouth)


def test_keys_follow_the_end_of_a_prompt() -> None:
    scene = Scene("prompt keys:1 prompt keys:22")
    scene.pass_time(5, talking=True)
    assert scene.customer.pressed == []
    scene.pass_time(1.5)
    assert scene.customer.pressed == ["1"]
    scene.pass_time(3)
    assert scene.customer.pressed == ["1"]
    scene.pass_time(2, talking=True)
    scene.pass_time(1.2)
    assert scene.customer.pressed == ["1", "22"]


def test_a_caller_who_stands_still_in_the_middle_of_a_prompt_has_not_ended_it() -> None:
    scene = Scene("prompt keys:1")
    scene.pass_time(2, talking=True)
    scene.stand_still(3)
    scene.pass_time(0.5, talking=True)
    scene.pass_time(0.9)
    assert scene.customer.pressed == []
    scene.pass_time(0.2)
    assert scene.customer.pressed == ["1"]


def test_who_sends_no_silence_has_ended_the_prompt_in_the_end() -> None:
    scene = Scene("prompt keys:1")
    scene.pass_time(2, talking=True)
    scene.stand_still(11)
    assert scene.customer.pressed == []
    scene.stand_still(1)
    scene.stand_still(TICK)
    assert scene.customer.pressed == ["1"]


def test_keys_are_pressed_at_last_when_no_prompt_comes() -> None:
    scene = Scene("prompt keys:1")
    scene.pass_time(11)
    assert scene.customer.pressed == []
    scene.pass_time(2)
    assert scene.customer.pressed == ["1"]


def test_a_customer_can_hang_up_in_the_middle_of_a_prompt() -> None:
    scene = Scene("talk wait:2 hangup")
    scene.pass_time(2.2, talking=True)
    assert not scene.hung_up
    scene.pass_time(0.4, talking=True)
    assert scene.hung_up


def test_a_customer_loses_patience() -> None:
    scene = Scene("", patience=3)
    scene.pass_time(2.9)
    assert not scene.hung_up
    scene.pass_time(0.2)
    assert scene.hung_up


def test_a_machine_talks_and_beeps() -> None:
    scene = Scene("say:1 beep", patience=5)
    scene.pass_time(1.5)
    assert not scene.mouth.busy
    assert not scene.hung_up
    scene.pass_time(5.1)
    assert scene.hung_up
