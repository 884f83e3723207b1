"""Keys as tones with what lines and telephones do to them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

from mediaserver.switch.rtp.transcode import linear_to_ulaw

_ROWS = (697, 770, 852, 941)
_COLUMNS = (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")
#: A sine of this amplitude is 0 dBm0 in 14-bit samples (G.711 5.1: full load is +3.17 dBm0).
_ZERO = 8159 / 10 ** (3.17 / 20)


def to_ulaw(samples: Iterable[float]) -> bytes:
    """From 14-bit samples."""
    return bytes(linear_to_ulaw(max(-8158, min(8158, round(sample)))) for sample in samples)


def pressed(
    key: str,
    chance: random.Random,
    *,
    ms: float = 60,
    gap: float = 60,
    offset: float = 0.0,
    row_db: float = -10.0,
    column_db: float = -10.0,
    snr: float | None = None,
) -> bytes:
    """One key in mu-law after a pause: levels in dBm0, `offset` of both frequencies, noise `snr` dB below."""
    row = next(number for number, keys in enumerate(_KEYS) if key in keys)
    low, high = _ROWS[row] * (1 + offset), _COLUMNS[_KEYS[row].index(key)] * (1 + offset)
    loud, louder = _ZERO * 10 ** (row_db / 20), _ZERO * 10 ** (column_db / 20)
    noise = 0.0 if snr is None else math.hypot(loud, louder) / math.sqrt(2) / 10 ** (snr / 20)
    pause, phase = int(gap * 8) + chance.randrange(102), chance.random() * 2 * math.pi
    tone = (
        loud * math.sin(2 * math.pi * low * n / 8000 + phase)
        + louder * math.sin(2 * math.pi * high * n / 8000)
        + (chance.gauss(0, noise) if noise else 0.0)
        for n in range(int(ms * 8))
    )
    return to_ulaw(chance.gauss(0, noise) if noise else 0.0 for _ in range(pause)) + to_ulaw(tone)
