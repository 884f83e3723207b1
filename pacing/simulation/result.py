"""What a shift came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TypeAlias

from pacing.simulation.levels import HalfHours

#: Agents ready, talking and in wrap-up, calls ringing, abandoned so far, live so far; agents who look at contacts or
#: dial, and who work for inbound callers.
Minute: TypeAlias = tuple[int, int, int, int, int, int, int, int]


@dataclass(slots=True)
class Result:
    #: Agent-seconds logged in (breaks left out), in conversation with people, in wrap-up, lost on machines.
    logged_in: float = 0.0
    talk: float = 0.0
    wrapup: float = 0.0
    machine_talk: float = 0.0
    inbound_talk: float = 0.0
    #: Agent-seconds spent looking at contacts, and lent by blending to the inbound team.
    preview: float = 0.0
    lent: float = 0.0
    #: Seconds that people talked with an application, in jobs without agents.
    application_talk: float = 0.0
    placed: int = 0
    cancelled: int = 0
    #: Contacts that agents looked at and did not call.
    skipped: int = 0
    #: People who answered; who met no agent in time; who were taken for machines and hung up on.
    live: int = 0
    abandoned: int = 0
    false_machines: int = 0
    #: Seconds that connected people waited after answering, and agents for their next conversation.
    person_waits: list[float] = field(default_factory=list)
    agent_waits: list[float] = field(default_factory=list)
    inbound_waits: list[float] = field(default_factory=list)
    inbound_lost: int = 0
    callers: HalfHours = field(default_factory=HalfHours)
    #: Agents whom blending took from outbound and gave back.
    acquired: int = 0
    released: int = 0
    minutes: list[Minute] = field(default_factory=list)

    @property
    def utilisation(self) -> float:
        """The share of logged-in time spent for people: talk and wrap-up."""
        return (self.talk + self.wrapup + self.inbound_talk) / self.logged_in if self.logged_in else 0.0

    @property
    def abandonment(self) -> float:
        """Abandoned of people who answered (and were not taken for machines)."""
        return self.abandoned / self.live if self.live else 0.0

    @property
    def abandonment_with_false_machines(self) -> float:
        """As above; people taken for machines count as abandoned too."""
        total = self.live + self.false_machines
        return (self.abandoned + self.false_machines) / total if total else 0.0

    @property
    def talk_minutes_an_hour(self) -> float:
        return 60 * (self.talk + self.inbound_talk) / self.logged_in if self.logged_in else 0.0

    @classmethod
    def together(cls, results: Sequence[Result]) -> Result:
        """The sum of what ran side by side, minute by minute too."""
        whole = cls()
        for each in fields(cls):
            values = [getattr(result, each.name) for result in results]
            if each.name == "minutes":
                whole.minutes = [_added(rows) for rows in zip(*values, strict=True)]
            elif each.name == "callers":
                whole.callers = HalfHours.together(values)
            elif isinstance(getattr(whole, each.name), list):
                setattr(whole, each.name, [value for of_one in values for value in of_one])
            else:
                setattr(whole, each.name, sum(values))
        return whole


@dataclass(slots=True)
class JobResult:
    """One of several jobs."""

    name: str
    mode: str
    with_agents: bool
    weight: float
    result: Result
    #: Seconds that its calls held lines.
    line_seconds: float = 0.0
    #: The longest time in seconds for which it could have started a call and was let start none.
    longest_wait: float = 0.0


@dataclass(slots=True)
class SharedResult:
    jobs: list[JobResult]

    @property
    def with_agents(self) -> Result:
        """All jobs that agents work for."""
        return Result.together([job.result for job in self.jobs if job.with_agents])

    def share_of_lines(self, job: JobResult) -> float:
        """Of the lines that were in use, the part that this job had."""
        return job.line_seconds / max(1e-9, sum(one.line_seconds for one in self.jobs))

    def share_of_calls(self, job: JobResult) -> float:
        return job.result.placed / max(1, sum(one.result.placed for one in self.jobs))

    def share_by_weight(self, job: JobResult) -> float:
        return job.weight / sum(one.weight for one in self.jobs)


def _added(minutes: Sequence[Minute]) -> Minute:
    ready, talking, wrapup, ringing, abandoned, live, looking, inbound = (
        sum(column) for column in zip(*minutes, strict=True)
    )
    return ready, talking, wrapup, ringing, abandoned, live, looking, inbound


def complete(kept: Sequence[int]) -> Minute:
    """A minute as it was kept, perhaps before its last columns were thought of."""
    ready, talking, wrapup, ringing, abandoned, live, looking, inbound = (*kept, *[0] * (8 - len(kept)))
    return ready, talking, wrapup, ringing, abandoned, live, looking, inbound
