"""Several jobs on the same ports, trunks, calls per second and agents (pure): who gets how many, and whose turn it is.

Ports are allotted: first what is reserved for each job, then the minimum of each as far as it has use for it, then the
rest by priority, inside a priority by weight, never more than a job can use or may have. A lower priority keeps a tenth
of what is shared, so that nobody starves. Starts take turns: the job that has started least by its weight goes first,
so calls per second are shared by weight too. Agents are assigned by the same claims, as far as their skills go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from common.errors import Refused

#: A job counts so many times as much as one of the next lower priority among those it takes turns with, however far the
#: two numbers are apart; two steps at the most, so that the last gets a hundredth.
_STEP = 10.0
_STEPS = 2
#: The part of shared ports that lower priorities keep.
_FLOOR = 0.1

#: Starts that a job may save up: pacers with agents want now none, now a few.
_SAVED = 5.0

Job = TypeVar("Job", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one job can use of ports or agents, and what the operator grants it."""

    #: Those it has in use and could fill at once.
    wanted: int
    weight: float = 1.0
    #: Higher goes first.
    priority: int = 0
    #: Kept for it, used or not; 0: it shares whatever is free.
    reserved: int = 0
    #: Its own before anybody's weight counts, but lent to others while it has no use for them.
    minimum: int = 0
    #: The most it may have, None without limit.
    most: int | None = None
    #: What its calls leave by: jobs on the same trunks take turns.
    trunks: Hashable = None

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise Refused("weight: give a number above 0")
        if min(self.wanted, self.reserved, self.minimum, self.most or 0) < 0:
            raise Refused("wanted, reserved, minimum, most: give 0 or more")

    @property
    def useful(self) -> int:
        return self.wanted if self.most is None else min(self.wanted, self.most)


def allot(capacity: int, claims: Mapping[Job, Claim]) -> dict[Job, int]:
    """Ports for each job; together never more than `capacity`."""
    capacity = max(0, capacity)
    reserved = _fill(capacity, {job: (claim.reserved, claim.weight) for job, claim in claims.items()})
    given = {job: min(reserved[job], claim.useful) for job, claim in claims.items()}
    rest = capacity - sum(reserved.values())
    below = {job: min(claim.minimum, claim.useful) - given[job] for job, claim in claims.items()}
    for job, count in _fill(rest, {job: (count, claims[job].weight) for job, count in below.items()}).items():
        given[job] += count
        rest -= count
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
    """Whose turn it is to start something, by start-time fair queueing: each start costs a job the more the less it
    weighs, and whoever has spent least goes first. Nobody saves anything up: who wanted nothing, or was kept by its own
    pacing or by its ports, goes on from where those stand that did start on the same trunks.

    What a start costs depends on who waits for the same trunks: one of the highest priority there costs 1 by weight 1.
    When that changes, each job stays as many of its own starts ahead or behind as it was."""

    #: What each has spent, and what one start cost it then.
    _spent: dict[Job, tuple[float, float]] = field(default_factory=dict)
    #: By trunks: what the one had spent who started last, and how much the priorities count that wait.
    _reached: dict[Hashable, float] = field(default_factory=dict)
    _counts: dict[Hashable, dict[int, float]] = field(default_factory=dict)

    def order(self, waiting: Iterable[tuple[Job, Claim]]) -> Sequence[Job]:
        """The jobs that want to start something, the one first that has had least by weight and priority."""
        claims = dict(waiting)
        by_trunks: dict[Hashable, list[Claim]] = {}
        for claim in claims.values():
            by_trunks.setdefault(claim.trunks, []).append(claim)
        self._counts = {trunks: _steps(those) for trunks, those in by_trunks.items()}
        spent = {job: self._least(job, claim) for job, claim in claims.items()}
        self._spent |= {job: (spent[job], self._cost(claim)) for job, claim in claims.items()}
        return sorted(spent, key=spent.__getitem__)

    def took(self, job: Job, count: int, claim: Claim) -> None:
        if count:
            spent = self._least(job, claim)
            self._reached[claim.trunks] = max(spent, self._reached.get(claim.trunks, 0.0))
            cost = self._cost(claim)
            self._spent[job] = spent + count * cost, cost

    def _least(self, job: Job, claim: Claim) -> float:
        reached, cost = self._reached.get(claim.trunks, 0.0), self._cost(claim)
        spent, then = self._spent.get(job, (0.0, cost))
        if then != cost:
            spent = reached + (spent - reached) * cost / then
        return max(spent, reached - _SAVED * cost)

    def _cost(self, claim: Claim) -> float:
        return 1.0 / (claim.weight * self._counts.get(claim.trunks, {}).get(claim.priority, 1.0))

    def go_round(
        self, ports: int, claims: Mapping[Job, Claim], waiting: Collection[Job], start: Callable[[Job, int], int]
    ) -> None:
        """Let each job of `waiting` start what it may: `start(job, its ports, those in use among them)` says how many
        did."""
        self._spent = {job: spent for job, spent in self._spent.items() if job in claims}
        # Who is alone is bound by nothing but its own maximum.
        alone = {job: ports if claim.most is None else min(ports, claim.most) for job, claim in claims.items()}
        given = allot(ports, claims) if len(claims) > 1 else alone
        for job in self.order([(job, claim) for job, claim in claims.items() if job in waiting]):
            self.took(job, start(job, given[job]), claims[job])


def assign(groups: Sequence[tuple[int, Collection[Job]]], claims: Mapping[Job, Claim]) -> list[dict[Job, int]]:
    """Agents for each job: of each group so many who can work for these jobs, in the order of `groups`.

    Whoever can do least is assigned first. What is reserved goes before, then one for each job (nobody starves), then
    the minimum of each, then by weight, each step of priority among those who can have the agent counting ten times.
    """
    given = dict.fromkeys(claims, 0)
    assigned: list[dict[Job, int]] = [{} for _ in groups]
    for at in sorted(range(len(groups)), key=lambda at: len(groups[at][1])):
        count, able = groups[at]
        jobs = [job for job in claims if job in able]
        counts = _steps(claims[job] for job in jobs)
        for _ in range(count):
            open_ = [job for job in jobs if given[job] < _agents_most(claims[job])]
            if not open_:
                break
            job = min(open_, key=lambda job: _need(claims[job], given[job], counts))
            given[job] += 1
            assigned[at][job] = assigned[at].get(job, 0) + 1
    return assigned


def _agents_most(claim: Claim) -> int:
    return max(claim.useful, claim.reserved)


def _need(claim: Claim, given: int, counts: Mapping[int, float]) -> tuple[int, float]:
    """How soon the next agent is for this job: the least goes first."""
    steps = (given < claim.reserved, given < min(1, claim.useful), given < min(claim.minimum, claim.useful), True)
    step = steps.index(True)
    return step, (given + 1) / (claim.weight * (counts[claim.priority] if step == 3 else 1.0))


def _steps(claims: Iterable[Claim]) -> dict[int, float]:
    """How much each priority counts beside the highest of them."""
    levels = sorted({claim.priority for claim in claims}, reverse=True)
    return {level: _STEP ** -min(at, _STEPS) for at, level in enumerate(levels)}
