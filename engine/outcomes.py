"""From what a channel reported to the attempt's outcome and what follows for the contact. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from app.core.completion import code_for_call
from app.core.compliance import GUARD
from app.core.strategy import Done, Finished, RunnerState, WaitUntil, step
from channels.base import Outcome as ChannelOutcome
from common.control import CallStatus, Disposition
from common.tasks import note_failure
from engine.plans import CodeFlags, JobPlan
from engine.routes import trunk_of
from engine.store import FinishedAttempt, NewAttempt, Next, Outcome

#: The code that a contact is closed with who was listed between the gate's look and the leaving.
CLOSED_BY_DNC = "IN_DNC_LIST"
_PLAIN = CodeFlags(closes=False, nuisance=False)


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt under way: what is needed to finish it."""

    attempt: NewAttempt
    plan: JobPlan
    state: RunnerState
    #: The name of the address used (phone1).
    address_name: str
    #: Why we cancelled the call ourselves: the code the contact is closed with, "" where we did not.
    closed_as: str = ""


class TrunkRest(NamedTuple):
    """A trunk by which no call leaves until then, and why."""

    trunk: int
    until: datetime
    reason: str


def follow(plan: JobPlan, state: RunnerState, event: Finished, now: datetime) -> Next:
    """What the strategy makes of the event, as the store keeps it."""
    after, decision = step(plan.strategy, state, event, now)
    body = after.to_json()
    if isinstance(decision, Done):
        return Next(now, body, after.last_code, final_code=decision.code or event.code)
    return Next(decision.at if isinstance(decision, WaitUntil) else now, body, after.last_code)


def close(state: RunnerState, code: str, now: datetime) -> Next:
    """Done with `code`, whatever the strategy would say."""
    return Next(now, state.to_json(), state.last_code or code, final_code=code)


def finish(running: Running, outcome: Outcome, now: datetime) -> FinishedAttempt:
    attempt, code = running.attempt, outcome.completion_code
    flags = running.plan.codes.get(code, _PLAIN)
    if running.closed_as and code == "CANCELLED_BY_SYSTEM":
        following = close(running.state, running.closed_as, now)
    else:
        not_before = now + GUARD if code == "OUTCOME_UNKNOWN" else None
        event = Finished(code, running.address_name, flags.closes, not_before=not_before)
        following = _following(running, event, now)
    return FinishedAttempt(
        attempt.id,
        attempt.job_contact_id,
        attempt.contact_id,
        attempt.number,
        outcome,
        following,
        opts_out=flags.do_not_call,
    )


def _following(running: Running, event: Finished, now: datetime) -> Next:
    try:
        return follow(running.plan, running.state, event, now)
    except Exception as error:
        # An outcome that is not written would be asked for again and again, and the contact never be done.
        note_failure("strategy", error, job=running.plan.job_id, attempt=running.attempt.id)
        return close(running.state, event.code, now)


def trunk_taken(status: CallStatus, plan: JobPlan) -> int:
    """The trunk that the call went by, the last one tried."""
    named = trunk_of(status.trunk)
    return named if named in {trunk.id for trunk in plan.group} else plan.trunk.id


def trunk_rests(
    status: CallStatus, plan: JobPlan, outcome: Outcome, now: datetime, *, rest: float, longest: float
) -> list[TrunkRest]:
    """Trunks that no call shall leave by for a while: those that cannot be used for `rest` seconds, those that asked to
    be left alone as long as they asked, `longest` at most."""
    group = {trunk.id for trunk in plan.group}
    found: dict[int, TrunkRest] = {}
    for fault in status.faults:
        trunk = trunk_of(fault.trunk)
        seconds = min(float(fault.retry_after), longest) or (rest if fault.down else 0.0)
        if trunk in group and trunk is not None and seconds:
            asked = f" (Retry-After: {fault.retry_after} s)" if fault.retry_after else ""
            found[trunk] = TrunkRest(trunk, now + timedelta(seconds=seconds), fault.reason + asked)
    if outcome.completion_code == "TRUNK_FAULT":
        trunk = trunk_taken(status, plan)
        reason = outcome.reason or f"SIP {outcome.sip_status}"
        found.setdefault(trunk, TrunkRest(trunk, now + timedelta(seconds=rest), reason))
    return list(found.values())


def of_call(status: CallStatus, plan: JobPlan, now: datetime, *, trunk_silent: bool = False) -> Outcome:
    return of_status(status, plan.codes, now, trunk_silent=trunk_silent)


def with_dialled(outcome: Outcome, attempt: NewAttempt, dialled: Mapping[str, str], trunk: str) -> Outcome:
    """Where another trunk than the first took the call and dials the number otherwise, the result says what."""
    text = dialled.get(trunk, "")
    if not dialled or not trunk or text == attempt.dialled:
        return outcome
    return replace(outcome, result={**(outcome.result or {}), "dialled": text or attempt.address})


def of_status(
    status: CallStatus, codes: Mapping[str, CodeFlags], now: datetime, *, trunk_silent: bool = False
) -> Outcome:
    """The outcome of a finished call. A script's own `completion_code` wins, where it is a known code."""
    code, reason = code_for_call(status, trunk_silent=trunk_silent), _reason(status)
    own = status.exit.get("completion_code")
    if own and status.disposition is Disposition.ANSWERED:
        if str(own) in codes:
            code = str(own)
        else:
            reason = f"the script set the unknown completion code {str(own)[:64]}"
    return Outcome(
        completion_code=code,
        ended_at=_moment(status.times.ended) or now,
        disposition=str(status.disposition or ""),
        sip_status=status.sip_status,
        reason=reason,
        nuisance=codes.get(code, _PLAIN).nuisance,
        ringing_at=_moment(status.times.ringing),
        answered_at=_moment(status.times.answered),
        result=_result(status),
        trace=status.trace,
    )


def _reason(status: CallStatus) -> str:
    """The final response's words, and the network's own behind them."""
    return "; ".join(text for text in (status.reason, status.release) if text)


def of_message(sent: ChannelOutcome, now: datetime) -> Outcome:
    return Outcome(
        completion_code=sent.code,
        ended_at=sent.at or now,
        reason=sent.detail,
        provider_id=sent.provider_id[:64],
        result=dict(sent.extra) or None,
    )


def _result(status: CallStatus) -> dict[str, object]:
    rtp = status.rtp
    return {
        **_answer(status),
        "exit": dict(status.exit),
        "dtmf": status.dtmf,
        "dialog": str(status.dialog or ""),
        "rtp": {
            "sent": rtp.sent,
            "received": rtp.received,
            "lost": rtp.lost,
            "jitter_ms": rtp.jitter_ms,
            "remote_lost": rtp.remote_lost,
            "remote_jitter_ms": rtp.remote_jitter_ms,
        },
    }


def _answer(status: CallStatus) -> dict[str, object]:
    """Who answered and when it was known; nothing where nobody asked."""
    if not status.answered_by and not status.sound:
        return {}
    times = status.times
    moments = {
        "start_of_speech": times.start_of_speech,
        "greeting_end": times.greeting_end,
        "beep": times.beep,
        "classified": times.classified,
        "corrected": times.corrected,
        "message": times.message,
    }
    known = {name: at for name, at in moments.items() if at}
    return {"answer": {"by": status.answered_by, "sound": status.sound, **known}}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
