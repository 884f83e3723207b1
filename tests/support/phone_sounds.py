"""Sounds of telephone lines as samples from -1 to 1 at 8 kHz: tones, cadences, noise, syllables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mediaserver.cpa.networks import NETWORKS, NetworkTone
from mediaserver.dialog import g711

RATE = 8000
Samples = NDArray[np.float64]

#: Telcordia's segments: hertz and milliseconds of the first and second; the third is 1776.7 Hz for 380 ms.
SPECIAL = {
    "sit_intercept": ((913.8, 274), (1370.6, 274)),
    "sit_vacant": ((985.2, 380), (1370.6, 274)),
    "sit_reorder": ((913.8, 274), (1428.5, 380)),
    "sit_no_circuit": ((985.2, 380), (1428.5, 380)),
    "sit_ineffective": ((913.8, 380), (1428.5, 274)),
    "sit": ((950.0, 330), (1400.0, 330)),
}


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE))


def tone(hertz: Sequence[float], seconds: float, level: float = -18.0) -> Samples:
    """`level` in dBFS of the whole."""
    at = np.arange(round(seconds * RATE)) / RATE
    waves = np.sum([np.sin(2 * np.pi * one * at) for one in hertz], axis=0)
    return np.asarray(waves * 10 ** (level / 20) * np.sqrt(2 / len(hertz)))


def network_tone(kind: NetworkTone, seconds: float, level: float = -18.0) -> Samples:
    """From the beginning of a cycle."""
    parts: list[Samples] = []
    while sum(map(len, parts)) < seconds * RATE:
        for number in range(0, len(kind.cadence), 2):
            softer = 10.0 if kind.alternating and len(parts) // 2 % 2 else 0.0
            parts.append(tone(kind.hertz, kind.cadence[number] / 1000, level - softer))
            parts.append(silence(kind.cadence[number + 1] / 1000))
    return np.concatenate(parts)[: round(seconds * RATE)]


def tone_of(country: str, sound: str) -> NetworkTone:
    return next(tone for tone in NETWORKS[country].tones if tone.sound == sound)


def special_tone(name: str, level: float = -18.0) -> Samples:
    (first, long), (second, wide) = SPECIAL[name]
    third, last = (1800.0, 330) if name == "sit" else (1776.7, 380)
    segments = ((first, long), (second, wide), (third, last))
    return np.concatenate([tone((hertz,), milliseconds / 1000, level) for hertz, milliseconds in segments])


def syllables(seconds: float, level: float = -18.0) -> Samples:
    """A buzz under two formants that swells four times a second, as a voice does."""
    at = np.arange(round(seconds * RATE)) / RATE
    pitch = 2 * np.pi * (130 * at + 2 * np.sin(2 * np.pi * 0.7 * at))
    weights = [
        np.exp(-(((n * 130 - 600) / 300) ** 2)) + 0.6 * np.exp(-(((n * 130 - 1500) / 400) ** 2)) for n in range(1, 25)
    ]
    buzz = np.sum([weight * np.sin(n * pitch) for n, weight in enumerate(weights, 1)], axis=0)
    swelling = np.clip(np.abs(np.sin(2 * np.pi * 2 * at)) * 1.4, 0.05, 1.0)
    return at_level(buzz * swelling, level)


def noise(seconds: float, level: float, seed: int = 1) -> Samples:
    return at_level(np.random.default_rng(seed).normal(0, 1, round(seconds * RATE)), level)


def at_level(samples: Samples, level: float) -> Samples:
    """With a root mean square of `level` dBFS."""
    power = float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
    return samples * (10 ** (level / 20) / max(power, 1e-9))


def mulaw(samples: Samples) -> bytes:
    linear = np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16)
    return g711.encode_ulaw(linear)
