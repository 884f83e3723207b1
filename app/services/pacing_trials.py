"""Pacing tried out on an organization's own traffic: asked for here, run by `app.web.trial_runner`, looked at here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from app.core.completion import SYSTEM_CODES
from app.db import write_transaction
from app.models import Attempt, AttemptState, Campaign, Job, PacingTrial, TrialState
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused

if TYPE_CHECKING:
    from pacing.simulation.past import PastCall

#: The last one is without agents, as the campaigns' own pacing says.
MODES = ("predictive", "progressive", "timed_preview", "preview", "manual", "expert", "adaptive", "ratio", "agentless")
AGENTLESS = MODES[-1]
#: Campaigns on the same agents and lines.
MOST_TOGETHER = 10
MOST_SHIFTS = 20
MOST_HOURS = 12.0
#: Agents x hours x shifts x modes: an hour of one processor, give or take.
MOST_WORK = 400_000.0
#: One of several campaigns together takes as long as so many agents, at the least: each has its pacer.
_WORTH = 100
#: Trials kept for one organization; older ones go.
_KEPT = 50
#: The newest calls that are looked at: more change no figure.
_MOST_CALLS = 20_000
#: Characters of a heading that names campaigns.
_LONG_TITLE = 180
_SILENCE = timedelta(seconds=60)
_OVER = (TrialState.COMPLETED, TrialState.CANCELLED, TrialState.FAILED)

_MACHINES = frozenset({"ANSWER_MACHINE", "ANSWER_MACHINE_MSG_LEFT", "ANSWER_MACHINE_BY_AGENT", "FAX_MODEM"})
_MACHINES_OR_SILENCE = _MACHINES | {"SILENCE_DETECTED"}
_NOBODY = frozenset({"RING_NO_ANSWER", "ATTEMPT_TIMEOUT", "CANCELLED_BY_SYSTEM"})
_FAILED = frozenset({"REJECTED_BY_USER", "BLOCKED_BY_NETWORK", "FAST_BUSY", "INVALID_NUMBER", "NETWORK_REFUSAL"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A trial as a person fills it in. Without `campaign_ids` it is of all traffic as one, with several
    of them together; `days` 0 is typical figures instead of any traffic."""

    modes: Sequence[str]
    agents: int
    hours: float
    campaign_ids: Sequence[int] = ()
    days: int = 7
    #: Share of calls that people answer, and mean seconds; None as in the traffic.
    hit_rate: float | None = None
    talk: float | None = None
    wrapup: float = 20.0
    #: Mean seconds that an agent looks at a contact, and after how many a timed preview dials.
    preview: float = 15.0
    preview_seconds: float = 15.0
    limit: float = 0.03
    detection: bool = False
    lines: int | None = None
    calls_per_second: float | None = None
    shifts: int = 3


def start(
    session: Session, actor: Actor, wanted: Wanted, now: datetime, organization_id: int | None = None
) -> PacingTrial:
    """Queue a trial. Raise Refused naming the field and the mend."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    title, asked = _asked(session, actor, wanted, now)
    home = organization_for(session, actor, organization_id)
    trial = PacingTrial(
        organization_id=home, title=title, asked=asked, result={}, created_by=actor.user_id, created_at=now
    )
    session.add(trial)
    session.flush()
    _forget_old(session, home)
    record(session, actor, "pacing_trial.start", trial, after={"title": title, "modes": list(wanted.modes)})
    return trial


def list_trials(session: Session, actor: Actor) -> list[PacingTrial]:
    """Newest first."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    return list(session.scalars(scoped(select(PacingTrial), PacingTrial, actor).order_by(PacingTrial.id.desc())))


def get_trial(session: Session, actor: Actor, trial_id: int) -> PacingTrial:
    actor.require(Permission.CAMPAIGNS_VIEW)
    return get_scoped(session, actor, PacingTrial, trial_id)


def is_over(trial: PacingTrial) -> bool:
    return trial.state in _OVER


def cancel(session: Session, actor: Actor, trial_id: int) -> None:
    """It stops within a second; modes that are through stay to be seen."""
    trial = get_trial(session, actor, trial_id)
    if trial.state == TrialState.QUEUED:
        trial.state, trial.ended_at = TrialState.CANCELLED, utcnow()
    trial.cancel_requested = True
    record(session, actor, "pacing_trial.cancel", trial)


def remove(session: Session, actor: Actor, trial_id: int) -> None:
    trial = get_trial(session, actor, trial_id)
    if not is_over(trial):
        raise Refused("it is under way; cancel it first")
    record(session, actor, "pacing_trial.delete", trial, before={"title": trial.title})
    session.delete(trial)


