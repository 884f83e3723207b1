"""A day of notifications and the calls they cause: an inbound queue with agents, on a virtual clock, seeded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from pacing.algorithms.observation import (
    Event,
    InboundAnswered,
    InboundArrived,
    InboundLost,
    Observation,
    TalkEnded,
    WrapupEnded,
)
from pacing.algorithms.queueing import greatest_rate
from pacing.simulation.centre import Decides
from pacing.simulation.clock import Clock
from pacing.simulation.distributions import Durations
from pacing.simulation.levels import HalfHours
from pacing.simulation.scenario import HOUR, at_hour


@dataclass(frozen=True, slots=True)
class Day:
    agents: int = 30
    hours: float = 9.0
    #: Callers an hour who call of themselves: ((from hour, rate), ...), a burst among them.
    others: tuple[tuple[float, float], ...] = ((0.0, 150.0), (3.0, 210.0), (4.0, 150.0))
    #: The share of the notified who call, and when.
    share: float = 0.15
    delay: Durations = Durations("gamma", mean=600.0, cv=0.9, shift=20.0)
    talk: Durations = Durations("lognormal", mean=180.0, cv=0.8)
    wrapup: Durations = Durations("gamma", mean=20.0, cv=0.6)
    patience: Durations = Durations("exponential", mean=240.0)
    #: What is promised: this share within so many seconds.
    level: float = 0.8
    seconds: float = 20.0

    def optimum(self) -> float:
        """How many could be notified by one who knew every arrival rate beforehand and kept the level exactly."""
        handling = self.talk.average + self.wrapup.average
        most = greatest_rate(self.agents, self.level, self.seconds, handling) * HOUR
        minutes = round(self.hours * 60)
        return sum(max(0.0, most - at_hour(self.others, m / 60, 0.0)) / 60 for m in range(minutes)) / self.share


@dataclass(slots=True)
class DayResult(HalfHours):
    notified: int = 0


class Queue:
    """`run()` gives the day's result. Agents can be lent to it and taken back while the day goes on."""

    def __init__(self, day: Day, pacer: Decides, seed: int) -> None:
        self.day, self.result = day, DayResult()
        self._clock = Clock()
        self._pacer = pacer
        self._chance = np.random.default_rng(seed)
        self._ready = day.agents
        self._talking: dict[int, float] = {}
        self._wrapup: dict[int, float] = {}
        self._waiting: deque[tuple[int, float]] = deque()
        self._callers = 0
        self._events: list[Event] = []
        self._leaving = 0
        #: Agent-seconds at work here.
        self.staffed = 0.0
        self._others()

    @property
    def now(self) -> float:
        return self._clock.now

    @property
    def agents(self) -> int:
        return self._ready + len(self._talking) + len(self._wrapup) - self._leaving

    def lend(self, count: int, within: Durations) -> None:
        """So many more agents, each once the outbound conversation of the moment is over."""
        for _ in range(count):
            self._clock.at(self.now + self._draw(within), self._joined, None)

    def take_back(self, count: int) -> None:
        """So many agents less: those ready at once, others after their conversation."""
        self._leaving += count
        self._leave()

    def _joined(self, _: None) -> None:
        self._ready += 1
        self._serve()

    def _leave(self) -> None:
        gone = min(self._leaving, self._ready)
        self._leaving -= gone
        self._ready -= gone

    def run(self) -> DayResult:
        for second in range(round(self.day.hours * HOUR)):
            self._clock.live_until(float(second))
            self.staffed += self._ready + len(self._talking) + len(self._wrapup)
            decision = self._pacer.decide(self._observe(), self.now)
            self.result.notified += decision.place
            for _ in range(decision.place):
                if self._chance.random() < self.day.share:
                    self._clock.at(self.now + self._draw(self.day.delay), self._called, self.now)
        for _, since in self._waiting:
            self.result.count(since, in_time=False)
        return self.result

    def _observe(self) -> Observation:
        now, events = self.now, self._events
        self._events = []
        return Observation(
            ready=self._ready,
            inbound_talking=[now - since for since in self._talking.values()],
            wrapup=[now - since for since in self._wrapup.values()],
            inbound_waiting=[now - since for _, since in self._waiting],
            events=events,
        )

    def _draw(self, durations: Durations) -> float:
        return float(durations.draw(self._chance, 1)[0])

    def _others(self, _: None = None) -> None:
        rate = at_hour(self.day.others, self.now / HOUR, 0.0) / HOUR
        if self.now:
            self._arrive(None)
        self._clock.at(self.now + float(self._chance.exponential(1 / max(rate, 1e-6))), self._others, None)

    def _called(self, notified: float) -> None:
        self._arrive(self.now - notified)

    def _arrive(self, after: float | None) -> None:
        self._callers += 1
        self._events.append(InboundArrived(after, self.now))
        self._waiting.append((self._callers, self.now))
        self._clock.at(self.now + self._draw(self.day.patience), self._gone, self._callers)
        self._serve()

    def _gone(self, caller: int) -> None:
        for entry in self._waiting:
            if entry[0] == caller:
                self._waiting.remove(entry)
                self._events.append(InboundLost(self.now - entry[1], self.now))
                self.result.count(entry[1], in_time=False)
                return

    def _serve(self) -> None:
        while self._ready and self._waiting:
            caller, since = self._waiting.popleft()
            self._ready -= 1
            waited = self.now - since
            self._events.append(InboundAnswered(waited, self.now))
            self.result.count(since, in_time=waited <= self.day.seconds)
            self._talking[caller] = self.now
            self._clock.at(self.now + self._draw(self.day.talk), self._talked, caller)

    def _talked(self, caller: int) -> None:
        self._events.append(TalkEnded(self.now - self._talking.pop(caller), inbound=True, at=self.now))
        self._wrapup[caller] = self.now
        self._clock.at(self.now + self._draw(self.day.wrapup), self._wrapped_up, caller)

    def _wrapped_up(self, caller: int) -> None:
        self._events.append(WrapupEnded(self.now - self._wrapup.pop(caller), self.now))
        self._ready += 1
        self._leave()
        self._serve()
