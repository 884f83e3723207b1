"""One running job inside an engine: its hopper, its place in the timed schedule, and what it may start now."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from engine.gate import Work
from engine.plans import JobPlan
from engine.shares import part
from engine.store import Share
from engine.store.base import EVERYTHING
from engine.tuning import Tuning
from pacing.agentless import Decision, Mode, Observation, Pacing, Trunk, decide
from pacing.hopper import Hopper
from pacing.sharing import Claim

#: Seconds of work that a hopper holds.
_AHEAD = 20.0


@dataclass(slots=True)
class JobRun:
    plan: JobPlan
    hopper: Hopper[Work]
    #: Attempts between the hopper and the channel: being gated and committed.
    starting_calls: int = 0
    starting_messages: int = 0
    refilling: bool = False
    #: Monotonic; nothing was due a moment ago, or it could not be looked, so the next look waits.
    refill_after: float = 0.0
    #: Monotonic; its pacing failed by a defect of ours a moment ago.
    rests_until: float = 0.0
    last_slot: float | None = None
    #: The lanes this engine takes of the job; None: another engine has the whole job.
    lanes: Share | None = EVERYTHING

    @classmethod
    def begin(cls, plan: JobPlan, tuning: Tuning) -> JobRun:
        return cls(plan, Hopper(hopper_size(plan, tuning), margin=tuning.lease / 10))


def hopper_size(plan: JobPlan, tuning: Tuning, lanes: Share | None = EVERYTHING) -> int:
    """No more than will start before the leases run out. Other jobs may slow this one down: `Hopper.lapsing`."""
    lanes = lanes or EVERYTHING
    pacing, most = _paced(plan.pacing, lanes), _most(plan.pacing, lanes)
    by_trunks = math.ceil(_AHEAD * sum(trunk.calls_per_second for trunk in plan.group)) + 10
    by_time = math.ceil(_AHEAD / pacing.interval) + 1 if pacing.mode is Mode.TIMED else by_trunks
    by_ports = by_trunks if most is None else most * 3 + 10
    return max(2, min(by_time, by_ports, by_trunks, tuning.hopper))


@dataclass(frozen=True, slots=True)
class Plant:
    """What limits a job's calls at this moment. `share` and `sharers`: this engine's part of the work.

    `trunk` is this engine's part of all trunks that the job's calls may leave by.
    """

    calls_of_job: int
    free_ports: int
    free_messages: int
    trunk: Trunk
    share: int = 0
    sharers: int = 1


def lanes_of(plan: JobPlan, share: Share) -> Share | None:
    """Which lanes of the job this engine takes. A limit smaller than the number of engines cannot be split: the part of
    some would be 0 and their lanes never served. Then one engine has the job whole, and all others nothing of it."""
    if _trunk_is_whole(plan, share):
        # By the trunk: its jobs must not go to several engines, each with the whole limit.
        return EVERYTHING if min(trunk.id for trunk in plan.group) % share.count == share.index else None
    if plan.pacing.most is not None and plan.pacing.most < share.count:
        return EVERYTHING if plan.job_id % share.count == share.index else None
    return share


def _trunk_is_whole(plan: JobPlan, share: Share) -> bool:
    return all(min(trunk.max_channels, trunk.calls_per_second) < share.count for trunk in plan.group)


def _paced(pacing: Pacing, lanes: Share) -> Pacing:
    """This engine's part of the job's pacing."""
    ports = part(pacing.ports, lanes.index, lanes.count)
    return replace(pacing, interval=pacing.interval * lanes.count, ports=ports)


def _most(pacing: Pacing, lanes: Share) -> int | None:
    """This engine's part of the ports that the job may have, None without limit."""
    return None if pacing.most is None else part(pacing.most, lanes.index, lanes.count)


def _last_slot(run: JobRun, lanes: Share, now: float) -> float | None:
    """Engines that begin together take turns: each starts its schedule later by its rank."""
    if run.last_slot is None and lanes.index and run.plan.pacing.mode is Mode.TIMED:
        return now - run.plan.pacing.interval * (lanes.count - lanes.index)
    return run.last_slot


def claim_of(run: JobRun, calls: int, share: Share) -> Claim:
    """The ports that the job has use for: those of its `calls`, and for what it may start in the next second. What is
    kept for it goes as its lanes do: all to the engine that has it whole, nothing to those that have none of it."""
    pacing, rate = run.plan.pacing, sum(trunk.calls_per_second for trunk in run.plan.group)
    lanes = run.lanes or share
    return Claim(
        wanted=calls + min(run.hopper.waiting(voice=True), pacing.soon(rate)),
        weight=pacing.weight,
        priority=pacing.priority,
        reserved=part(pacing.reserved, lanes.index, lanes.count) if run.lanes else 0,
        minimum=part(pacing.minimum, lanes.index, lanes.count) if run.lanes else 0,
        most=_most(pacing, lanes),
        trunks=min(trunk.id for trunk in run.plan.group),
    )


def calls_now(run: JobRun, plant: Plant, now: float) -> Decision:
    plan = run.plan
    lanes = lanes_of(plan, Share(plant.share, plant.sharers))
    if lanes is None:
        return Decision(0, last_slot=run.last_slot)
    seen = Observation(
        waiting=run.hopper.waiting(voice=True),
        in_progress=plant.calls_of_job,
        free_ports=plant.free_ports,
        trunk=plant.trunk,
        last_slot=_last_slot(run, lanes, now),
        running=plan.running,
    )
    return decide(_paced(plan.pacing, lanes), seen, now)


def messages_now(run: JobRun, plant: Plant, now: float) -> Decision:
    lanes = lanes_of(run.plan, Share(plant.share, plant.sharers))
    if lanes is None:
        return Decision(0, last_slot=run.last_slot)
    waiting = min(run.hopper.waiting(voice=False), plant.free_messages)
    last_slot = _last_slot(run, lanes, now)
    seen = Observation(waiting=waiting, in_progress=0, last_slot=last_slot, running=run.plan.running)
    return decide(_paced(run.plan.pacing, lanes), seen, now)