def claim(engine: Engine, now: datetime) -> tuple[int, dict[str, Any]] | None:
    """The oldest trial that waits, or whose runner fell silent: now the caller's. Its id, and what was asked."""
    waits = (PacingTrial.state == TrialState.QUEUED) | (
        (PacingTrial.state == TrialState.RUNNING) & (PacingTrial.seen_at < now - _SILENCE)
    )
    oldest = select(PacingTrial.id).where(waits).order_by(PacingTrial.id).limit(1)
    with engine.connect() as connection:
        if connection.scalar(oldest) is None:
            return None
    with write_transaction(engine) as session:
        row = session.execute(
            update(PacingTrial)
            .where(PacingTrial.id == oldest.with_for_update(skip_locked=True).scalar_subquery())
            .values(state=TrialState.RUNNING, seen_at=now, progress=0.0, result={})
            .returning(PacingTrial.id, PacingTrial.asked)
        ).one_or_none()
    return (row.id, row.asked) if row else None


def note(engine: Engine, trial_id: int, progress: float, result: dict[str, Any], now: datetime) -> bool:
    """Keep how far it is; False where it shall stop: cancelled, or gone."""
    with write_transaction(engine) as session:
        cancelled = session.scalar(
            update(PacingTrial)
            .where(PacingTrial.id == trial_id, PacingTrial.state == TrialState.RUNNING)
            .values(progress=progress, result=result, seen_at=now)
            .returning(PacingTrial.cancel_requested)
        )
    return cancelled is False


def end(engine: Engine, trial_id: int, state: TrialState, detail: str, now: datetime) -> None:
    with write_transaction(engine) as session:
        session.execute(
            update(PacingTrial).where(PacingTrial.id == trial_id).values(state=state, detail=detail[:255], ended_at=now)
        )


