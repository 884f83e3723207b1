"""Sounds as 20 ms frames of mu-law or A-law at 8 kHz: silence, ringback, beep, DTMF tones and speech-like noise."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from simulators.carrier.sdp import PCMA, PCMU

FRAME = 160
SILENCE = {PCMU: b"\xff" * FRAME, PCMA: b"\xd5" * FRAME}
_DTMF_LOW = (697, 770, 852, 941)
_DTMF_HIGH = (1209, 1336, 1477, 1633)
_KEYPAD = ("123A", "456B", "789C", "*0#D")

Samples = NDArray[np.float64]


def encode_mulaw(samples: Samples) -> bytes:
    """Samples of -1 to 1 as G.711 mu-law."""
    linear = np.clip(np.rint(samples * 32767), -32635, 32635).astype(np.int32)
    sign = np.where(linear < 0, 0x80, 0)
    magnitude = np.abs(linear) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return bytes((~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8))


def encode_alaw(samples: Samples) -> bytes:
    """Samples of -1 to 1 as G.711 A-law."""
    linear = np.clip(np.rint(samples * 32767), -32767, 32767).astype(np.int32)
    sign = np.where(linear >= 0, 0x80, 0)
    magnitude = np.minimum(np.abs(linear) >> 3, 4095)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    mantissa = np.where(exponent > 0, magnitude >> np.maximum(exponent, 1), magnitude >> 1) & 0x0F
    return bytes(((sign | (exponent << 4) | mantissa) ^ 0x55).astype(np.uint8))


def frames(samples: Samples, codec: int = PCMU) -> tuple[bytes, ...]:
    encoded = encode_alaw(samples) if codec == PCMA else encode_mulaw(samples)
    encoded += SILENCE[codec][: -len(encoded) % FRAME]
    return tuple(encoded[at : at + FRAME] for at in range(0, len(encoded), FRAME))


def tone(frequencies: Sequence[float], seconds: float, level: float = 0.25) -> Samples:
    at = np.arange(int(seconds * 8000)) / 8000
    total: Samples = np.sum([level * np.sin(2 * np.pi * hertz * at) for hertz in frequencies], axis=0)
    return total


@lru_cache(maxsize=64)
def key_tone(key: str, codec: int, seconds: float = 0.1) -> tuple[bytes, ...]:
    """The in-band tone pair of a key, for callers that do not offer telephone-event."""
    row = next(index for index, keys in enumerate(_KEYPAD) if key in keys)
    pair = (_DTMF_LOW[row], _DTMF_HIGH[_KEYPAD[row].index(key)])
    return frames(tone(pair, seconds), codec)


@lru_cache(maxsize=8)
def beep(codec: int) -> tuple[bytes, ...]:
    return frames(tone((1000,), 0.4, 0.4), codec)


#: Hertz together and seconds, one after the other: what the network plays before an answer. Busy and reorder are as
#: ITU-T E.180 recommends, `sit-vacant` as Telcordia's segments say "vacant code".
_EARLY: dict[str, tuple[tuple[tuple[int | float, ...], float], ...]] = {
    "ringback": (((440, 480), 2.0),),
    "busy": (((425,), 0.5), ((), 0.5)) * 6,
    "reorder": (((425,), 0.25), ((), 0.25)) * 12,
    "sit-vacant": (((), 0.5), ((985.2,), 0.38), ((1370.6,), 0.274), ((1776.7,), 0.38), ((), 2.0)),
}


@lru_cache(maxsize=8)
def early(name: str, codec: int) -> tuple[bytes, ...]:
    """ConfigError for a name that is none."""
    if name not in _EARLY:
        raise ConfigError(f"carrier: early media {name!r}; there are {', '.join(_EARLY)}")
    parts = [tone(hertz, seconds, 0.2) if hertz else np.zeros(int(seconds * 8000)) for hertz, seconds in _EARLY[name]]
    return frames(np.concatenate(parts), codec)


@lru_cache(maxsize=32)
def speech(seconds: float, codec: int) -> tuple[bytes, ...]:
    """A voice-like sound: a buzz of 130 Hz under two formants, four syllables a second, always the same."""
    count = int(seconds * 8000)
    at = np.arange(count) / 8000
    pitch = 2 * np.pi * (130 * at + 2 * np.sin(2 * np.pi * 0.7 * at))
    buzz = np.sum([np.sin(order * pitch) * _formant(order * 130) for order in range(1, 25)], axis=0)
    syllables = np.clip(np.abs(np.sin(2 * np.pi * 2 * at)) * 1.6, 0.05, 1.0)
    hiss = np.random.default_rng(7).normal(0, 0.01, count)
    return frames(0.35 * buzz / max(np.max(np.abs(buzz)), 1e-9) * syllables + hiss, codec)


@lru_cache(maxsize=256)
def spoken(words: str, voice: str, codec: int) -> tuple[bytes, ...]:
    """Real words by espeak-ng, in the band of a telephone; ConfigError where it cannot be run."""
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", "150", words]
    try:
        wav = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(f"customer script: espeak-ng cannot speak in {voice!r}: {error}") from error
    # espeak-ng writes 16-bit mono with a plain header of 44 bytes.
    rate = int.from_bytes(wav[24:28], "little")
    samples = np.frombuffer(wav[44 : 44 + len(wav[44:]) // 2 * 2], "<i2").astype(np.float64)
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    count = len(samples) * 8000 // rate
    narrow = np.fft.irfft(spectrum[: count // 2 + 1], count)
    return frames(0.5 * narrow / max(float(np.max(np.abs(narrow))), 1e-9), codec)


def _formant(hertz: float) -> float:
    return float(np.exp(-(((hertz - 600) / 300) ** 2)) + 0.6 * np.exp(-(((hertz - 1500) / 400) ** 2)) + 0.05)


def _magnitudes(mask: int) -> bytes:
    return bytes((value ^ mask) & 0x7F for value in range(256))


#: Per codec, translate a byte to its magnitude code (0 to 127, logarithmic).
_MAGNITUDE = {PCMU: _magnitudes(0xFF), PCMA: _magnitudes(0x55)}
#: Peaks of about -30 dBFS: above line noise, below any speech.
_LOUD = 0x30


def is_loud(frame: bytes, codec: int) -> bool:
    """Whether a frame holds talk or tones; looks at every third sample."""
    return max(frame[::3].translate(_MAGNITUDE[codec]), default=0) >= _LOUD
