"""Short tones in mu-law, made without numpy: the zip tone and the consent beep."""

from __future__ import annotations

import math
from functools import cache

from mediaserver.switch.rtp.transcode import linear_to_ulaw

_RATE = 8000
#: Of 14-bit samples: some -15 dBm0, as tones beside speech should be.
_PEAK = 2000
#: Samples over which a tone swells and fades, so that it does not click.
_EDGE = 40


@cache
def zip_tone() -> bytes:
    """What an agent hears as a customer is put through: 480 Hz for a quarter of a second."""
    return _tone(480, 0.25)


@cache
def consent_beep() -> bytes:
    """What tells that the call is recorded: 1400 Hz for 200 ms (47 CFR 64.501 as it stood)."""
    return _tone(1400, 0.2)


def _tone(hertz: float, seconds: float) -> bytes:
    length = round(seconds * _RATE)
    return bytes(
        linear_to_ulaw(
            round(_PEAK * min(1.0, at / _EDGE, (length - at) / _EDGE) * math.sin(2 * math.pi * hertz * at / _RATE))
        )
        for at in range(length)
    )
