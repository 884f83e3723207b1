"""Finding utterances in a caller's audio."""

from __future__ import annotations

import numpy as np
import pytest

from mediaserver.dialog import g711
from mediaserver.recognition.endpoint import FRAME, Endpointer, Phase

RATE = 8000


def buzz(seconds: float, level: float = 8000.0) -> bytes:
    """A voice-like sound: 120 Hz and its harmonics under two formants."""
    at = np.arange(int(seconds * RATE)) / RATE
    weights = [np.exp(-(((order * 120 - 600) / 300) ** 2)) + 0.05 for order in range(1, 25)]
    wave = sum(weight * np.sin(2 * np.pi * 120 * order * at) for order, weight in enumerate(weights, 1))
    return g711.encode_ulaw((level * wave / np.max(np.abs(wave))).astype(np.int16))


def hiss(seconds: float, level: float) -> bytes:
    return g711.encode_ulaw(np.random.default_rng(3).normal(0, level, int(seconds * RATE)).astype(np.int16))


def phases(audio: bytes, ear: Endpointer | None = None) -> list[Phase]:
    """Each phase once, in the order they came."""
    ear = ear or Endpointer()
    seen: list[Phase] = []
    for start in range(0, len(audio) - FRAME + 1, FRAME):
        phase = ear.hear(audio[start : start + FRAME])
        if not seen or seen[-1] is not phase:
            seen.append(phase)
    return seen


def test_an_utterance_begins_and_pauses() -> None:
    ear = Endpointer()
    assert phases(hiss(1, 10) + buzz(0.6) + hiss(0.5, 10), ear) == [Phase.QUIET, Phase.SPEAKING, Phase.PAUSED]
    # With 0.3 s from before the voice was sure.
    assert 1100 <= ear.duration_ms <= 1320
    assert 300 <= ear.silent_ms <= 520


def test_a_short_gap_within_a_word_is_no_pause_and_a_long_one_may_go_on() -> None:
    assert phases(buzz(0.4) + hiss(0.12, 5) + buzz(0.4)) == [Phase.QUIET, Phase.SPEAKING]
    assert phases(buzz(0.4) + hiss(0.4, 5) + buzz(0.4))[-3:] == [Phase.SPEAKING, Phase.PAUSED, Phase.SPEAKING]


@pytest.mark.parametrize("noise", [hiss(3, 60), buzz(0.06) + hiss(1, 5), b"\xff" * RATE])
def test_noise_clicks_and_digital_silence_are_nobody(noise: bytes) -> None:
    assert phases(noise) == [Phase.QUIET]


def test_sensitivity_decides_on_faint_voices() -> None:
    faint = hiss(0.5, 5) + buzz(1, 550)
    assert Phase.SPEAKING in phases(faint, Endpointer(0.9))
    assert phases(faint, Endpointer(0.0)) == [Phase.QUIET]


def test_a_new_utterance_starts_from_nothing() -> None:
    ear = Endpointer()
    phases(buzz(0.5) + hiss(0.3, 5), ear)
    ear.restart()
    assert (ear.phase, ear.audio(), ear.silent_ms) == (Phase.QUIET, b"", 0)
