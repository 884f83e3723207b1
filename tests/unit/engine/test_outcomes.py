from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.core.compliance import GUARD
from app.core.strategy import RunnerState
from channels.base import Outcome as Sent
from common.control import CallStatus, Disposition, RtpStats, Times
from engine import outcomes
from engine.outcomes import Running
from engine.store import NewAttempt, Outcome
from tests.support.job_plans import NOW, PLAN

ATTEMPT = NewAttempt("a1", 1, 1, 7, 8, 9, 1, "voice", "call/voice", "+12025550199", "+12025550100", "me", NOW)
RUNNING = Running(ATTEMPT, PLAN, RunnerState(), "phone1")


def answered(**values: object) -> CallStatus:
    status = CallStatus("a1", "boot", "ended", Disposition.ANSWERED, 200)
    return replace(status, **values)


def test_the_scripts_own_code_wins_where_it_is_known() -> None:
    assert outcomes.of_call(answered(exit={"completion_code": "PAID"}), PLAN, NOW).completion_code == "PAID"
    unknown = outcomes.of_call(answered(exit={"completion_code": "NONSENSE"}), PLAN, NOW)
    assert unknown.completion_code == "ANSWER_HUMAN"
    assert "NONSENSE" in unknown.reason
    refused = CallStatus("a1", "boot", "ended", Disposition.REFUSED, 486, exit={"completion_code": "PAID"})
    assert outcomes.of_call(refused, PLAN, NOW).completion_code == "CALL_BUSY"


def test_keeps_the_calls_moments_and_figures() -> None:
    status = answered(
        times=Times("2026-01-05T12:00:00.000Z", "2026-01-05T12:00:01.000Z", None, "2026-01-05T12:00:09.500Z"),
        dtmf="1",
        rtp=RtpStats(sent=5),
        exit={"answer": "1"},
    )
    outcome = outcomes.of_call(status, PLAN, NOW)
    assert outcome.ringing_at == NOW + timedelta(seconds=1)
    assert outcome.ended_at == NOW + timedelta(seconds=9.5)
    assert outcome.result is not None
    assert outcome.result["exit"] == {"answer": "1"}
    assert outcome.result["dtmf"] == "1"


def test_what_follows_is_the_strategys_word() -> None:
    busy = outcomes.finish(RUNNING, Outcome("CALL_BUSY", NOW), NOW)
    assert (busy.next.state, busy.next.due_at) == ("ready", NOW + timedelta(seconds=20))
    done = outcomes.finish(RUNNING, Outcome("ANSWER_HUMAN", NOW), NOW)
    assert (done.next.state, done.next.final_code) == ("done", "ANSWER_HUMAN")
    closed = outcomes.finish(RUNNING, Outcome("DECEASED", NOW), NOW)
    assert closed.next.final_code == "DECEASED"


def test_a_persons_wish_not_to_be_called_is_told_to_the_store() -> None:
    assert outcomes.finish(RUNNING, Outcome("AGENT_DNC", NOW), NOW).opts_out
    assert not outcomes.finish(RUNNING, Outcome("AGENT_REFUSED", NOW), NOW).opts_out


def test_an_unknown_outcome_is_not_redialled_inside_the_guard_time() -> None:
    lost = outcomes.finish(RUNNING, Outcome("OUTCOME_UNKNOWN", NOW), NOW)
    assert lost.next.due_at == NOW + GUARD


def test_a_call_we_cancelled_for_a_do_not_call_entry_closes_the_contact() -> None:
    running = replace(RUNNING, closed_as="IN_DNC_LIST")
    assert outcomes.finish(running, Outcome("CANCELLED_BY_SYSTEM", NOW), NOW).next.final_code == "IN_DNC_LIST"
    crossed = outcomes.finish(running, Outcome("CALL_BUSY", NOW), NOW)
    assert crossed.next.state == "ready"


def test_a_messages_outcome() -> None:
    outcome = outcomes.of_message(Sent("SMS_SENT", final=False, provider_id="SM1", detail="queued", at=NOW), NOW)
    assert (outcome.completion_code, outcome.provider_id, outcome.ended_at) == ("SMS_SENT", "SM1", NOW)
