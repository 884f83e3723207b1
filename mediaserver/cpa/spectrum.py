"""Figures of one frame of 20 ms, from which all detectors work.

Tones of known frequencies are measured as Goertzel's algorithm does: by the sum over the block at exactly those
frequencies, here as one projection onto the space that they span, so that two close together (440 and 480 Hz) are told
apart from one between them. A beep's frequency is not known: for it the largest peak of the spectrum is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 8000
#: Samples of a frame; figures are of the last two frames.
FRAME = 160
FRAME_SECONDS = FRAME / RATE
_BLOCK = 2 * FRAME
_FFT = 512
_BIN = RATE / _FFT
#: Bins either side of a peak that a pure tone fills with this window.
_SPREAD = 3
_SILENT = 1e-10
#: Hertz below which hum and rumble lie, and the periods in samples that are tried: a high voice repeats in two.
_HUM, _PERIODS = 200.0, slice(32, 130)

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    #: Decibels under full scale of the newest 20 ms.
    level: float
    #: The largest peak in hertz, and the part of the block's energy that lies in it.
    peak: float
    purity: float
    #: How like the block is to itself a few milliseconds later: near 1 for voices and tones, low for noise.
    pitch: float
    #: Per set of frequencies asked for, the part of the energy that it explains.
    shares: tuple[float, ...]


class Spectrum:
    """`sets` are the frequencies of tones, in hertz."""

    def __init__(self, sets: tuple[tuple[float, ...], ...]) -> None:
        self._bases = tuple(_basis(hertz) for hertz in sets)
        self._window = np.hanning(_BLOCK)
        self._block = np.zeros(_BLOCK)
        # Of a longer shift less of the block overlaps.
        self._overlap = 1 - np.arange(_BLOCK) / _BLOCK

    def measure(self, frame: Samples) -> Measure:
        """Of 160 samples from -1 to 1."""
        self._block = np.concatenate((self._block[FRAME:], frame))
        block = self._block
        energy = float(block @ block)
        power = float(frame @ frame) / FRAME
        level = 10 * float(np.log10(power + _SILENT))
        if energy < _BLOCK * _SILENT:
            return Measure(level, 0.0, 0.0, 0.0, (0.0,) * len(self._bases))
        shares = tuple(float(np.sum((basis @ block) ** 2)) / energy for basis in self._bases)
        peak, purity = self._peak(block)
        return Measure(level, peak, purity, self._pitch(block), shares)

    def _peak(self, block: Samples) -> tuple[float, float]:
        spectrum = np.abs(np.fft.rfft(block * self._window, _FFT)) ** 2
        spectrum[:3] = 0
        top = int(spectrum.argmax())
        first = max(0, top - _SPREAD)
        near = spectrum[first : top + _SPREAD + 1]
        power = float(near.sum())
        if power <= 0:
            return 0.0, 0.0
        return float(near @ np.arange(first, first + len(near))) / power * _BIN, power / float(spectrum.sum())

    def _pitch(self, block: Samples) -> float:
        spectrum = np.abs(np.fft.rfft(block, 2 * _FFT)) ** 2
        spectrum[: int(_HUM / RATE * 2 * _FFT)] = 0
        likeness = np.fft.irfft(spectrum)[:_BLOCK]
        if likeness[0] <= 0:
            return 0.0
        return float(np.max(likeness[_PERIODS] / self._overlap[_PERIODS]) / likeness[0])


def _basis(hertz: tuple[float, ...]) -> Samples:
    """An orthonormal base of what sines of these frequencies, in any phase, make of a block."""
    at = np.arange(_BLOCK) / RATE
    waves = [wave(2 * np.pi * one * at) for one in hertz for wave in (np.sin, np.cos)]
    base, _ = np.linalg.qr(np.array(waves).T)
    return np.asarray(base.T)
