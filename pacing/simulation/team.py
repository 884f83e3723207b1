"""Agents who work for several jobs: who belongs to which, and who helps out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pacing.sharing import assign
from pacing.simulation.centre import Centre
from pacing.simulation.clock import Clock
from pacing.simulation.jobs import PLENTY, Job, SharedScenario
from pacing.simulation.scenario import HOUR


class Agents:
    """All agents of the centre. Each belongs to one job, which may be another as soon as nobody talks with them."""

    def __init__(self, scenario: SharedScenario, clock: Clock, seed: int) -> None:
        self._groups = scenario.groups
        self._clock = clock
        self._chance = np.random.default_rng((seed, 4))
        self._jobs: dict[str, Job] = {}
        self._centres: dict[str, Centre] = {}
        self._finished: Callable[[str], bool] = lambda _: False
        self._group_of: dict[int, int] = {}
        self._job_of: dict[int, str] = {}
        self._numbers = 0
        self._expected = [0] * len(self._groups)
        self._leaving = [0] * len(self._groups)
        #: By group: how many of its agents each job should have, and has.
        self._aims: list[dict[str, int]] = []
        self._aimed_at: object = None
        self._has: list[dict[str, int]] = [{} for _ in self._groups]

    def enter(self, job: Job, centre: Centre, finished: Callable[[str], bool]) -> None:
        self._jobs[job.name], self._centres[job.name], self._finished = job, centre, finished
        centre.neighbours = self
        centre.floor.goes_home = self.goes_home

    def begin(self) -> None:
        """Let the first log in, and whoever is due by the staffing."""
        for at, group in enumerate(self._groups):
            self._expected[at] = group.at(0.0)
            for _ in range(self._expected[at]):
                self._log_in_within(at, max(group.log_in, 1e-9))
            for hour, count in group.staffing:
                if hour > 0:
                    self._clock.at(hour * HOUR, self._staff, (at, count))

    def second(self) -> None:
        """Give ready agents to the jobs that have too few of them."""
        self._aim()
        for at, aims in enumerate(self._aims):
            has = self._has[at]
            short = [job for job in aims for _ in range(aims[job] - has.get(job, 0))]
            for job in [job for job in has if short and has[job] > aims.get(job, 0)]:
                spare = [agent for agent in self._centres[job].floor.ready if self._group_of[agent] == at]
                for agent in spare[: has[job] - aims.get(job, 0)]:
                    if short:
                        self._move(agent, short.pop(0))

    def fetch(self, centre: Centre) -> bool:
        """The agent who has been ready longest among those who can work for this job and can be spared by theirs."""
        job = self._name(centre)
        if not self._takes_more(job):
            return False
        found = [
            (since, agent)
            for name, other in self._centres.items()
            if name != job and self._spares(name)
            for agent, since in other.floor.ready.items()
            if job in self._groups[self._group_of[agent]].jobs
        ]
        if not found:
            return False
        self._move(min(found)[1], job)
        return True

    def offer(self, centre: Centre) -> None:
        """Who has just become ready helps out where a person has waited longest."""
        home = self._name(centre)
        agent = next(reversed(centre.floor.ready))
        able = self._groups[self._group_of[agent]].jobs
        waiting = [
            (since, name)
            for name, other in self._centres.items()
            if name in able and name != home and self._takes_more(name)
            if (since := other.waiting_since) is not None
        ]
        if waiting and self._spares(home):
            job = min(waiting)[1]
            self._move(agent, job)
            self._centres[job].agent_free()

    def goes_home(self, agent: int) -> bool:
        at = self._group_of[agent]
        if not self._leaving[at]:
            return False
        self._leaving[at] -= 1
        self._forget(agent)
        return True

    def _name(self, centre: Centre) -> str:
        return next(name for name, one in self._centres.items() if one is centre)

    def _of_job(self, job: str) -> int:
        return sum(has.get(job, 0) for has in self._has)

    def _spares(self, job: str) -> bool:
        """Whether an agent of this job may help out: what is reserved for it stays."""
        return self._of_job(job) > self._jobs[job].reserved_agents

    def _takes_more(self, job: str) -> bool:
        most = self._jobs[job].most_agents
        return most is None or self._of_job(job) < most

    def _aim(self) -> None:
        """Reckon anew how many agents each job should have, when something has changed."""
        counts = tuple(sum(has.values()) for has in self._has)
        finished = tuple(self._finished(job) for job in self._jobs)
        if (counts, finished) != self._aimed_at:
            self._aimed_at = (counts, finished)
            wanted = zip(self._jobs.items(), finished, strict=True)
            claims = {name: job.agents_claim(0 if over else PLENTY) for (name, job), over in wanted}
            groups = [(count, group.jobs) for count, group in zip(counts, self._groups, strict=True)]
            self._aims = assign(groups, claims)

    def _move(self, agent: int, job: str) -> None:
        since, due = self._centres[self._job_of[agent]].floor.leave(agent)
        self._count(agent, -1)
        self._job_of[agent] = job
        self._count(agent, 1)
        self._centres[job].floor.join(agent, since, due)

    def _count(self, agent: int, by: int) -> None:
        has, job = self._has[self._group_of[agent]], self._job_of[agent]
        has[job] = has.get(job, 0) + by

    def _forget(self, agent: int) -> None:
        self._count(agent, -1)
        del self._job_of[agent], self._group_of[agent]

    def _log_in_within(self, at: int, seconds: float) -> None:
        self._clock.at(self._clock.now + float(self._chance.uniform(0, seconds)), self._log_in, at)

    def _log_in(self, at: int) -> None:
        """To the job of the group that has fewest by its weight; `second` puts right what that leaves."""
        group, has = self._groups[at], self._has[at]
        if not group.jobs:
            return
        job = min(group.jobs, key=lambda name: (has.get(name, 0) + 1) / self._jobs[name].pacing.weight)
        self._numbers += 1
        agent = self._numbers
        self._group_of[agent], self._job_of[agent] = at, job
        self._count(agent, 1)
        self._centres[job].floor.log_in(agent)

    def _staff(self, what: tuple[int, int]) -> None:
        """So many of the group from now on: some log in over the next minutes, others go when they are ready."""
        at, count = what
        missing, self._expected[at] = count - self._expected[at], count
        for _ in range(missing):
            self._log_in_within(at, 300.0)
        ready = [agent for centre in self._centres.values() for agent in centre.floor.ready]
        ready = [agent for agent in ready if self._group_of[agent] == at][: max(0, -missing)]
        for agent in ready:
            self._centres[self._job_of[agent]].floor.leave(agent)
            self._forget(agent)
        self._leaving[at] += max(0, -missing - len(ready))
