"""Agents who look at each contact before it is called, and whose call it is from then on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pacing.algorithms.observation import CallId
from pacing.algorithms.simple import Preview
from pacing.simulation.floor import Floor
from pacing.simulation.scenario import Scenario

if TYPE_CHECKING:
    from pacing.simulation.centre import Centre

_BLOCK = 512


class ByHand(Preview):
    """Manual, where no pacer has a say: agents take a contact whenever they are ready, and dial it as soon as they have
    looked and a line is free."""


class Previews(Floor):
    """A ready agent who is shown a contact looks at it and skips it or has it called; whoever answers is theirs."""

    def __init__(self, scenario: Scenario, centre: Centre, seed: int) -> None:
        super().__init__(scenario, centre, seed)
        self._luck = np.random.default_rng((seed, 5))
        self._looks: list[tuple[float, bool, float]] = []
        #: Agents whose contact waits for a line or is being called.
        self._dialling: dict[int, float] = {}
        self._unplaced: deque[int] = deque()
        self._told = 0
        self._agents: dict[CallId, int] = {}
        #: Since when each has talked with nobody.
        self._idle: dict[int, float] = {}

    @property
    def staffed(self) -> int:
        return super().staffed + len(self.previewing) + len(self._dialling)

    @property
    def occupied(self) -> int:
        return len(self.previewing) + len(self._dialling)

    @property
    def open(self) -> bool:
        """Each call has its agent."""
        return True

    @property
    def may_dial(self) -> bool:
        return bool(self._unplaced or self.previewing)

    def account(self) -> None:
        super().account()
        self._centre.result.preview += sum(self._centre.now - since for since in self.previewing.values())

    def at_hand(self) -> Iterable[float]:
        return [*self.ready.values(), *self._dialling.values()]

    def coming_free(self) -> list[int]:
        return [*super().coming_free(), *self._dialling, *self.previewing]

    def show(self, count: int, left: int) -> None:
        now = self._centre.now
        free = left - len(self.previewing) - (len(self._dialling) - len(self._agents))
        for agent in list(self.ready)[: max(0, min(count, free))]:
            del self.ready[agent]
            self.previewing[agent] = now
            seconds, skipped, by_hand = self._look()
            self._centre.at(now + seconds, self._looked, (agent, now, skipped, by_hand))

    def accepted(self) -> int:
        count, self._told = self._told, 0
        return count

    @property
    def waiting(self) -> int:
        """Agents whose contact waits for a line."""
        return len(self._unplaced)

    def placed(self, call: CallId) -> None:
        """It is for whoever has waited for a line longest, or else has looked longest: their time is up."""
        if self._unplaced:
            agent = self._unplaced.popleft()
        else:
            agent = next(iter(self.previewing))
            self._end_look(agent)
            self._dialling[agent] = self._centre.now
        self._agents[call] = agent

    def ended(self, call: CallId) -> None:
        agent = self._agents.pop(call, None)
        if agent is not None:
            del self._dialling[agent]
            self._free(agent)

    def leave_outbound(self, agent: int) -> None:
        super().leave_outbound(agent)
        self._idle.pop(agent, None)

    def _off(self, agent: int) -> None:
        super()._off(agent)
        self._idle.pop(agent, None)

    def _free(self, agent: int) -> None:
        self._idle.setdefault(agent, self._centre.now)
        super()._free(agent)

    def join(self, agent: int, ready_since: float, break_due: float | None) -> None:
        super().join(agent, ready_since, break_due)
        self._idle.setdefault(agent, ready_since)

    def _for(self, call: CallId) -> int:
        agent = self._agents.pop(call)
        del self._dialling[agent]
        self._centre.result.agent_waits.append(self._centre.now - self._idle.pop(agent))
        return agent

    def _next(self) -> int:
        agent = super()._next()
        self._idle.pop(agent, None)
        return agent

    def _look(self) -> tuple[float, bool, float]:
        """Seconds for a contact, whether it is skipped then, and seconds until its call can leave."""
        if not self._looks:
            s, luck = self._scenario, self._luck
            seconds, lots = s.preview.draw(luck, _BLOCK).tolist(), luck.random(_BLOCK).tolist()
            drawn = zip(seconds, lots, s.dial_by_hand.draw(luck, _BLOCK).tolist(), strict=True)
            self._looks = [(look, lot < s.preview_skipped, by_hand) for look, lot, by_hand in drawn]
        return self._looks.pop()

    def _looked(self, what: tuple[int, float, bool, float]) -> None:
        agent, since, skipped, by_hand = what
        if self.previewing.get(agent) != since:
            return
        self._end_look(agent)
        if skipped:
            self._centre.result.skipped += 1
            self._free(agent)
            return
        self._dialling[agent] = self._centre.now
        self._accept(agent, by_hand)

    def _end_look(self, agent: int) -> None:
        self._centre.result.preview += self._centre.now - self.previewing.pop(agent)

    def _accept(self, agent: int, by_hand: float) -> None:
        self._wants_line(agent)

    def _wants_line(self, agent: int) -> None:
        self._unplaced.append(agent)
        self._told += 1


class Manual(Previews):
    """The same, and agents dial by hand and hear what they meet."""

    listens = True

    @property
    def may_dial(self) -> bool:
        return bool(self._unplaced)

    def _accept(self, agent: int, by_hand: float) -> None:
        self._centre.at(self._centre.now + by_hand, self._wants_line, agent)
