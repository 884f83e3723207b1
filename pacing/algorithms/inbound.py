"""Pacing by an inbound service level: notifications are sent as fast as the callers they cause can be answered.

Feed-forward: who was notified calls back with a chance and after a delay that are learnt from callers who are
recognised (`InboundArrived.after`); with the other callers that gives the arrivals of the next two hours. So many more
may be told as keep every minute of the forecast under what the agents can take. Slow feedback: the service level
measured lately moves what is taken to be possible. Brake: while callers already wait long nothing is sent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pacing.algorithms.base import Pacer
from pacing.algorithms.configuration import Configuration, ServiceLevel
from pacing.algorithms.observation import (
    Decision,
    Floats,
    InboundAnswered,
    InboundArrived,
    InboundLost,
    Seen,
    TalkEnded,
    WrapupEnded,
)
from pacing.algorithms.queueing import greatest_rate

_MINUTE = 60.0
#: Minutes after which a notification is taken to have no more effect.
_HORIZON = 120
#: Before anything was seen: so many notified, of whom a fifth call within half an hour or so.
_FIRST, _FIRST_SHARE, _FIRST_DELAY = 20.0, 0.2, 20.0
#: Notifications that the answer to them remembers; seconds that other arrivals and the service level do.
_MEMORY = 4_000.0
_BASE_MEMORY, _LEVEL_MEMORY = 900.0, 1_800.0
#: Aimed at above the promised share: half hours differ.
_MARGIN = 0.11
#: The bounds of what feedback makes of the possible rate, and seconds for which an error of one would move it by one.
_LEAST, _MOST, _SLOWLY = 0.6, 1.02, 1_800.0
#: No minute sends more than so many times what would be sent for ever.
_HASTE = 1.5


class InboundLevel(Pacer):
    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self._target = configuration.inbound_target or ServiceLevel()
        ages = np.arange(_HORIZON)
        shape = np.exp(-ages / _FIRST_DELAY)
        #: Notified so many minutes ago, who called then; to learn the answer to a notification.
        self._exposed = np.full(_HORIZON, _FIRST)
        self._called = _FIRST * _FIRST_SHARE * shape / shape.sum()
        #: Sent in the last minutes, the newest first.
        self._sent = np.zeros(_HORIZON)
        #: Others who arrived and seconds watched; seconds of work and conversations; answered in time and answered.
        self._base = np.zeros(2)
        self._work = np.array([10 * 180.0, 10.0])
        self._level = np.array([20.0 * self._target.share, 20.0])
        self._possible = 1.0
        self._minute = 0.0
        self._owed = 0.0

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        self._learn(seen, elapsed)
        self._feed_back(elapsed)
        minutes, self._minute = divmod(self._minute + elapsed, _MINUTE)
        # Beyond the horizon nothing is left to turn, however far a clock has leapt.
        for _ in range(int(min(minutes, _HORIZON))):
            self._turn_minute()
        rate = self._rate(seen) * self._brake(seen)
        # Never saved up beyond a second's worth and one: a pause is not made up for by a burst.
        step = min(elapsed, _MINUTE)
        self._owed = min(self._owed + rate * step, rate * max(1.0, step) + 1.0)
        place = min(int(self._owed), room)
        self._owed -= place
        self._sent[0] += place
        return Decision(place)

    def forecast(self) -> Floats:
        """Callers a second expected in each of the next minutes, if nobody is notified any more."""
        answer = self._answer()
        still = np.convolve(self._sent[::-1], answer)[_HORIZON - 1 :]
        return still[:_HORIZON] / _MINUTE + self._base_rate

    @property
    def _base_rate(self) -> float:
        """Other callers a second."""
        return float(self._base[0] / self._base[1]) if self._base[1] else 0.0

    def _rate(self, seen: Seen) -> float:
        """Notifications a second that keep every minute to come under what the agents can take."""
        agents = seen.ready + len(seen.inbound_talking) + len(seen.wrapup)
        share = min(0.99, self._target.share + _MARGIN)
        handling = round(float(self._work[0] / self._work[1]), 1)
        most = self._possible * greatest_rate(agents, share, self._target.seconds, handling)
        answer = self._answer()
        for_ever = (most - self._base_rate) / max(float(answer.sum()), 1e-3)
        if for_ever <= 0:
            return 0.0
        smooth = _five(answer)
        spare = most - _five(self.forecast())
        matters = smooth > 0.02 * smooth.max()
        now = float((spare[matters] / smooth[matters]).min())
        return max(0.0, min(now, _HASTE * for_ever))

    def _brake(self, seen: Seen) -> float:
        """1 while a new caller would be answered in time, down to 0 when the wait expected reaches the target."""
        agents = max(1, seen.ready + len(seen.inbound_talking) + len(seen.wrapup))
        ahead = len(seen.inbound_waiting) - seen.ready
        if ahead < 0:
            return 1.0
        wait = (ahead + 1) * float(self._work[0] / self._work[1]) / agents
        return min(1.0, max(0.0, 2.0 - 2.0 * wait / max(self._target.seconds, 1.0)))

    def _answer(self) -> Floats:
        """The share of the notified who call in each minute after."""
        answer: Floats = self._called / self._exposed
        return answer

    def _turn_minute(self) -> None:
        self._exposed += self._sent
        if self._exposed[0] > _MEMORY:
            kept = _MEMORY / self._exposed[0]
            self._exposed *= kept
            self._called *= kept
        self._sent = np.concatenate([[0.0], self._sent[:-1]])

    def _learn(self, seen: Seen, elapsed: float) -> None:
        self._base[1] += elapsed
        for event in seen.events:
            if isinstance(event, InboundArrived):
                if event.after is None:
                    self._base[0] += 1
                else:
                    self._called[min(int(event.after / _MINUTE), _HORIZON - 1)] += 1
            elif isinstance(event, InboundAnswered):
                self._level += (event.waited <= self._target.seconds, 1.0)
            elif isinstance(event, InboundLost):
                self._level += (0.0, event.waited > self._target.seconds)
            elif isinstance(event, TalkEnded) and event.inbound:
                self._work += (event.duration, 1.0)
            elif isinstance(event, WrapupEnded):
                self._work += (event.duration, 0.0)
        _forget(self._base, 1, _BASE_MEMORY)
        _forget(self._work, 1, 500.0)

    def _feed_back(self, elapsed: float) -> None:
        self._level *= max(0.0, 1.0 - elapsed / _LEVEL_MEMORY)
        if self._level[1] > 5.0:
            error = float(self._level[0] / self._level[1]) - (self._target.share + _MARGIN / 2)
            self._possible = min(_MOST, max(_LEAST, self._possible + error * elapsed / _SLOWLY))

    def _save(self) -> Any:
        arrays = [self._exposed, self._called, self._sent, self._base, self._work, self._level]
        return [[array.tolist() for array in arrays], self._possible, self._minute, self._owed]

    def _restore(self, learnt: Any, *, new_clock: bool) -> None:
        arrays, self._possible, self._minute, self._owed = learnt
        self._exposed, self._called, self._sent, self._base, self._work, self._level = map(np.array, arrays)
        if new_clock:
            # Whom the last shift notified has called by now, or will not.
            self._sent = np.zeros(_HORIZON)


def _forget(numbers: Floats, by: int, memory: float) -> None:
    if numbers[by] > memory:
        numbers *= memory / numbers[by]


def _five(numbers: Floats) -> Floats:
    """The mean over five minutes: a queue evens out what is shorter."""
    padded = np.concatenate([np.full(2, numbers[0]), numbers, np.full(2, numbers[-1])])
    return np.convolve(padded, np.full(5, 0.2), mode="valid")
