"""The classification process without its socket, and that the switch stays free of numpy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mediaserver import wire
from mediaserver.cpa.__main__ import Desk
from tests.support import phone_sounds as sounds


def told(frames: bytes) -> list[wire.Classified]:
    return [one for one in wire.Decoder().feed(frames) if isinstance(one, wire.Classified)]


def test_calls_are_classified_apart_by_their_numbers_network() -> None:
    desk, tone = Desk(), sounds.network_tone(sounds.tone_of("GB", "busy"), 2.5)
    for call, number in (("britain", "+442079460000"), ("germany", "+4930123456")):
        desk.receive(wire.Classify(call, number, "human-first", 20.0, silence_detection=False), 0.0)
    heard = [
        (one.call, one.event, one.sound)
        for call in ("britain", "germany")
        for one in told(desk.receive(wire.Audio(call, sounds.mulaw(tone)), 2.5))
    ]
    assert heard == [("britain", "Heard", "busy")]


def test_a_call_that_sends_nothing_is_decided_by_the_clock() -> None:
    desk = Desk()
    desk.receive(wire.Classify("a1", "+12125550100", "quick", 2.0, silence_detection=True), 10.0)
    desk.receive(wire.CallAnswered("a1"), 11.0)
    early, late = told(desk.tick(12.0)), told(desk.tick(13.5))
    assert [(one.event, one.verdict, round(one.at, 1)) for one in [*early, *late]] == [("Decided", "silence", 13.0)]


def test_a_call_has_figures_of_its_own() -> None:
    desk = Desk()
    desk.receive(wire.Classify("a1", "", "quick", 9.0, silence_detection=True, figures={"initial_silence": 1.0}), 10.0)
    desk.receive(wire.CallAnswered("a1"), 11.0)
    assert [(one.verdict, round(one.at, 1)) for one in told(desk.tick(12.2))] == [("silence", 12.0)]


def test_audio_that_waited_together_has_no_gaps() -> None:
    desk = Desk()
    speech = sounds.mulaw(np.concatenate((sounds.syllables(0.6), sounds.silence(0.5))))
    pieces: list[wire.Message | wire.Audio] = [
        wire.Classify("a1", "", "human-first", 20.0, silence_detection=False),
        wire.CallAnswered("a1"),
        *(wire.Audio("a1", speech[at : at + 480]) for at in range(0, len(speech), 480)),
    ]
    events = told(b"".join(desk.receive_all(pieces, 1.1)))
    assert [(one.event, round(one.at, 1)) for one in events if one.event != "Settled"] == [
        ("SpeechStarted", 0.0),
        ("GreetingEnded", 0.6),
        ("Decided", 0.8),
    ]


def test_a_call_that_is_over_is_forgotten() -> None:
    desk = Desk()
    desk.receive(wire.Classify("a1", "+12125550100", "human-first", 20.0, silence_detection=False), 0.0)
    desk.receive(wire.CallOver("a1"), 0.0)
    speech = np.concatenate((sounds.syllables(0.6), sounds.silence(1)))
    assert desk.receive(wire.Audio("a1", sounds.mulaw(speech)), 2.0) == b""


def test_the_switch_does_not_import_numpy() -> None:
    """Its import alone takes longer than the switch may ever stand still, and its threads have no business there."""
    code = "import sys, mediaserver.main; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_defect_met_by_one_call_ends_its_classification_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    desk = Desk()
    for call in ("a1", "b1", "c1"):
        desk.receive(wire.Classify(call, "", "quick", 2.0, silence_detection=True), 10.0)
        desk.receive(wire.CallAnswered(call), 11.0)
    monkeypatch.setattr(desk._calls["a1"], "receive", broken)
    monkeypatch.setattr(desk._calls["b1"], "handle_timer", broken)
    pieces: list[wire.Message | wire.Audio] = [wire.Audio(call, b"\xff" * 160) for call in ("a1", "c1")]
    heard = told(b"".join(desk.receive_all(pieces, 11.1)))
    timed = told(desk.tick(13.5))
    assert [(one.call, one.event) for one in (*heard, *timed)] == [("a1", "Lost"), ("b1", "Lost"), ("c1", "Decided")]
    assert desk.tick(30.0) == b""