def past_calls(session: Session, actor: Actor, campaign_id: int | None, since: datetime) -> list[PastCall]:
    """Calls since then that reached the network, the newest first, at most 20,000."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    columns = (Attempt.completion_code, Attempt.started_at, Attempt.answered_at, Attempt.ended_at)
    statement = scoped(select(*columns), Attempt, actor).where(
        Attempt.channel == "voice", Attempt.state == AttemptState.DONE, Attempt.started_at >= since
    )
    if campaign_id is not None:
        statement = statement.join(Job, Job.id == Attempt.job_id).where(Job.campaign_id == campaign_id)
    rows = session.execute(statement.order_by(Attempt.started_at.desc()).limit(_MOST_CALLS))
    return [call for row in rows if (call := _past_call(*row)) is not None]


def _past_call(
    code: str, started_at: datetime, answered_at: datetime | None, ended_at: datetime | None
) -> PastCall | None:
    from pacing.algorithms import Outcome
    from pacing.simulation.past import PastCall

    until = answered_at or ended_at
    if until is None:
        return None
    seconds = max(0.0, (until - started_at).total_seconds())
    if code in _MACHINES_OR_SILENCE and answered_at is not None:
        return PastCall(Outcome.MACHINE, seconds)
    if answered_at is not None and ended_at is not None and (code not in SYSTEM_CODES or SYSTEM_CODES[code].human):
        return PastCall(Outcome.HUMAN, seconds, max(0.0, (ended_at - answered_at).total_seconds()))
    if code == "CALL_BUSY":
        return PastCall(Outcome.BUSY, seconds)
    if code in _NOBODY:
        return PastCall(Outcome.NO_ANSWER, seconds)
    return PastCall(Outcome.FAILED, seconds) if code in _FAILED else None


def _asked(session: Session, actor: Actor, wanted: Wanted, now: datetime) -> tuple[str, dict[str, Any]]:
    """Heading, and what the simulation is given."""
    from pacing.simulation.jobs import SharedScenario
    from pacing.simulation.scenario import Scenario
    from pacing.simulation.trial import paced

    _check(wanted)
    modes = [mode for mode in MODES if mode in wanted.modes]
    if _is_together(wanted):
        title, scenario = _several(session, actor, wanted, now)
        for mode in modes:
            SharedScenario.read(paced(scenario, mode, {}))
    else:
        title, traffic = _traffic(session, actor, wanted, now)
        scenario = {**traffic, **_centre(wanted), **_calls(wanted), "name": title}
        Scenario.read(scenario)
    return title[:255], {
        "scenario": scenario,
        "modes": modes,
        "shifts": wanted.shifts,
        "limit": wanted.limit,
        "preview_seconds": wanted.preview_seconds,
    }


def _centre(wanted: Wanted) -> dict[str, Any]:
    """What all campaigns share."""
    rate = wanted.calls_per_second
    return {
        "agents": wanted.agents,
        "hours": wanted.hours,
        "lines": wanted.lines,
        "calls_per_second": int(rate) if rate is not None and rate.is_integer() else rate,
    }


def _calls(wanted: Wanted) -> dict[str, Any]:
    """What the calls are like beyond the traffic that was, or instead of it."""
    own: dict[str, Any] = {
        "wrapup": {"shape": "gamma", "mean": wanted.wrapup, "cv": 0.6},
        "preview": {"shape": "gamma", "mean": wanted.preview, "cv": 0.6},
        "detection": wanted.detection,
    }
    if wanted.hit_rate is not None:
        own["hit_rate"] = wanted.hit_rate
    if wanted.talk is not None:
        own["talk"] = {"shape": "lognormal", "mean": wanted.talk, "cv": 0.9}
    return own


def _several(session: Session, actor: Actor, wanted: Wanted, now: datetime) -> tuple[str, dict[str, Any]]:
    """Campaigns together, each with its traffic, and with its pacing beside the others."""
    jobs, names, total = [], [], 0
    for campaign_id in wanted.campaign_ids:
        campaign = get_scoped(session, actor, Campaign, campaign_id)
        count, traffic = _past(session, actor, wanted, campaign, now)
        jobs.append({**traffic, **_calls(wanted), "name": campaign.name, "pacing": dict(campaign.pacing)})
        names.append(campaign.name)
        total += count
    words = f"last {wanted.days} days, {total:,} calls" if wanted.days else "typical figures"
    title = ", ".join(names)
    title = title if len(title) <= _LONG_TITLE else f"{title[:_LONG_TITLE]}…"
    return f"{title}: {words}", {**_centre(wanted), "name": title, "jobs": jobs}


def _traffic(session: Session, actor: Actor, wanted: Wanted, now: datetime) -> tuple[str, dict[str, Any]]:
    """Of all campaigns, or of one."""
    if not wanted.days:
        return "Typical figures", {}
    campaign = get_scoped(session, actor, Campaign, wanted.campaign_ids[0]) if wanted.campaign_ids else None
    count, scenario = _past(session, actor, wanted, campaign, now)
    name = campaign.name if campaign else "All campaigns"
    return f"{name}, last {wanted.days} days, {count:,} calls", scenario


def _past(
    session: Session, actor: Actor, wanted: Wanted, campaign: Campaign | None, now: datetime
) -> tuple[int, dict[str, Any]]:
    """How many calls say so, and the scenario that they make."""
    from pacing.simulation.past import scenario_of

    if not wanted.days:
        return 0, {}
    calls = past_calls(session, actor, campaign.id if campaign else None, now - timedelta(days=wanted.days))
    try:
        return len(calls), scenario_of(calls)
    except Refused as refused:
        raise Refused(f"days: {campaign.name + ': ' if campaign else ''}{refused}") from refused


def _check(wanted: Wanted) -> None:
    if not set(wanted.modes) & set(MODES):
        raise Refused("modes: choose at least one")
    size = wanted.agents
    if _is_together(wanted):
        _check_together(wanted)
        size = max(size, _WORTH * len(wanted.campaign_ids))
    if not 0 < wanted.hours <= MOST_HOURS:
        raise Refused(f"hours: give more than 0, at most {MOST_HOURS:.0f}")
    if not 1 <= wanted.shifts <= MOST_SHIFTS:
        raise Refused(f"shifts: give 1 to {MOST_SHIFTS}")
    if not 1 <= wanted.agents <= 1000:
        raise Refused("agents: give 1 to 1000")
    if size * wanted.hours * wanted.shifts * len(wanted.modes) > MOST_WORK:
        raise Refused("shifts: this is too much for one trial; take fewer shifts, hours or modes")


def _is_together(wanted: Wanted) -> bool:
    return len(wanted.campaign_ids) > 1 or AGENTLESS in wanted.modes


def _check_together(wanted: Wanted) -> None:
    rate, without_agents = wanted.calls_per_second, AGENTLESS in wanted.modes
    if len(wanted.campaign_ids) > MOST_TOGETHER:
        raise Refused(f"campaigns: choose {MOST_TOGETHER} at the most, or none for the traffic of all as one")
    if without_agents and not wanted.campaign_ids:
        raise Refused("modes: without agents the campaigns' own pacing counts; choose campaigns")
    if without_agents and rate is None:
        raise Refused("calls_per_second: without agents calls are as fast as that; give how many")
    if rate is not None and not (rate.is_integer() and rate >= 1):
        raise Refused("calls_per_second: campaigns together share whole calls; give 1, 2, 3, …")


def _forget_old(session: Session, organization_id: int) -> None:
    mine = select(PacingTrial.id).where(PacingTrial.organization_id == organization_id)
    kept = mine.order_by(PacingTrial.id.desc()).limit(_KEPT)
    session.execute(
        delete(PacingTrial).where(
            PacingTrial.organization_id == organization_id,
            PacingTrial.state.in_(_OVER),
            PacingTrial.id.not_in(list(session.scalars(kept))),
        )
    )
