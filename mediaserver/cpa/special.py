"""Special information tones: three segments that say why a call fails, before an announcement says it in words.

ITU-T E.180: 950, 1400 and 1800 Hz within 50 Hz, 330 ms within 70 ms each. Telcordia (SR-2275, GR-1162) fixes them so
that the first two tell the reason: 913.8 or 985.2 Hz, then 1370.6 or 1428.5 Hz, each 274 or 380 ms; the third is
1776.7 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.cpa.events import Heard, Sound
from mediaserver.cpa.spectrum import Measure

#: Hertz from and to of each segment.
_BANDS = ((890.0, 1010.0), (1340.0, 1460.0), (1735.0, 1860.0))
_PURITY = 0.6
_FAINTEST = -45.0
#: Frames (20 ms) that a segment may have, and those between two.
_SHORTEST, _LONGEST, _GAP = 10, 22, 3
#: Frames above which a segment is a long one (380 ms, not 274).
_LONG = 16.5
#: Hertz within which a frequency is the one of Telcordia's.
_NEAR = 14.0
_FIRST, _SECOND = (913.8, 985.2), (1370.6, 1428.5)

#: First and second segment: low or high, short or long (GR-1162).
_REASONS = {
    ("low", "short", "low", "short"): Sound.SIT_INTERCEPT,
    ("high", "long", "low", "short"): Sound.SIT_VACANT,
    ("low", "short", "high", "long"): Sound.SIT_REORDER,
    ("high", "short", "low", "long"): Sound.SIT_REORDER,
    ("high", "long", "high", "long"): Sound.SIT_NO_CIRCUIT,
    ("low", "long", "low", "long"): Sound.SIT_NO_CIRCUIT,
    ("low", "long", "high", "short"): Sound.SIT_INEFFECTIVE,
}


@dataclass(slots=True)
class _Segment:
    band: int
    frames: int = 0
    #: Sum of the frequencies of its purest frames.
    hertz: float = 0.0
    pure: int = 0

    @property
    def frequency(self) -> float:
        return self.hertz / self.pure if self.pure else 0.0


class SpecialToneDetector:
    def __init__(self) -> None:
        self._segments: list[_Segment] = []
        self._gap = 0

    def hear(self, measure: Measure, at: float) -> Heard | None:
        band = self._band(measure)
        if band is None:
            return self._pause(at)
        if not self._segments or self._segments[-1].band != band:
            if self._segments and self._segments[-1].band != band - 1:
                self._segments = []
            if not self._segments and band != 0:
                return None
            self._segments.append(_Segment(band))
        segment = self._segments[-1]
        segment.frames += 1 + self._gap
        self._gap = 0
        if measure.purity > 0.9:
            segment.hertz += measure.peak
            segment.pure += 1
        if band == 2 and segment.frames >= _SHORTEST:
            return self._conclude(at)
        return None

    def _pause(self, at: float) -> Heard | None:
        if self._segments:
            self._gap += 1
            if self._gap > _GAP:
                self._segments, self._gap = [], 0
        return None

    def _band(self, measure: Measure) -> int | None:
        if measure.purity < _PURITY or measure.level < _FAINTEST:
            return None
        return next((band for band, (low, high) in enumerate(_BANDS) if low <= measure.peak <= high), None)

    def _conclude(self, at: float) -> Heard | None:
        first, second, _ = self._segments
        self._segments, self._gap = [], 0
        if any(not _SHORTEST <= one.frames <= _LONGEST + _GAP for one in (first, second)):
            return None
        heights = _height(first.frequency, _FIRST), _height(second.frequency, _SECOND)
        lengths = ["long" if one.frames > _LONG else "short" for one in (first, second)]
        reason = _REASONS.get((heights[0], lengths[0], heights[1], lengths[1]), Sound.SIT)
        return Heard(reason, at)


def _height(hertz: float, low_and_high: tuple[float, float]) -> str:
    low, high = low_and_high
    if abs(hertz - low) <= _NEAR:
        return "low"
    return "high" if abs(hertz - high) <= _NEAR else ""
