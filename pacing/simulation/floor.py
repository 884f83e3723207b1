"""The agents of a virtual call centre: who is ready, talking, in wrap-up, on a break."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacing.algorithms.observation import TalkEnded, WrapupEnded
from pacing.simulation.scenario import Scenario

if TYPE_CHECKING:
    from pacing.simulation.centre import Centre

_BLOCK = 512


class Floor:
    """Agents by number, each in one state since a time. The one ready longest is taken first."""

    def __init__(self, scenario: Scenario, centre: Centre, seed: int) -> None:
        self._scenario = scenario
        self._centre = centre
        self._chance = np.random.default_rng((seed, 3))
        self._wrapups: list[float] = []
        self.ready: dict[int, float] = {}
        self.talking: dict[int, float] = {}
        self.wrapup: dict[int, float] = {}
        self.inbound: dict[int, float] = {}
        self.on_break: dict[int, float] = {}
        #: When an agent's next break is due.
        self._break_due: dict[int, float] = {}
        self._numbers = 0
        self._leaving = 0
        self._on_machine: set[int] = set()
        for _ in range(scenario.agents_at(0.0)):
            centre.at(float(self._chance.uniform(0, max(scenario.log_in, 1e-9))), lambda _: self._log_in(), None)
        for hour, count in scenario.staffing:
            if hour > 0:
                centre.at(hour * 3_600.0, self._staff, count)
        self._expected = scenario.agents_at(0.0)

    def second(self) -> None:
        """Account for one second: every logged-in agent who is not on a break."""
        self._centre.result.logged_in += self.staffed

    @property
    def staffed(self) -> int:
        """Agents at work, breaks left out."""
        return len(self.ready) + len(self.talking) + len(self.wrapup) + len(self.inbound)

    def account(self) -> None:
        """At the shift's end: what is under way counts as far as it has come."""
        now, result = self._centre.now, self._centre.result
        result.talk += sum(now - since for agent, since in self.talking.items() if agent not in self._on_machine)
        result.wrapup += sum(now - since for since in self.wrapup.values())
        result.inbound_talk += sum(now - since for since in self.inbound.values())

    @property
    def open(self) -> bool:
        """Whether a person who answers now finds somebody."""
        return bool(self.ready)

    def take(self, seconds: float, *, human: bool) -> None:
        agent = self._next()
        self.talking[agent] = self._centre.now
        if not human:
            self._on_machine.add(agent)
        self._centre.at(self._centre.now + seconds, self._talked, (agent, human))

    def take_inbound(self, seconds: float) -> None:
        agent = self._next()
        self.inbound[agent] = self._centre.now
        self._centre.at(self._centre.now + seconds, self._talked_inbound, agent)

    def _next(self) -> int:
        agent = next(iter(self.ready))
        since = self.ready.pop(agent)
        self._centre.result.agent_waits.append(self._centre.now - since)
        return agent

    def _talked(self, what: tuple[int, bool]) -> None:
        agent, human = what
        centre = self._centre
        seconds = centre.now - self.talking.pop(agent)
        centre.call_ended()
        centre.events.append(TalkEnded(seconds, machine=not human, at=centre.now))
        if human:
            centre.result.talk += seconds
        else:
            self._on_machine.discard(agent)
            centre.result.machine_talk += seconds
        self._wrap_up(agent, seconds=self._wrapup_seconds() if human else 1.0)

    def _talked_inbound(self, agent: int) -> None:
        centre = self._centre
        seconds = centre.now - self.inbound.pop(agent)
        centre.events.append(TalkEnded(seconds, inbound=True, at=centre.now))
        centre.result.inbound_talk += seconds
        self._wrap_up(agent, self._wrapup_seconds())

    def _wrap_up(self, agent: int, seconds: float) -> None:
        self.wrapup[agent] = self._centre.now
        self._centre.at(self._centre.now + seconds, self._wrapped_up, agent)

    def _wrapped_up(self, agent: int) -> None:
        centre = self._centre
        seconds = centre.now - self.wrapup.pop(agent)
        centre.events.append(WrapupEnded(seconds, centre.now))
        centre.result.wrapup += seconds
        self._free(agent)

    def _free(self, agent: int) -> None:
        """Work is done: off for good, for a break, or ready."""
        centre = self._centre
        if self._leaves(agent):
            self._break_due.pop(agent, None)
        elif centre.now >= self._break_due.get(agent, float("inf")):
            self.on_break[agent] = centre.now
            length = float(self._scenario.break_length.draw(self._chance, 1)[0])
            centre.at(centre.now + length, self._back, agent)
        else:
            self.ready[agent] = centre.now
            centre.agent_free()

    def _leaves(self, agent: int) -> bool:
        """Whether the agent goes home now."""
        if not self._leaving:
            return False
        self._leaving -= 1
        return True

    def _back(self, agent: int) -> None:
        del self.on_break[agent]
        self._plan_break(agent)
        self._free(agent)

    def _log_in(self) -> None:
        self._numbers += 1
        self.log_in(self._numbers)

    def log_in(self, agent: int) -> None:
        self._plan_break(agent, first=True)
        self._free(agent)

    def leave(self, agent: int) -> tuple[float, float | None]:
        """A ready agent goes to another job: since when ready, and when the next break is due."""
        return self.ready.pop(agent), self._break_due.pop(agent, None)

    def join(self, agent: int, ready_since: float, break_due: float | None) -> None:
        """One comes from another job, ready as before."""
        self.ready[agent] = ready_since
        if break_due is not None:
            self._break_due[agent] = break_due

    def _plan_break(self, agent: int, *, first: bool = False) -> None:
        every = self._scenario.break_every
        if every is not None:
            stretch = self._chance.uniform(0.1, 1.0) if first else self._chance.uniform(0.8, 1.2)
            self._break_due[agent] = self._centre.now + every * stretch

    def _staff(self, count: int) -> None:
        """So many agents from now on: some log in over the next minutes, others leave after their conversation."""
        missing = count - self._expected
        self._expected = count
        for _ in range(missing):
            self._centre.at(self._centre.now + float(self._chance.uniform(0, 300.0)), lambda _: self._log_in(), None)
        for _ in range(-missing):
            if self.ready:
                agent = next(iter(self.ready))
                del self.ready[agent]
            else:
                self._leaving += 1

    def _wrapup_seconds(self) -> float:
        if not self._wrapups:
            self._wrapups = self._scenario.wrapup.draw(self._chance, _BLOCK).tolist()
        return self._wrapups.pop()


class Application(Floor):
    """No agents: an application talks with everybody at once, as long as a port is there."""

    def __init__(self, scenario: Scenario, centre: Centre, seed: int) -> None:
        super().__init__(scenario, centre, seed)
        self._conversations = 0

    @property
    def open(self) -> bool:
        return True

    def take(self, seconds: float, *, human: bool) -> None:
        self._conversations += 1
        self.talking[self._conversations] = self._centre.now
        self._centre.at(self._centre.now + seconds, self._talked, (self._conversations, human))

    def _talked(self, what: tuple[int, bool]) -> None:
        self._centre.result.application_talk += self._centre.now - self.talking.pop(what[0])
        self._centre.call_ended()

    def second(self) -> None:
        """Nobody is logged in."""
        self._centre.events.clear()

    def account(self) -> None:
        self._centre.result.application_talk += sum(self._centre.now - since for since in self.talking.values())
