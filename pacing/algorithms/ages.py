"""How long those in one state have been in it, where the observer can only count them.

Who gives plain numbers, or clocks that stand still at zero, reports events all the same: they tell when each began, and
how long what ended had lasted. That is nearly as good as being told.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pacing.algorithms.observation import (
    Connected,
    Floats,
    InboundAnswered,
    Placed,
    Resolved,
    Seen,
    TalkEnded,
    WrapupEnded,
)


@dataclass(frozen=True, slots=True)
class _Events:
    """Of one state: when some began it, and when those who are gone once began it."""

    began: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)


class Began:
    """When those in one state began, the earliest first."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def follow(self, count: int, began: Sequence[float], ended: Sequence[float], now: float) -> Floats:
        """Seconds in the state, of `count`. `began`: when new ones did; `ended`: when those who are gone once began."""
        times = sorted([*self.times, *began])
        for start in ended:
            if times:
                at = bisect_left(times, start)
                before = at == len(times) or (at > 0 and start - times[at - 1] < times[at] - start)
                del times[at - before]
        missing = count - len(times)
        # Of whom no event tells: they began just now; or the oldest is gone.
        self.times = times + [now] * missing if missing >= 0 else times[-missing:]
        seconds: Floats = np.maximum(now - np.array(self.times, dtype=np.float64), 0.0)
        return seconds

    def told(self, given: Floats, events: _Events, now: float) -> Floats:
        """What is given, if it tells anything; else what the events tell."""
        seconds = self.follow(len(given), events.began, events.ended, now)
        if not given.any():
            return seconds
        self.times = []
        return given


class Ages:
    def __init__(self) -> None:
        self._talking, self._inbound, self._wrapup, self._ringing = Began(), Began(), Began(), Began()

    def complete(self, seen: Seen) -> Seen:
        """The same with the seconds that the observer did not give."""
        given = (seen.talking, seen.inbound_talking, seen.wrapup, seen.ringing)
        followed = any(state.times for state in self._states)
        if not followed and not any(len(seconds) and not seconds.any() for seconds in given):
            return seen
        talks, inbound, wrapups, calls = _Events(), _Events(), _Events(), _Events()
        for event in seen.events:
            at = seen.now if event.at is None else min(event.at, seen.now)
            if isinstance(event, Connected):
                talks.began.append(at)
            elif isinstance(event, InboundAnswered):
                inbound.began.append(at)
            elif isinstance(event, TalkEnded):
                (inbound if event.inbound else talks).ended.append(at - event.duration)
                wrapups.began.append(at)
            elif isinstance(event, WrapupEnded):
                wrapups.ended.append(at - event.duration)
            elif isinstance(event, Placed):
                calls.began.append(at)
            elif isinstance(event, Resolved):
                calls.ended.append(at - event.age)
        return replace(
            seen,
            talking=self._talking.told(seen.talking, talks, seen.now),
            inbound_talking=self._inbound.told(seen.inbound_talking, inbound, seen.now),
            wrapup=self._wrapup.told(seen.wrapup, wrapups, seen.now),
            ringing=seen.ringing if seen.ringing_ids else self._ringing.told(seen.ringing, calls, seen.now),
        )

    def save(self) -> Any:
        return [state.times for state in self._states]

    def restore(self, learnt: Any) -> None:
        for state, times in zip(self._states, learnt, strict=True):
            state.times = [float(time) for time in times]

    @property
    def _states(self) -> tuple[Began, ...]:
        return (self._talking, self._inbound, self._wrapup, self._ringing)
