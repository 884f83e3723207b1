"""The virtual call centre: calls, agents and callers as events on a virtual clock; the pacer is asked every second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from pacing.algorithms.observation import (
    Abandoned,
    CallId,
    Connected,
    Decision,
    Event,
    Observation,
    Outcome,
    Placed,
    Resolved,
)
from pacing.simulation.callers import Callers
from pacing.simulation.clock import Clock
from pacing.simulation.contacts import Contacts, Fate
from pacing.simulation.floor import Floor
from pacing.simulation.result import Result
from pacing.simulation.scenario import HOUR, Scenario

#: Contacts where nobody counts them.
MANY = 1_000_000_000


class Decides(Protocol):
    def decide(self, observation: Observation, now: float) -> Decision: ...


class Call:
    __slots__ = ("answered", "fate", "human", "id", "over", "placed")

    def __init__(self, call_id: int, fate: Fate, placed: float) -> None:
        self.id = call_id
        self.fate = fate
        self.placed = placed
        self.answered = 0.0
        self.human = False
        #: Nothing more will come of it: what is still in the clock for it is void.
        self.over = False


class Neighbours(Protocol):
    """Other jobs with the same agents."""

    def fetch(self, centre: Centre) -> bool:
        """Whether an agent who was ready for another job is ready for this one now."""

    def offer(self, centre: Centre) -> None:
        """An agent is ready here for whom nobody of this job waits."""


class Centre:
    """One shift of one job. `run()` gives its result; `step()` one second, for pictures while it runs."""

    def __init__(
        self,
        scenario: Scenario,
        pacer: Decides,
        seed: int,
        clock: Clock | None = None,
        floor: Callable[[Scenario, Centre, int], Floor] = Floor,
    ) -> None:
        self.scenario = scenario
        self.result = Result()
        self.clock = clock or Clock()
        self.at = self.clock.at
        #: None: the agents work for this job alone.
        self.neighbours: Neighbours | None = None
        self._pacer = pacer
        self._contacts = Contacts(scenario, seed)
        self.callers = Callers(scenario, self, np.random.default_rng((seed, 2)))
        self._calls = 0
        #: Lines in use, those of conversations among them.
        self.lines = 0
        self.events: list[Event] = []
        self._ringing: dict[CallId, Call] = {}
        self._classifying: dict[int, Call] = {}
        self._waiting: dict[int, Call] = {}
        self.floor = floor(scenario, self, seed)
        self.callers.begin()

    @property
    def now(self) -> float:
        return self.clock.now

    @property
    def in_the_air(self) -> int:
        """Calls that may still need somebody to talk with."""
        return len(self._ringing) + len(self._classifying) + len(self._waiting)

    @property
    def waiting_since(self) -> float | None:
        """When the person answered who has waited longest for an agent; None: nobody waits."""
        return next(iter(self._waiting.values())).answered if self._waiting else None

    def run(self) -> Result:
        for _ in range(round(self.scenario.hours * HOUR)):
            self.step()
        self.account()
        return self.result

    def account(self) -> None:
        """At the shift's end: what is under way counts as far as it has come."""
        self.floor.account()
        self.callers.account()

    def step(self) -> None:
        """Live through everything up to now, ask the pacer, do as it says, and let a second begin."""
        now = self.clock.now
        self.clock.live_until(now)
        self.floor.second()
        for _ in range(self.ask()):
            self.place()
        if now % 60 == 0:
            self.minute()
        self.clock.now = now + 1.0

    def ask(self, lines_in_use: int | None = None, left: int = MANY) -> int:
        """Blend, cancel and show contacts as the pacer says, and give how many calls it wants placed. `lines_in_use`
        None: this job's own; `left` contacts were not called yet."""
        if self.floor.team is not None:
            self.floor.team.second()
        seen = self._observe(self.lines if lines_in_use is None else lines_in_use)
        decision = self._pacer.decide(seen, self.clock.now)
        for call_id in decision.cancel:
            self._cancel(self._ringing.get(call_id))
        self.floor.show(decision.offer, left)
        return decision.place

    def agent_free(self) -> None:
        """An agent has become ready: inbound callers first, then the person who has waited longest."""
        self.callers.serve()
        while self.floor.ready and self._waiting:
            self._connect(next(iter(self._waiting.values())))
        if self.neighbours is not None and self.floor.ready:
            self.neighbours.offer(self)

    def call_ended(self) -> None:
        self.lines -= 1

    def _observe(self, lines_in_use: int) -> Observation:
        now, floor = self.now, self.floor
        events, self.events = self.events, []
        for_all = floor.team is None
        return Observation(
            ready=[now - since for since in floor.at_hand()],
            talking=[now - since for since in floor.coming(floor.talking)],
            wrapup=[now - since for since in floor.coming(floor.wrapup)],
            previewing=[now - since for since in floor.previewing.values()],
            on_break=len(floor.on_break),
            inbound_talking=[now - since for since in floor.inbound.values()] if for_all else (),
            ringing={key: now - call.placed for key, call in self._ringing.items()},
            classifying={key: now - call.answered for key, call in self._classifying.items()},
            waiting={key: now - call.answered for key, call in self._waiting.items()},
            inbound_waiting=[now - since for _, since, _ in self.callers.waiting] if for_all else (),
            lines_in_use=lines_in_use,
            previews_accepted=floor.accepted(),
            events=events,
        )

    def place(self) -> None:
        s = self.scenario
        if (s.lines is not None and self.lines >= s.lines) or not self.floor.may_dial:
            return
        self._calls += 1
        self.lines += 1
        self.result.placed += 1
        fate = self._contacts.next()
        call = Call(self._calls, fate, self.now)
        self._ringing[call.id] = call
        self.floor.placed(call.id)
        self.events.append(Placed(call.id, self.now))
        self._foresee(call, fate)

    def _foresee(self, call: Call, fate: Fate) -> None:
        """Put what will come of a call into the clock."""
        s = self.scenario
        lot, hit = fate.lot, s.hit_rate_at(self.now)
        machines = min(s.machines, 1.0 - hit)
        if lot < hit and fate.answer < s.ring_timeout:
            call.human = True
            self.at(self.now + fate.answer, self._answered, call)
        elif hit <= lot < hit + machines and fate.machine_answer < s.ring_timeout:
            self.at(self.now + fate.machine_answer, self._answered, call)
        elif lot >= 1.0 - s.busy - s.failed and hit + machines <= lot:
            outcome = Outcome.BUSY if lot < 1.0 - s.failed else Outcome.FAILED
            self.at(self.now + min(fate.refusal, s.ring_timeout), self._ended, (call, outcome))
        else:
            self.at(self.now + s.ring_timeout, self._ended, (call, Outcome.NO_ANSWER))

    def _ended(self, what: tuple[Call, Outcome]) -> None:
        call, outcome = what
        if call.over:
            return
        self._over(call)
        self.events.append(Resolved(call.id, outcome, self.now - call.placed, self.now))

    def _over(self, call: Call) -> None:
        call.over = True
        self.lines -= 1
        for calls in (self._ringing, self._classifying, self._waiting):
            calls.pop(call.id, None)
        self.floor.ended(call.id)

    def _cancel(self, call: Call | None) -> None:
        if call is None:
            return
        s, fate = self.scenario, call.fate
        if call.human and call.placed + fate.answer <= self.now + s.cancel_delay:
            # It crosses the answer: a person says hello to nobody.
            self.result.live += 1
            self.result.abandoned += 1
            self.events.append(Resolved(call.id, Outcome.HUMAN, fate.answer, self.now))
            self.events.append(Abandoned(call.id, 0.0, self.now))
        else:
            self.result.cancelled += 1
            self.events.append(Resolved(call.id, Outcome.CANCELLED, self.now - call.placed, self.now))
        self._over(call)

    def _answered(self, call: Call) -> None:
        if call.over:
            return
        del self._ringing[call.id]
        call.answered = self.now
        if self.scenario.detection is None or self.floor.listens:
            self._person(call)
            return
        self._classifying[call.id] = call
        self.at(self.now + call.fate.greeting + call.fate.detection, self._classified, call)

    def _classified(self, call: Call) -> None:
        detection = self.scenario.detection
        if call.over or detection is None:
            return
        del self._classifying[call.id]
        wrong = call.fate.mistake < (detection.false_machine if call.human else detection.false_human)
        if call.human != wrong:
            self._person(call)
            return
        self.result.false_machines += call.human
        self._ended((call, Outcome.MACHINE))

    def _person(self, call: Call) -> None:
        """Taken for a person: an agent now, or within the time allowed after the greeting's end."""
        self.result.live += call.human
        self.events.append(Resolved(call.id, Outcome.HUMAN, self.now - call.placed, self.now))
        if self.floor.open or (self.neighbours is not None and self.neighbours.fetch(self)):
            self._connect(call)
            return
        self._waiting[call.id] = call
        last = call.answered + call.fate.greeting + self.scenario.connect_within
        self.at(max(last, self.now), self._too_late, call)

    def _connect(self, call: Call) -> None:
        self._waiting.pop(call.id, None)
        call.over = True
        self.result.person_waits.append(self.now - call.answered)
        waited = max(0.0, self.now - call.answered - call.fate.greeting)
        self.events.append(Connected(call.id, waited, self.now))
        self.floor.take(call.fate.talk if call.human else call.fate.machine_talk, human=call.human, call=call.id)

    def _too_late(self, call: Call) -> None:
        if call.over:
            return
        self._over(call)
        self.result.abandoned += call.human
        self.events.append(Abandoned(call.id, self.now - call.answered, self.now))

    def minute(self) -> None:
        floor, result = self.floor, self.result
        counts = (len(floor.ready), len(floor.talking), len(floor.wrapup), len(self._ringing))
        result.minutes.append((*counts, result.abandoned, result.live, floor.occupied, floor.with_callers))
