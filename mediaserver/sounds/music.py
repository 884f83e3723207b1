"""The hold music that is shipped: synthesised here, so that it is nobody's but ours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 8000
#: Seconds of a chord.
_BAR = 2.4
#: MIDI numbers: a slow turn through F, D minor, B flat and C, with a note of the scale over each chord's beats.
_CHORDS = ((53, 57, 60, 65), (50, 53, 57, 62), (46, 50, 53, 58), (48, 52, 55, 60))
_MELODY = ((72, 69, 72, 77), (74, 69, 65, 69), (70, 74, 77, 74), (76, 72, 67, 72))
_ROUNDS = 2


def hold_music() -> NDArray[np.float32]:
    """Mono samples between -1 and 1 at `RATE`; its end leads to its beginning."""
    length = round(_BAR * RATE * len(_CHORDS) * _ROUNDS)
    # A note that rings on over the end goes on at the beginning.
    music = np.zeros(length, np.float32)
    for bar in range(len(_CHORDS) * _ROUNDS):
        start = round(bar * _BAR * RATE)
        for number in _CHORDS[bar % len(_CHORDS)]:
            _add(music, start, _note(number, 2 * _BAR, 0.06))
        for beat, number in enumerate(_MELODY[bar % len(_MELODY)]):
            _add(music, start + round(beat * _BAR / 4 * RATE), _note(number, _BAR, 0.12))
    return music / np.float32(np.abs(music).max()) * np.float32(0.35)


def _add(music: NDArray[np.float32], start: int, note: NDArray[np.float32]) -> None:
    places = (start + np.arange(len(note))) % len(music)
    music[places] += note


def _note(number: int, seconds: float, level: float) -> NDArray[np.float32]:
    """A plucked string's first partials, inside the telephone's band."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 440.0 * 2 ** ((number - 69) / 12)
    sound = np.zeros_like(time)
    for partial, strength in enumerate((1.0, 0.45, 0.2, 0.1), start=1):
        if pitch * partial < 3400:
            sound += strength * np.sin(2 * np.pi * pitch * partial * time) * np.exp(-time * (0.9 + 0.8 * partial))
    fade = np.minimum(1.0, np.minimum(time / 0.008, (seconds - time) / 0.05))
    return np.asarray(level * sound * fade, dtype=np.float32)
