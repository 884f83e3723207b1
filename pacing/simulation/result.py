"""What a shift came to."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Result:
    #: Agent-seconds logged in (breaks left out), in conversation with people, in wrap-up, lost on machines.
    logged_in: float = 0.0
    talk: float = 0.0
    wrapup: float = 0.0
    machine_talk: float = 0.0
    inbound_talk: float = 0.0
    placed: int = 0
    cancelled: int = 0
    #: People who answered; who met no agent in time; who were taken for machines and hung up on.
    live: int = 0
    abandoned: int = 0
    false_machines: int = 0
    #: Seconds that connected people waited after answering, and agents for their next conversation.
    person_waits: list[float] = field(default_factory=list)
    agent_waits: list[float] = field(default_factory=list)
    inbound_waits: list[float] = field(default_factory=list)
    inbound_lost: int = 0
    #: Each minute: ready, talking, in wrap-up, ringing, abandoned so far, live so far.
    minutes: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)

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
