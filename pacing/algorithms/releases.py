"""When agents come free: P(done within t | seconds already in the state), learnt from what ended and what still runs.

Durations fall into bins that widen with age. Each bin learns its hazard: what ended in it by the agent-seconds spent in
it, by those that ended and by those under way, so that a long conversation counts before its end. Only the durations
of what ended are kept: coarse clocks, late looks and lost events do not add up. Bins with little data lean on a
lognormal of the durations seen so far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pacing.algorithms.observation import Floats

_LAST = 7_200
_EDGES = np.unique(np.concatenate([np.arange(0, 12, 2), np.round(np.geomspace(12, _LAST, 44))]).astype(np.int64))
BINS = len(_EDGES)
_MIDDLES = (_EDGES + np.append(_EDGES[1:], _LAST * 1.2)) / 2.0
_WIDTHS = np.append(np.diff(_EDGES), 10 * _LAST)
#: Bin of each whole second.
_BIN_OF = np.searchsorted(_EDGES, np.arange(_LAST + 1), side="right") - 1
#: Older events are forgotten so that about so many count.
_MEMORY = 4_000.0
_NONE: Floats = np.empty(0)
#: The lognormal weighs as much as so many events in each bin.
_PRIOR = 2.0


def bins_of(elapsed: Floats) -> Floats:
    """How many fall into each bin."""
    if not len(elapsed):
        return np.zeros(BINS)
    seconds = np.minimum(elapsed, _LAST).astype(np.int64)
    return np.bincount(_BIN_OF[seconds], minlength=BINS).astype(np.float64)


def spent_in(seconds: Floats) -> Floats:
    """How many seconds of these durations fall into each bin."""
    if not len(seconds):
        return np.zeros(BINS)
    spent: Floats = np.clip(seconds[:, None] - _EDGES, 0.0, _WIDTHS).sum(axis=0)
    return spent


class Ends:
    """The hazard of one state: talk or wrap-up. `mean` and `weight`: what is thought before anything was seen."""

    def __init__(self, mean: float, weight: float = 4.0) -> None:
        self._spent = np.zeros(BINS)
        self._ended = np.zeros(BINS)
        #: Count, sum and sum of squares of the logarithms of durations.
        first = math.log(mean) - 0.3
        self._logs = np.array([weight, weight * first, weight * (first**2 + 0.6)])
        self.count = 0.0
        self._hazards = self._learnt(_NONE)

    def end(self, durations: Sequence[float]) -> None:
        if not durations:
            return
        seconds = np.asarray(durations, dtype=np.float64)
        self._ended += bins_of(seconds)
        self._spent += spent_in(seconds)
        logs = np.log(np.maximum(seconds, 0.5))
        self._logs += (len(durations), logs.sum(), (logs * logs).sum())
        self.count += len(durations)
        if self.count > _MEMORY:
            kept = _MEMORY / self.count
            for numbers in (self._spent, self._ended, self._logs):
                numbers *= kept
            self.count = _MEMORY

    @property
    def mean_log(self) -> float:
        return float(self._logs[1] / self._logs[0])

    @property
    def typical(self) -> float:
        """Mean duration, by the lognormal."""
        return math.exp(self.mean_log + self._variance / 2)

    @property
    def _variance(self) -> float:
        return max(0.05, float(self._logs[2] / self._logs[0]) - self.mean_log**2)

    def refresh(self, running: Floats) -> None:
        """Take what was learnt into what tables are made by; `running`: seconds of those under way."""
        self._hazards = self._learnt(running)

    def _learnt(self, running: Floats) -> Floats:
        """Hazards per second, for each bin."""
        prior = _lognormal_hazards(self.mean_log, math.sqrt(self._variance))
        spent, ended = _smooth(self._spent + spent_in(running)), _smooth(self._ended)
        return (ended + _PRIOR) / (spent + _PRIOR / prior)

    def within(self, seconds: int) -> Floats:
        """P(over within 0, 1, … `seconds` | elapsed): one row a bin."""
        ages = np.minimum(_MIDDLES[:, None] + np.arange(seconds) + 0.5, _LAST).astype(np.int64)
        total = np.cumsum(self._hazards[_BIN_OF[ages]], axis=1)
        return np.concatenate([np.zeros((BINS, 1)), -np.expm1(-total)], axis=1)

    def afresh(self, seconds: int) -> Floats:
        """P(over within 0, 1, … `seconds`) of one that begins now."""
        total = np.cumsum(self._hazards[_BIN_OF[np.arange(seconds)]])
        return np.concatenate([[0.0], -np.expm1(-total)])

    def save(self) -> Any:
        return [self._spent.tolist(), self._ended.tolist(), self._logs.tolist(), self._hazards.tolist(), self.count]

    def restore(self, learnt: Any) -> None:
        spent, ended, logs, hazards, count = learnt
        self._hazards = np.array(hazards)
        self._spent, self._ended, self._logs = np.array(spent), np.array(ended), np.array(logs)
        self.count = float(count)
        if not len(self._spent) == len(self._ended) == BINS:
            raise ValueError(f"there must be {BINS} bins")


class Releases:
    """Talk, then wrap-up, then free."""

    def __init__(self) -> None:
        self.talk = Ends(120.0)
        self.wrapup = Ends(15.0)
        #: The share of conversations that are wrapped up, as of the last renewal.
        self._share = 1.0

    def refresh(self, talking: Floats = _NONE, wrapup: Floats = _NONE) -> None:
        """By what ended and, given in seconds, what is under way."""
        self.talk.refresh(talking)
        self.wrapup.refresh(wrapup)
        if self.talk.count > 5:
            self._share = min(1.0, self.wrapup.count / self.talk.count)

    def tables(self, seconds: int) -> tuple[Floats, Floats]:
        """P(free within 0, 1, … `seconds`) of one who talks, of one in wrap-up, by bin of elapsed time."""
        talk, wrapup = self.talk.within(seconds), self.wrapup.within(seconds)
        after = (1.0 - self._share) + self._share * self.wrapup.afresh(seconds)
        ends = np.diff(talk, axis=1)
        lag = np.arange(seconds)[:, None] - np.arange(seconds)[None, :]
        # Of those that end in second s, the share `after` has wrapped up t - s seconds later.
        spread = np.where(lag.T >= 0, (after[:-1] + after[1:])[np.maximum(lag.T, 0)] / 2, 0.0)
        free = np.concatenate([np.zeros((BINS, 1)), np.einsum("is,st->it", ends, spread)], axis=1)
        return free, wrapup

    def save(self) -> Any:
        return [self.talk.save(), self.wrapup.save(), self._share]

    def restore(self, learnt: Any) -> None:
        talk, wrapup, self._share = learnt
        self.talk.restore(talk)
        self.wrapup.restore(wrapup)


def _smooth(numbers: Floats) -> Floats:
    padded = np.concatenate([numbers[:1], numbers, numbers[-1:]])
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def _lognormal_hazards(mean: float, deviation: float) -> Floats:
    hazards = np.empty(BINS)
    for at, middle in enumerate(_MIDDLES.tolist()):
        z = (math.log(middle) - mean) / deviation
        survivors = 0.5 * math.erfc(z / math.sqrt(2))
        if survivors < 1e-6:
            # The far tail: as the bin before, the ratio means nothing any more.
            hazards[at] = hazards[at - 1]
            continue
        density = math.exp(-z * z / 2) / (middle * deviation * math.sqrt(2 * math.pi))
        hazards[at] = max(density / survivors, 1e-6)
    return hazards
