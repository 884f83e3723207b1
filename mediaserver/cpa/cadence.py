"""Ringback, busy, congestion: tones told by how long they are on and off."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from mediaserver.cpa.events import Heard, Sound
from mediaserver.cpa.networks import Network, NetworkTone
from mediaserver.cpa.spectrum import FRAME_SECONDS, Measure

#: The part of a frame's energy in the tone's frequencies that makes it the tone, and no voice; and that with which it
#: may be on, as soft as the line's noise: only what then keeps the cadence for whole cycles is believed.
_SHARE, _MAYBE = 0.72, 0.4
#: A tone is at least so loud (dBFS); exchanges send -10 to -30 dBm0.
_FAINTEST = -45.0
#: A span fits within this part of it, and so many milliseconds: frames are 20 ms.
_PART, _SLACK = 0.12, 34.0
#: Decibels between the loud and the soft half of an alternating tone.
_ALTERNATION = 6.0
_KEPT = 8
#: Frames after which a tone has begun or ended.
_CHANGE = 3


@dataclass(frozen=True, slots=True)
class _Span:
    milliseconds: float
    level: float


class CadenceDetector:
    """Of the tones of one network. `sets` are the frequencies to measure, in the order of `Measure.shares`."""

    def __init__(self, network: Network) -> None:
        self.sets: tuple[tuple[float, ...], ...] = tuple(dict.fromkeys(tone.hertz for tone in network.tones))
        self._tracks = tuple(
            _Track(tuple(tone for tone in network.tones if tone.hertz == hertz)) for hertz in self.sets
        )
        self._told: set[Sound] = set()

    def hear(self, measure: Measure, at: float) -> list[Heard]:
        """`at` is the end of the frame. Each sound is told once."""
        found: list[Heard] = []
        for track, share in zip(self._tracks, measure.shares, strict=False):
            sound = track.hear(share >= _MAYBE and measure.level > _FAINTEST, measure.level)
            if sound is not None and sound not in self._told:
                self._told.add(sound)
                found.append(Heard(sound, at))
        return found

    def is_tone(self, measure: Measure) -> bool:
        return any(share >= _SHARE for share in measure.shares[: len(self.sets)])


class _Track:
    """The ons and offs of one set of frequencies."""

    def __init__(self, tones: tuple[NetworkTone, ...]) -> None:
        self._tones = tones
        self._spans: list[_Span] = []
        self._on = False
        self._frames = 0
        self._other = 0
        self._level = _FAINTEST

    def hear(self, on: bool, level: float) -> Sound | None:
        if on is self._on:
            self._frames += 1 + self._other
            self._other = 0
            self._level = max(self._level, level)
            return None
        self._other += 1
        if self._other < _CHANGE:
            return None
        # A change is believed after some frames: where a packet was lost a tone goes on in another phase.
        self._spans = [*self._spans[-_KEPT:], _Span(self._frames * FRAME_SECONDS * 1000, self._level)]
        self._on, self._frames, self._other, self._level = on, self._other, 0, level
        # A cycle is whole once its last silence has ended.
        return next((tone.sound for tone in self._tones if on and self._fits(tone)), None)

    def _fits(self, tone: NetworkTone) -> bool:
        wanted = tone.cadence * tone.cycles
        latest = self._spans[-len(wanted) :]
        if len(latest) < len(wanted):
            return False
        return any(
            self._matches(latest, wanted[turn:] + wanted[:turn], tone.alternating)
            for turn in range(0, len(tone.cadence), 2)
        )

    def _matches(self, spans: list[_Span], wanted: tuple[int, ...], alternating: bool) -> bool:
        if any(abs(one.milliseconds - long) > _PART * long + _SLACK for one, long in zip(spans, wanted, strict=True)):
            return False
        levels = [span.level for span in spans[::2]]
        steps = [abs(one - other) for one, other in pairwise(levels)]
        if alternating:
            return all(step > _ALTERNATION for step in steps)
        return all(step <= _ALTERNATION for step in steps)
