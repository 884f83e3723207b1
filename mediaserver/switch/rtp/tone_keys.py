"""Keys as pairs of tones in the audio (ITU-T Q.23): made, and heard as Q.24 asks. fastpath/tones.c is the same in C.

Blocks of 12.75 ms are judged one by one. A key is two alike in succession (25 ms; 40 ms are always enough), and is over
after two that are not, so neither a lost packet nor a word makes one key of two or two of one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from operator import mul

from mediaserver.switch.rtp.packet import CLOCK_RATE, SAMPLES_A_MS
from mediaserver.switch.rtp.transcode import ULAW_SILENCE, linear_to_ulaw, ulaw_to_linear

_ROWS = (697, 770, 852, 941)
_COLUMNS = (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")
_BLOCK = 102
#: A tone of -32 dBm0 in 16-bit samples of mu-law: half its amplitude times the block, squared.
_LEAST_POWER = 8.2e8
#: The row may be 9 dB above the column, the column 5 dB above the row.
_TWIST, _REVERSE_TWIST = 7.94, 3.16
#: Another tone of the same group is 8 dB weaker.
_PEAK = 6.3
#: Of all energy in the block, the two tones have this much: speech and music have more beside them.
_SHARE = 0.7
#: Each tone sent is of -8 dBm0, and the row 2 dB weaker (Q.23 leaves room for the line to weaken the higher one).
_COLUMN_AMPLITUDE, _ROW_AMPLITUDE = 2220.0, 1763.0

_SAMPLES = tuple(ulaw_to_linear(byte) * 4 for byte in range(256))


def _waves(frequencies: Sequence[int]) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    turns = [[2 * math.pi * frequency * n / CLOCK_RATE for n in range(_BLOCK)] for frequency in frequencies]
    return tuple((tuple(map(math.cos, turn)), tuple(map(math.sin, turn))) for turn in turns)


_ROW_WAVES, _COLUMN_WAVES = _waves(_ROWS), _waves(_COLUMNS)


class ToneKeys:
    """Takes the audio of one call as mu-law, in order."""

    def __init__(self) -> None:
        self._block: list[int] = []
        self._last = self._held = ""
        self._misses = 0

    def hear(self, audio: bytes) -> list[str]:
        """The keys that begin in it."""
        found = []
        self._block += [_SAMPLES[byte] for byte in audio]
        while len(self._block) >= _BLOCK:
            key = self._follow(_judge(self._block[:_BLOCK]))
            del self._block[:_BLOCK]
            if key:
                found.append(key)
        return found

    def _follow(self, key: str) -> str:
        again = key if key == self._last else ""
        self._last = key
        if key and key == self._held:
            self._misses = 0
            return ""
        if self._held:
            self._misses += 1
            if self._misses >= 2:
                self._held = ""
        if again:
            self._held, self._misses = again, 0
        return again


def _judge(block: list[int]) -> str:
    """The key of a block, "" for none."""
    energy = sum(map(mul, block, block))
    # Both tones at their least have this much; silence is done with here.
    if energy * _BLOCK / 4 < _LEAST_POWER:
        return ""
    low, row = _strongest(block, _ROW_WAVES)
    high, column = _strongest(block, _COLUMN_WAVES)
    if min(low, high) < _LEAST_POWER or low > high * _TWIST or high > low * _REVERSE_TWIST:
        return ""
    return _KEYS[row][column] if (low + high) * 2 / _BLOCK >= energy * _SHARE else ""


def _strongest(block: list[int], waves: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]) -> tuple[float, int]:
    """The power of the tone that stands out, 0 where none does, and which it is."""
    powers = [sum(map(mul, block, cosine)) ** 2 + sum(map(mul, block, sine)) ** 2 for cosine, sine in waves]
    best = max(range(4), key=powers.__getitem__)
    alone = all(power * _PEAK <= powers[best] for number, power in enumerate(powers) if number != best)
    return (powers[best], best) if alone else (0.0, best)


@functools.lru_cache(maxsize=64)
def key_tone(key: str, milliseconds: int = 100, gap: int = 80) -> bytes:
    """One key as mu-law, and the silence after it."""
    row = next(number for number, keys in enumerate(_KEYS) if key in keys)
    low, high = _ROWS[row], _COLUMNS[_KEYS[row].index(key)]
    step = 2 * math.pi / CLOCK_RATE
    samples = (
        _ROW_AMPLITUDE * math.sin(step * low * n) + _COLUMN_AMPLITUDE * math.sin(step * high * n)
        for n in range(milliseconds * SAMPLES_A_MS)
    )
    # linear_to_ulaw takes 14 bits.
    return bytes(linear_to_ulaw(round(sample)) for sample in samples) + bytes([ULAW_SILENCE]) * (gap * SAMPLES_A_MS)
