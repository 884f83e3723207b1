"""Whether a frame is a voice: loud enough over the noise of the line, and with the pitch of a throat."""

from __future__ import annotations

from collections import deque

from mediaserver.cpa.spectrum import Measure

#: Frames among which the softest is the line's noise (1.5 s): speech has gaps more often.
_NOISE_OF = 75
#: What is expected of a line before it was heard for long: people may speak at once.
_EXPECTED, _PRIOR = -58.0, 60
#: Likeness of the sound to itself one pitch period later that noise seldom reaches.
_PITCH = 0.5


class VoiceActivity:
    """`floor` and `over_noise` are decibels, as in `Profile`."""

    def __init__(self, floor: float, over_noise: float) -> None:
        self._floor = floor
        self._over = over_noise
        self._levels: deque[float] = deque([_EXPECTED] * _PRIOR, maxlen=_NOISE_OF)

    def voiced(self, measure: Measure) -> bool:
        self._levels.append(measure.level)
        return measure.pitch >= _PITCH and measure.level > max(self._floor, min(self._levels) + self._over)
