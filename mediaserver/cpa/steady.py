"""Single tones that last: fax machines, modems, and the beep after a greeting."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.cpa.events import Heard, Sound
from mediaserver.cpa.spectrum import FRAME_SECONDS, Measure

_FAINTEST = -45.0
#: A tone is pure over the noise of a line; voices and music seldom are for long.
_PURITY = 0.8
#: Hertz by which a tone may wander between two frames.
_DRIFT = 20.0
#: Hertz and seconds of a beep; machines differ widely.
_BEEP_LOW, _BEEP_HIGH, _BEEP_SHORTEST, _BEEP_LONGEST = 350.0, 2400.0, 0.12, 2.0
#: Decibels by which it is softer once a beep is over, within so many frames: a voice that sang goes on.
_DROP, _MISSES = 10.0, 3


@dataclass(frozen=True, slots=True)
class _Signal:
    """Hertz from and to, and the seconds after which it is believed."""

    sound: Sound
    low: float
    high: float
    seconds: float


#: ITU-T T.30 (CNG 1100 Hz within 38, 0.5 s; CED 2100 Hz within 15), V.25, and Bell 103's answer tone.
_SIGNALS = (
    _Signal(Sound.FAX_CALLING, 1060.0, 1140.0, 0.4),
    _Signal(Sound.FAX_ANSWER, 2080.0, 2120.0, 0.6),
    _Signal(Sound.MODEM, 2205.0, 2245.0, 0.6),
)


class SteadyToneDetector:
    def __init__(self) -> None:
        self._hertz = 0.0
        self._frames = 0
        self._level = 0.0
        self._missed = 0
        self._told = False
        #: Decibels of the tone that ended last.
        self.loudness = 0.0

    @property
    def sounding(self) -> bool:
        """A tone may be on; it is no voice."""
        return self._frames >= 3

    def hear(self, measure: Measure, at: float) -> Heard | None:
        if self._frames and self._goes_on(measure):
            self._frames += 1 + self._missed
            self._missed = 0
            self._hertz += (measure.peak - self._hertz) / self._frames
            self._level = max(self._level, measure.level)
            return self._signal(at)
        ended = self._end(measure, at)
        if not self._frames and self._tonal(measure):
            self._frames, self._hertz, self._level = 1, measure.peak, measure.level
        return ended

    def _tonal(self, measure: Measure) -> bool:
        return measure.purity >= _PURITY and measure.level > _FAINTEST

    def _goes_on(self, measure: Measure) -> bool:
        return (
            self._tonal(measure) and abs(measure.peak - self._hertz) <= _DRIFT and measure.level > self._level - _DROP
        )

    def _end(self, measure: Measure, at: float) -> Heard | None:
        """The beep that is over, if the tone was one: something soft follows, not the rest of a song."""
        if measure.level >= self._level - _DROP:
            # Where a packet was lost the tone goes on in another phase.
            self._missed += 1
            if self._missed > _MISSES or self._frames < 3:
                self._forget()
            return None
        seconds, self.loudness = self._frames * FRAME_SECONDS, self._level
        beeps = _BEEP_LOW <= self._hertz <= _BEEP_HIGH and _BEEP_SHORTEST <= seconds <= _BEEP_LONGEST
        found = Heard(Sound.BEEP, at - FRAME_SECONDS) if beeps and not self._told else None
        self._forget()
        return found

    def _forget(self) -> None:
        self._frames, self._missed, self._told, self._level = 0, 0, False, 0.0

    def _signal(self, at: float) -> Heard | None:
        seconds = self._frames * FRAME_SECONDS
        for signal in _SIGNALS:
            if not self._told and signal.low <= self._hertz <= signal.high and seconds >= signal.seconds:
                self._told = True
                return Heard(signal.sound, at)
        return None
