"""Several jobs that live through one shift together: on the same ports, trunks and agents, each with its own pacer.

Ports and turns are shared by `pacing.sharing` as in the engine, eight times a second; what a pacer with agents decides
each second waits for its turn like the contacts of a job without agents. Each agent belongs to one job at a time, and
its pacer counts on those alone; but a person whom none of them could take gets one who is ready for another job.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from pacing.agentless import Observation, Pacing, Trunk, decide
from pacing.algorithms import Decision
from pacing.algorithms import Observation as Look
from pacing.sharing import Claim, Turns, allot
from pacing.simulation.centre import Centre, Decides
from pacing.simulation.clock import Clock
from pacing.simulation.floor import Application
from pacing.simulation.jobs import PLENTY, Job, Line, SharedScenario
from pacing.simulation.result import JobResult, SharedResult
from pacing.simulation.runs import floor_for, pacer_for
from pacing.simulation.scenario import HOUR
from pacing.simulation.team import Agents

#: Rounds a second: an eighth is no rounding error.
_ROUNDS = 8
#: The seeds of two jobs lie so far apart.
_APART = 1_000_003


class _Nobody:
    """Jobs without agents have no pacer for agents."""

    def decide(self, observation: Look, now: float) -> Decision:
        return Decision()


class _Run:
    """A job under way."""

    def __init__(self, job: Job, centre: Centre) -> None:
        self.job, self.centre = job, centre
        mode = str(job.mode or job.pacing.mode)
        self.result = JobResult(job.name, mode, job.mode is not None, job.pacing.weight, centre.result)
        #: With agents a permit is a start as soon as there is room; without, the pacing of the job says when.
        self._pacing = Pacing() if job.mode else job.pacing
        self._permits = 0
        self._last_slot: float | None = None
        #: Since when it could start something and was not let.
        self._denied: float | None = None

    @property
    def left(self) -> int:
        """Contacts that were not called yet."""
        contacts = self.job.contacts
        result = self.centre.result
        return PLENTY if contacts is None else contacts - result.placed - result.skipped

    @property
    def finished(self) -> bool:
        return self.left <= 0 and not self.centre.in_the_air

    @property
    def waiting(self) -> int:
        return min(self.left, self._permits) if self.job.mode else self.left

    def ask(self, lines_in_use: int) -> None:
        """What the pacer wants now; what it wanted before is void, but for contacts whose agents wait for a line."""
        if self.job.mode is not None:
            wanted = self.centre.ask(lines_in_use, self.left)
            self._permits = max(wanted, min(self._permits + wanted, self.centre.floor.waiting))

    def start(self, free_ports: int, trunk: Trunk, now: float) -> int:
        centre = self.centre
        seen = Observation(self.waiting, centre.lines, free_ports, trunk, self._last_slot)
        decision = decide(self._pacing, seen, now)
        self._last_slot = decision.last_slot
        for _ in range(decision.place):
            centre.place()
        self._permits -= decision.place
        if decision.place:
            self._denied = None
        return decision.place

    def watch(self, now: float) -> None:
        """After a round: how long it has been kept from starting what it could."""
        free = Observation(self.waiting, self.centre.lines, PLENTY, Trunk(PLENTY, PLENTY), self._last_slot)
        if not self.waiting or not decide(self._pacing, free, now).place:
            self._denied = None
        elif self._denied is None:
            self._denied = now
        else:
            self.result.longest_wait = max(self.result.longest_wait, now - self._denied)


class SharedCentre:
    """`run()` gives the results of the shift, job by job."""

    def __init__(self, scenario: SharedScenario, seed: int, pacers: Mapping[str, Decides] | None = None) -> None:
        self.scenario = scenario
        self._clock = Clock()
        self._turns: Turns[str] = Turns()
        self._starts: dict[str, deque[float]] = {name: deque() for name in scenario.trunks}
        self._agents = Agents(scenario, self._clock, seed)
        self.runs: dict[str, _Run] = {}
        for number, job in enumerate(scenario.jobs):
            line = scenario.trunks[job.trunk]
            given = pacers[job.name] if pacers else pacer_for(job.configuration(line, scenario.ports))
            pacer = given if job.mode else _Nobody()
            floor = floor_for(job.mode) if job.mode else Application
            centre = Centre(job.scenario, pacer, seed + number * _APART, self._clock, floor)
            self.runs[job.name] = _Run(job, centre)
            if job.mode is not None:
                self._agents.enter(job, centre, self._finished)
        self._agents.begin()

    def run(self) -> SharedResult:
        for second in range(round(self.scenario.hours * HOUR)):
            self.step(float(second))
        self._clock.live_until(self.scenario.hours * HOUR)
        for run in self.runs.values():
            run.centre.account()
        return SharedResult([run.result for run in self.runs.values()])

    def step(self, now: float) -> None:
        """One second."""
        self._clock.live_until(now)
        self._agents.second()
        for run in self.runs.values():
            run.centre.floor.second()
            run.result.line_seconds += run.centre.lines
        for name, run in self.runs.items():
            run.ask(self._lines_not_for(name, run))
        for part in range(_ROUNDS):
            self._clock.live_until(now + part / _ROUNDS)
            self._round()
        if now % 60 == 0:
            for run in self.runs.values():
                run.centre.minute()

    def _round(self) -> None:
        waiting = {name for name, run in self.runs.items() if run.waiting}
        self._turns.go_round(self.scenario.ports, self._claims(), waiting, self._start)
        for run in self.runs.values():
            run.watch(self._clock.now)

    def _claims(self) -> dict[str, Claim]:
        claims = {}
        for name, run in self.runs.items():
            soon = min(run.waiting, run.job.pacing.soon(self._line(run).calls_per_second))
            claims[name] = run.job.claim(run.centre.lines + soon)
        return claims

    def _lines_not_for(self, name: str, run: _Run) -> int:
        """Of the lines that its pacer knows of, those in use by its calls or kept for other jobs. What others have for
        the moment is not left out: who asks for nothing is given nothing."""
        lines = min(self._line(run).channels, self.scenario.ports)
        if lines >= PLENTY:
            return run.centre.lines
        ports = allot(self.scenario.ports, {**self._claims(), name: run.job.claim(PLENTY)})[name]
        return max(run.centre.lines, lines - max(0, ports - run.centre.lines))

    def _start(self, name: str, ports: int) -> int:
        run, now = self.runs[name], self._clock.now
        free = min(self.scenario.ports - self.lines, ports - run.centre.lines)
        started = run.start(free, self._trunk(run.job.trunk), now)
        self._starts[run.job.trunk].extend([now] * started)
        return started

    @property
    def lines(self) -> int:
        """In use by all jobs."""
        return sum(run.centre.lines for run in self.runs.values())

    def _trunk(self, name: str) -> Trunk:
        line, starts = self.scenario.trunks[name], self._starts[name]
        while starts and starts[0] <= self._clock.now - 1.0:
            starts.popleft()
        in_use = sum(run.centre.lines for run in self.runs.values() if run.job.trunk == name)
        return Trunk(line.channels, line.calls_per_second, in_use, tuple(starts))

    def _line(self, run: _Run) -> Line:
        return self.scenario.trunks[run.job.trunk]

    def _finished(self, name: str) -> bool:
        return self.runs[name].finished
