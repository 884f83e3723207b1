"""The agents of a floor who answer inbound callers: a fixed number, and those whom blending takes from outbound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacing.algorithms.blending import Blender, InboundQueue
from pacing.algorithms.observation import Event, InboundAnswered, InboundLost
from pacing.simulation.scenario import Scenario

if TYPE_CHECKING:
    from pacing.simulation.centre import Centre


class InboundTeam:
    """Who belongs to it answers callers alone. It is kept at its number as agents come and go: who is ready comes at
    once, others as soon as they are."""

    def __init__(self, scenario: Scenario, centre: Centre) -> None:
        self._centre = centre
        self._reserved = scenario.inbound_agents
        self._blender = Blender(scenario.blending) if scenario.blending else None
        self._minimum_stay = scenario.blending.minimum_stay if scenario.blending else 0.0
        #: Who answers callers, since when; those of them who are ready, and in wrap-up.
        self.joined: dict[int, float] = {}
        self.ready: dict[int, float] = {}
        self.wrapup: dict[int, float] = {}
        #: Outbound agents who come as soon as they are free.
        self.called: dict[int, None] = {}
        #: What callers did since the last look, and how long each who was helped took.
        self.events: list[Event] = []
        self._handled: list[float] = []
        self._talks: dict[int, float] = {}

    def second(self) -> None:
        """Ask the blender, and bring the team to the number that is due."""
        result = self._centre.result
        if self._blender is not None:
            moves = self._blender.decide(self._queue(), self._available(), self._centre.now)
            result.acquired += moves.acquire
            result.released += moves.release
        self.events.clear()
        self._handled.clear()
        result.lent += max(0, len(self.joined) - self._reserved)
        self._fill(self._short)
        self._empty(-self._short)

    def takes(self, agent: int) -> bool:
        """Whether an agent who has come free answers callers from now on, or goes on doing so."""
        now = self._centre.now
        if agent in self.called:
            del self.called[agent]
            self.joined[agent] = now
        elif agent not in self.joined:
            return False
        elif self._short < 0 and self._has_stayed(agent):
            del self.joined[agent]
            return False
        self.ready[agent] = now
        self._centre.callers.serve()
        return True

    def leaves(self, agent: int) -> None:
        """Gone home, or on a break."""
        self.joined.pop(agent, None)
        self.called.pop(agent, None)

    def next(self) -> int:
        agent = next(iter(self.ready))
        self._centre.result.agent_waits.append(self._centre.now - self.ready.pop(agent))
        return agent

    def talked(self, agent: int, seconds: float) -> None:
        self._talks[agent] = seconds

    def wrapped_up(self, agent: int, seconds: float) -> None:
        self._handled.append(self._talks.pop(agent) + seconds)

    @property
    def _short(self) -> int:
        """How many are missing, those on their way counted; below 0: too many."""
        due = self._reserved + (self._blender.acquired if self._blender else 0)
        return due - len(self.joined) - len(self.called)

    def _queue(self) -> InboundQueue:
        now = self._centre.now
        return InboundQueue(
            agents=len(self.joined),
            ready=len(self.ready),
            waiting=[now - since for _, since, _ in self._centre.callers.waiting],
            answered=[event.waited for event in self.events if isinstance(event, InboundAnswered)],
            lost=[event.waited for event in self.events if isinstance(event, InboundLost)],
            handled=self._handled,
        )

    def _available(self) -> int:
        return self._centre.floor.staffed - len(self.joined) - len(self.called)

    def _fill(self, short: int) -> None:
        """Those ready for outbound first; then who has been in wrap-up longest, who in conversation."""
        floor = self._centre.floor
        for agent in list(floor.ready)[: max(0, short)]:
            floor.leave_outbound(agent)
            self.called[agent] = None
            self.takes(agent)
            short -= 1
        if short > 0:
            coming = [agent for agent in floor.coming_free() if agent not in self.called]
            self.called.update(dict.fromkeys(coming[:short]))

    def _empty(self, over: int) -> None:
        """Whoever is still on the way stays with outbound; of the ready ones those go back who have stayed longest."""
        for agent in list(self.called)[::-1][: max(0, over)]:
            del self.called[agent]
            over -= 1
        leaving = sorted((agent for agent in self.ready if self._has_stayed(agent)), key=self.joined.__getitem__)
        for agent in leaving[: max(0, over)]:
            del self.joined[agent]
            self._centre.floor.join(agent, self.ready.pop(agent), None)
            self._centre.agent_free()

    def _has_stayed(self, agent: int) -> bool:
        return self._centre.now - self.joined[agent] >= self._minimum_stay
