"""Inbound callers of a call centre: who waits, who is answered, who gives up."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from pacing.algorithms.observation import Event, InboundAnswered, InboundArrived, InboundLost
from pacing.simulation.distributions import Durations
from pacing.simulation.scenario import HOUR, Scenario, at_hour

if TYPE_CHECKING:
    from pacing.simulation.centre import Centre


class Callers:
    """One queue, first come first served: by any agent who is ready, or by the inbound team where there is one."""

    def __init__(self, scenario: Scenario, centre: Centre, chance: np.random.Generator) -> None:
        self._scenario = scenario
        self._centre = centre
        self._chance = chance
        #: Callers by number, since when each waits, and how long each will talk: the same callers for every pacer.
        self.waiting: deque[tuple[int, float, float]] = deque()
        self._numbers = 0

    def begin(self) -> None:
        if self._scenario.inbound:
            self._next(None)

    def serve(self) -> None:
        """Give whoever has waited longest to who is ready for callers."""
        if not self.waiting:
            return
        floor, result, now = self._centre.floor, self._centre.result, self._centre.now
        ready = floor.ready if floor.team is None else floor.team.ready
        while ready and self.waiting:
            _, since, talk = self.waiting.popleft()
            waited = now - since
            result.inbound_waits.append(waited)
            result.callers.count(since, in_time=waited <= self._scenario.inbound_within)
            self._tell(InboundAnswered(waited, now))
            floor.take_inbound(talk)

    def account(self) -> None:
        """At the shift's end: who has waited too long already will not have been answered in time."""
        for _, since, _ in self.waiting:
            if self._centre.now - since > self._scenario.inbound_within:
                self._centre.result.callers.count(since, in_time=False)

    def _next(self, _: None) -> None:
        rate = at_hour(self._scenario.inbound, self._centre.now / HOUR, 0.0) / HOUR
        if rate <= 0:
            self._centre.at(self._centre.now + 60.0, self._next, None)
            return
        self._centre.at(self._centre.now + self._chance.exponential(1 / rate), self._caller, None)

    def _caller(self, _: None) -> None:
        now = self._centre.now
        self._tell(InboundArrived(at=now))
        self._numbers += 1
        self.waiting.append((self._numbers, now, self._draw(self._scenario.inbound_talk)))
        self._centre.at(now + self._draw(self._scenario.inbound_patience), self._gone, self._numbers)
        self.serve()
        self._next(None)

    def _gone(self, caller: int) -> None:
        for entry in self.waiting:
            if entry[0] == caller:
                self.waiting.remove(entry)
                self._centre.result.inbound_lost += 1
                self._centre.result.callers.count(entry[1], in_time=False)
                self._tell(InboundLost(self._centre.now - entry[1], self._centre.now))
                return

    def _tell(self, event: Event) -> None:
        """The pacer of those who answer callers, or the team's blender: nobody else has to do with them."""
        team = self._centre.floor.team
        (self._centre.events if team is None else team.events).append(event)

    def _draw(self, durations: Durations) -> float:
        return float(durations.draw(self._chance, 1)[0])
