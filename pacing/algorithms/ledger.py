"""The regulator's account: people who answered and people who met no agent, over the configured period.

`balance` is how many more people might have been abandoned within the limit: each person who answers earns a small
part of one, each abandoned one costs one. It is carried over shifts and days, hour by hour, as far as the period goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pacing.algorithms.configuration import Configuration, Formula
from pacing.algorithms.observation import Abandoned, Connected, Outcome, Resolved, Seen, TalkEnded

#: Hours are kept, or tenths of a period shorter than that.
_HOUR = 3_600.0
#: Clocks are not finer.
_HAIR = 1e-3


@dataclass(slots=True)
class _Slice:
    began: float
    live: float = 0.0
    abandoned: float = 0.0


class Ledger:
    def __init__(self, configuration: Configuration) -> None:
        self._limit = configuration.abandonment_limit
        self._period = configuration.period
        self._within = configuration.connect_within + _HAIR
        self._width = min(_HOUR, configuration.period / 10)
        estimated = configuration.formula is Formula.WITH_FALSE_MACHINES
        self._false_machines = configuration.false_machine_rate if estimated else 0.0
        self._slices: deque[_Slice] = deque()
        self._offset: float | None = 0.0
        self.live = 0.0
        self.abandoned = 0.0

    def see(self, seen: Seen) -> None:
        """Enter what happened since the last time."""
        if self._offset is None:
            # The clock began anew: the next shift follows upon the last one.
            last = self._slices[-1].began if self._slices else seen.now
            self._offset = last - seen.now
        now = seen.now + self._offset
        self._forget(now)
        for event in seen.events:
            if isinstance(event, Connected):
                # Who held the line until an agent came has met silence all the same.
                late = event.waited is not None and event.waited > self._within
                self._enter(now, 1.0, float(late))
            elif isinstance(event, Abandoned):
                self._enter(now, 1.0, 1.0)
            elif isinstance(event, TalkEnded) and event.machine:
                self._enter(now, -1.0, 0.0)
            elif self._false_machines and isinstance(event, Resolved) and event.outcome == Outcome.MACHINE:
                self._enter(now, self._false_machines, self._false_machines)

    @property
    def rate(self) -> float:
        """Abandoned of answered people; 0 while nobody has answered."""
        return self.abandoned / self.live if self.live else 0.0

    def balance(self, limit: float | None = None) -> float:
        """How many people more might have been abandoned under `limit` (None: the configured one)."""
        return (self._limit if limit is None else limit) * self.live - self.abandoned

    def save(self) -> dict[str, Any]:
        return {"offset": self._offset, "slices": [[s.began, s.live, s.abandoned] for s in self._slices]}

    def restore(self, state: Mapping[str, Any], *, new_clock: bool) -> None:
        self._slices = deque(_Slice(*map(float, row)) for row in state["slices"])
        self._offset = None if new_clock else state["offset"]
        self.live = sum(s.live for s in self._slices)
        self.abandoned = sum(s.abandoned for s in self._slices)

    def _enter(self, now: float, live: float, abandoned: float) -> None:
        if not self._slices or now >= self._slices[-1].began + self._width:
            self._slices.append(_Slice(now))
        self._slices[-1].live += live
        self._slices[-1].abandoned += abandoned
        self.live += live
        self.abandoned += abandoned

    def _forget(self, now: float) -> None:
        while self._slices and self._slices[0].began < now - self._period:
            old = self._slices.popleft()
            self.live -= old.live
            self.abandoned -= old.abandoned
