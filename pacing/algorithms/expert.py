"""Predictive by the operator's own figures (expert call ratio).

Calls are placed for agents who are ready and for those who have done `start_ratio` of the usual work: so many for each
that one is answered at the hit rate, which is never taken to be under `minimum_hit_rate`. Over the abandonment limit
it dials as progressive does until the balance is restored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pacing.algorithms.base import Pacer
from pacing.algorithms.configuration import Configuration, Work
from pacing.algorithms.observation import Decision, Outcome, Resolved, Seen, TalkEnded, WrapupEnded

#: Calls and conversations that are remembered.
_MEMORY = 400.0


class _Mean:
    """A mean that forgets; to begin with it is `first`, worth ten of them."""

    def __init__(self, first: float) -> None:
        self.count, self.sum = 10.0, 10.0 * first

    def add(self, value: float) -> None:
        if self.count >= _MEMORY:
            self.sum -= self.sum / self.count
            self.count -= 1.0
        self.count += 1.0
        self.sum += value

    @property
    def value(self) -> float:
        return self.sum / self.count


class Expert(Pacer):
    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self._hits = _Mean(0.5)
        self._talk = _Mean(120.0)
        self._wrapup = _Mean(15.0)

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        self._learn(seen)
        if self.ledger.balance() < 0.0:
            return Decision(seen.ready - seen.in_the_air)
        agents = seen.ready + self._nearly_free(seen)
        hit_rate = max(self._hits.value, self.configuration.minimum_hit_rate)
        return Decision(int(agents / hit_rate) - seen.in_the_air)

    def _nearly_free(self, seen: Seen) -> int:
        ratio, wrapup = self.configuration.start_ratio, self._wrapup.value
        if self.configuration.work is Work.UPDATE:
            return int(np.count_nonzero(seen.wrapup >= ratio * wrapup))
        talk = self._talk.value
        due = ratio * (talk + wrapup)
        return int(np.count_nonzero(seen.talking >= due) + np.count_nonzero(seen.wrapup + talk >= due))

    def _learn(self, seen: Seen) -> None:
        for event in seen.events:
            if isinstance(event, Resolved) and event.outcome != Outcome.CANCELLED:
                self._hits.add(event.outcome == Outcome.HUMAN)
            elif isinstance(event, TalkEnded):
                self._talk.add(event.duration)
            elif isinstance(event, WrapupEnded):
                self._wrapup.add(event.duration)

    def _save(self) -> Any:
        return [[mean.count, mean.sum] for mean in (self._hits, self._talk, self._wrapup)]

    def _restore(self, learnt: Any, *, new_clock: bool) -> None:
        for mean, (count, total) in zip((self._hits, self._talk, self._wrapup), learnt, strict=True):
            mean.count, mean.sum = float(count), float(total)
