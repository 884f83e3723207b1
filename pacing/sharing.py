"""Several jobs on the same ports, trunks and calls per second (pure): who gets how many, and whose turn it is.

Ports are allotted: first what is reserved for each job, then the rest by priority, inside a priority by weight, never
more than a job can use or may have. A lower priority keeps a tenth of what is shared, so that nobody starves. Starts
take turns: the job that has started least by its weight goes first, so calls per second are shared by weight too.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from common.errors import Refused

#: A job of the next priority counts so many times as much; and the part of shared ports that lower ones keep.
_STEP = 10.0
_FLOOR = 0.1

Job = TypeVar("Job", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one job can use and what the operator grants it."""

    #: Ports it has in use and could fill at once.
    wanted: int
    weight: float = 1.0
    #: Higher goes first.
    priority: int = 0
    #: Ports kept for it, used or not; 0: it shares whatever is free.
    reserved: int = 0
    #: The most it may have, None without limit.
    most: int | None = None

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise Refused("weight: give a number above 0")
        if self.wanted < 0 or self.reserved < 0 or (self.most is not None and self.most < 0):
            raise Refused("ports: give 0 or more")

    @property
    def useful(self) -> int:
        return self.wanted if self.most is None else min(self.wanted, self.most)


def allot(capacity: int, claims: Mapping[Job, Claim]) -> dict[Job, int]:
    """Ports for each job; together never more than `capacity`."""
    capacity = max(0, capacity)
    reserved = _fill(capacity, {job: (claim.reserved, claim.weight) for job, claim in claims.items()})
    given = {job: min(reserved[job], claim.useful) for job, claim in claims.items()}
    rest = capacity - sum(reserved.values())
    for level in sorted({claim.priority for claim in claims.values()}, reverse=True):
        missing = {job: claim.useful - given[job] for job, claim in claims.items() if claim.useful > given[job]}
        lower = sum(count for job, count in missing.items() if claims[job].priority < level)
        here = {job: (count, claims[job].weight) for job, count in missing.items() if claims[job].priority == level}
        kept = min(lower, _kept(rest)) if here else 0
        for job, count in _fill(rest - kept, here).items():
            given[job] += count
            rest -= count
    return given


def _kept(ports: int) -> int:
    """What lower priorities keep of so many shared ports: a tenth, at least one where there are two."""
    return max(1, round(ports * _FLOOR)) if ports > 1 else 0


def _fill(capacity: int, wants: Mapping[Job, tuple[int, float]]) -> dict[Job, int]:
    """Weighted max-min: everybody's share rises by weight until it has what it wants or nothing is left."""
    given = dict.fromkeys(wants, 0)
    while capacity > 0:
        open_ = [job for job in wants if given[job] < wants[job][0]]
        if not open_:
            break
        total = sum(wants[job][1] for job in open_)
        rounds = {job: min(int(capacity * wants[job][1] / total), wants[job][0] - given[job]) for job in open_}
        if not any(rounds.values()):
            # Less than one each: to those that have least by their weight.
            neediest = min(open_, key=lambda job: (given[job] + 1) / wants[job][1])
            rounds = {neediest: 1}
        for job, count in rounds.items():
            given[job] += count
            capacity -= count
    return given


@dataclass(slots=True)
class Turns(Generic[Job]):
    """Whose turn it is to start something. A job that wanted nothing for a while has saved nothing up."""

    _spent: dict[Job, float] = field(default_factory=dict)

    def order(self, waiting: Iterable[tuple[Job, Claim]]) -> Sequence[Job]:
        """The jobs that want to start something, the one first that has had least by weight and priority."""
        jobs = [job for job, _ in waiting]
        known = [self._spent[job] for job in jobs if job in self._spent]
        least = min(known, default=0.0)
        # Only those who wait are remembered: who comes again begins with the others.
        self._spent = {job: max(self._spent.get(job, least), least) for job in jobs}
        return sorted(jobs, key=self._spent.__getitem__)

    def took(self, job: Job, count: int, claim: Claim) -> None:
        self._spent[job] = self._spent.get(job, 0.0) + count / (claim.weight * _STEP**claim.priority)
