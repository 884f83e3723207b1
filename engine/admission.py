"""From the hopper to the channel: the gate's last look, and the commit before anything leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine

from app.core.strategy import Channel
from channels.base import Message
from common.ids import new_id
from engine.gate import Work, judge
from engine.plans import JobPlan
from engine.routes import Port
from engine.store import AttemptStore, Hold, NewAttempt, Next, Parked

#: Until the trunks are asked again where none that was free could dial a number.
_ANOTHER_TRUNK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Unmade:
    """A message that cannot be made, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """`port` for a call, `message` for everything else."""

    work: Work
    attempt: NewAttempt
    message: Message | Unmade | None = None
    port: Port | None = None


Compose = Callable[[Work, NewAttempt], Message | Unmade]


def admit(
    engine: Engine,
    store: AttemptStore,
    plan: JobPlan,
    works: Sequence[Work],
    ports: Sequence[Port],
    channels: frozenset[Channel],
    compose: Compose,
    owner: str,
    now: datetime,
) -> list[Admitted]:
    """Judge once more against the database of this moment, give back what is refused, commit the attempts.

    `ports`: one for each call among `works`, in any order. Only what is answered may leave. Blocks.
    """
    verdict = judge(engine, plan, [work.claimed for work in works], channels, now)
    free, sites = list(ports), {trunk.id: trunk.site for trunk in plan.group}
    admitted: list[Admitted] = []
    surplus: list[int] = []
    waiting: list[Parked] = []
    for work in verdict.works:
        if not work.voice:
            admitted.append(_with_message(work, _attempt(work, owner, now, None), compose))
        elif not free:
            surplus.append(work.claimed.id)
        elif (port := free.pop().for_number(work.address.value, plan.numbering, sites)) is not None:
            admitted.append(Admitted(work, _attempt(work, owner, now, port), port=port))
        else:
            waiting.append(_for_another_trunk(work, now))
    begun = store.begin([item.attempt for item in admitted], now)
    # Another job was faster to the same address, or the job was paused: the next look says why it waits.
    surplus += [item.work.claimed.id for item in admitted if item.attempt.id not in begun]
    store.park(owner, [*verdict.parked, *waiting], now)
    store.release(owner, surplus)
    return [item for item in admitted if item.attempt.id in begun]


def _for_another_trunk(work: Work, now: datetime) -> Parked:
    """A trunk of the group can dial the number, but not one that is free now."""
    until = now + _ANOTHER_TRUNK
    hold = Hold("RESTRICTED_RULE", "by the dialing rules, the trunks that are free now cannot dial the number", until)
    return Parked(work.claimed.id, Next(until, work.state.to_json()), hold)


def _with_message(work: Work, attempt: NewAttempt, compose: Compose) -> Admitted:
    """The attempt remembers the text it leaves with."""
    message = compose(work, attempt)
    digest = message.digest if isinstance(message, Message) else ""
    return Admitted(work, replace(attempt, digest=digest), message)


def _attempt(work: Work, owner: str, now: datetime, port: Port | None) -> NewAttempt:
    plan, claimed = work.plan, work.claimed
    return NewAttempt(
        id=new_id(),
        organization_id=plan.organization_id,
        job_id=plan.job_id,
        job_contact_id=claimed.id,
        contact_id=claimed.contact_id,
        address_id=work.address.id,
        number=claimed.attempt_count + 1,
        channel=str(work.wanted.channel),
        action=work.wanted.name,
        address=work.address.value,
        sender=_sender(work),
        owner=owner,
        started_at=now,
        media_server=port.server if port else "",
        boot_id=port.boot_id if port else "",
        dialled=port.first_dialled if port else "",
    )


def _sender(work: Work) -> str:
    """The action's own sender, else the campaign's."""
    if work.wanted.action.sender:
        return work.wanted.action.sender
    if work.voice:
        return work.plan.caller_id
    return work.plan.senders.get(str(work.wanted.channel), "")
