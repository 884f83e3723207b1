"""One running job inside an engine: its hopper, its place in the timed schedule, and what it may start now."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from engine.gate import Work
from engine.plans import JobPlan
from engine.tuning import Tuning
from pacing.agentless import Decision, Mode, Observation, Trunk, decide
from pacing.hopper import Hopper

#: Seconds of work that a timed job's hopper holds.
_AHEAD = 20.0


@dataclass(slots=True)
class JobRun:
    plan: JobPlan
    hopper: Hopper[Work]
    #: Attempts between the hopper and the channel: being gated and committed.
    starting_calls: int = 0
    starting_messages: int = 0
    refilling: bool = False
    #: Monotonic; nothing was due a moment ago, so the next look waits.
    refill_after: float = 0.0
    last_slot: float | None = None

    @classmethod
    def begin(cls, plan: JobPlan, tuning: Tuning) -> JobRun:
        return cls(plan, Hopper(hopper_size(plan, tuning), margin=tuning.lease / 10))


def hopper_size(plan: JobPlan, tuning: Tuning) -> int:
    """No more than will start before the leases run out."""
    pacing = plan.pacing
    if pacing.mode is Mode.TIMED:
        wanted = math.ceil(_AHEAD / pacing.interval) + 1
    elif pacing.mode is Mode.PORTS:
        wanted = pacing.ports * 3 + 10
    else:
        wanted = tuning.hopper
    return max(2, min(wanted, tuning.hopper))


@dataclass(slots=True)
class TrunkUse:
    """When calls left by a trunk, for its calls per second; monotonic seconds of the last second."""

    starts: deque[float] = field(default_factory=deque)

    def note(self, count: int, now: float) -> None:
        self.starts.extend([now] * count)

    def recent(self, now: float) -> tuple[float, ...]:
        while self.starts and self.starts[0] <= now - 1.0:
            self.starts.popleft()
        return tuple(self.starts)


@dataclass(frozen=True, slots=True)
class Plant:
    """What limits a job's calls at this moment. `share` and `sharers`: this engine's part of the trunk."""

    calls_of_job: int
    calls_of_trunk: int
    free_ports: int
    free_messages: int
    trunk_rests: bool
    share: int = 0
    sharers: int = 1


def part(whole: int, share: int, sharers: int) -> int:
    """This engine's part of a limit, so that all parts add up to it."""
    return whole * (share + 1) // sharers - whole * share // sharers


def calls_now(run: JobRun, plant: Plant, use: TrunkUse, now: float) -> Decision:
    plan = run.plan
    trunk = Trunk(
        channels=part(plan.trunk.max_channels, plant.share, plant.sharers),
        calls_per_second=part(plan.trunk.calls_per_second, plant.share, plant.sharers),
        in_progress=plant.calls_of_trunk,
        recent_starts=use.recent(now),
        paused=plant.trunk_rests,
    )
    seen = Observation(
        waiting=run.hopper.waiting(voice=True),
        in_progress=plant.calls_of_job,
        free_ports=plant.free_ports,
        trunk=trunk,
        last_slot=run.last_slot,
        running=plan.running,
    )
    return decide(plan.pacing, seen, now)


def messages_now(run: JobRun, plant: Plant, now: float) -> Decision:
    waiting = min(run.hopper.waiting(voice=False), plant.free_messages)
    seen = Observation(waiting=waiting, in_progress=0, last_slot=run.last_slot, running=run.plan.running)
    return decide(run.plan.pacing, seen, now)
