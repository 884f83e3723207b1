"""The agents of a virtual call centre: who is ready, talking, in wrap-up, on a break."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from pacing.algorithms.observation import CallId, TalkEnded, WrapupEnded
from pacing.simulation.blended import InboundTeam
from pacing.simulation.scenario import Scenario

if TYPE_CHECKING:
    from pacing.simulation.centre import Centre

_BLOCK = 512


class Floor:
    """Agents by number, each in one state since a time. The one ready longest is taken first."""

    #: Whether agents hear what their call meets, so that no machine detection is needed.
    listens = False

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
        #: Agents who look at a contact before it is called.
        self.previewing: dict[int, float] = {}
        #: Whether an agent who comes free goes home.
        self.goes_home: Callable[[int], bool] = self._leaves
        #: Who answers inbound callers alone; None: everybody who is ready answers them first.
        self.team = InboundTeam(scenario, centre) if scenario.inbound_agents or scenario.blending else None
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
        found = len(self.ready) + len(self.talking) + len(self.wrapup) + len(self.inbound)
        return found if self.team is None else found + len(self.team.ready) + len(self.team.wrapup)

    @property
    def may_dial(self) -> bool:
        """Whether there is somebody for whom a call may be placed: it need be nobody yet."""
        return True

    @property
    def occupied(self) -> int:
        """Agents who look at a contact or dial it."""
        return 0

    @property
    def with_callers(self) -> int:
        """Agents who work for inbound callers."""
        team = 0 if self.team is None else len(self.team.ready) + len(self.team.wrapup)
        return len(self.inbound) + team

    @property
    def waiting(self) -> int:
        """Agents whose contact waits for a line."""
        return 0

    def at_hand(self) -> Iterable[float]:
        """Since when each agent is ready who waits for a conversation, as a pacer is told."""
        return self.ready.values()

    def coming(self, agents: dict[int, float]) -> Iterable[float]:
        """Since when each is in a state who will come free for outbound: who is called to the inbound team will not."""
        if self.team is None or not self.team.called:
            return agents.values()
        return [since for agent, since in agents.items() if agent not in self.team.called]

    def coming_free(self) -> list[int]:
        """Outbound agents at work, those first who will probably come free first."""
        return [*self.wrapup, *self.talking]

    def account(self) -> None:
        """At the shift's end: what is under way counts as far as it has come."""
        now, result = self._centre.now, self._centre.result
        result.talk += sum(now - since for agent, since in self.talking.items() if agent not in self._on_machine)
        result.wrapup += sum(now - since for since in self.wrapup.values())
        if self.team is not None:
            result.wrapup += sum(now - since for since in self.team.wrapup.values())
        result.inbound_talk += sum(now - since for since in self.inbound.values())

    @property
    def open(self) -> bool:
        """Whether a person who answers now finds somebody."""
        return bool(self.ready)

    def show(self, count: int, left: int) -> None:
        """Let ready agents look at so many contacts, where so many are left. Nobody does so here."""

    def accepted(self) -> int:
        """How many agents want their contact called, who did not when this was asked last."""
        return 0

    def placed(self, call: CallId) -> None:
        """A call is on its way. It is nobody's until a person answers."""

    def ended(self, call: CallId) -> None:
        """A call has ended, and nobody talked."""

    def take(self, seconds: float, *, human: bool, call: CallId) -> None:
        """A conversation begins."""
        agent = self._for(call)
        self.talking[agent] = self._centre.now
        if not human:
            self._on_machine.add(agent)
        self._centre.at(self._centre.now + seconds, self._talked, (agent, human))

    def take_inbound(self, seconds: float) -> None:
        agent = self._next() if self.team is None else self.team.next()
        self.inbound[agent] = self._centre.now
        self._centre.at(self._centre.now + seconds, self._talked_inbound, agent)

    def _for(self, call: CallId) -> int:
        return self._next()

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
        centre.result.inbound_talk += seconds
        if self.team is None:
            centre.events.append(TalkEnded(seconds, inbound=True, at=centre.now))
            self._wrap_up(agent, self._wrapup_seconds())
        else:
            self.team.talked(agent, seconds)
            self.team.wrapup[agent] = centre.now
            centre.at(centre.now + self._wrapup_seconds(), self._wrapped_up_inbound, agent)

    def _wrap_up(self, agent: int, seconds: float) -> None:
        self.wrapup[agent] = self._centre.now
        self._centre.at(self._centre.now + seconds, self._wrapped_up, agent)

    def _wrapped_up(self, agent: int) -> None:
        centre = self._centre
        seconds = centre.now - self.wrapup.pop(agent)
        centre.events.append(WrapupEnded(seconds, centre.now))
        centre.result.wrapup += seconds
        self._free(agent)

    def _wrapped_up_inbound(self, agent: int) -> None:
        assert self.team is not None
        seconds = self._centre.now - self.team.wrapup.pop(agent)
        self.team.wrapped_up(agent, seconds)
        self._centre.result.wrapup += seconds
        self._free(agent)

    def _free(self, agent: int) -> None:
        """Work is done: off for good, for a break, to the inbound team, or ready."""
        centre = self._centre
        if self.goes_home(agent):
            self._break_due.pop(agent, None)
            self._off(agent)
        elif centre.now >= self._break_due.get(agent, float("inf")):
            self._off(agent)
            self.on_break[agent] = centre.now
            length = float(self._scenario.break_length.draw(self._chance, 1)[0])
            centre.at(centre.now + length, self._back, agent)
        elif self.team is None or not self.team.takes(agent):
            self.ready[agent] = centre.now
            centre.agent_free()

    def _off(self, agent: int) -> None:
        """The agent takes nothing for now."""
        if self.team is not None:
            self.team.leaves(agent)

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

    def leave_outbound(self, agent: int) -> None:
        """A ready agent goes to the inbound team."""
        del self.ready[agent]

    def leave(self, agent: int) -> tuple[float, float | None]:
        """A ready agent goes to another job: since when ready, and when the next break is due."""
        self._off(agent)
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
                self._off(agent)
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

    def take(self, seconds: float, *, human: bool, call: CallId) -> None:
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
