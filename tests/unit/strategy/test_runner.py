from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.core.strategy import (
    Attempt,
    Decision,
    Done,
    Due,
    Finished,
    RunnerState,
    Strategy,
    WaitUntil,
    parse,
    step,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def strategy(results: str, *, counting: str = "action", more: str = "", call: str = "", head: str = "") -> Strategy:
    return parse(
        f'<Strategy xmlns="urn:clarion:strategy:1" name="s" retryCounting="{counting}" {head}>'
        f'<Handler name="call"><Call {call}><Address attribute="phone1"/><Address attribute="phone2"/>'
        f"<Results>{results}</Results></Call></Handler>{more}</Strategy>"
    )


FAIL = '<Handler name="fail"><Sms><Address attribute="phone1"/><Text>x</Text></Sms></Handler>'
POM = strategy(
    '<Result code="CALL_BUSY"><Retry count="2" intervals="30" failState="fail"/></Result>'
    '<Result code="RING_NO_ANSWER"><Retry count="4" intervals="60" failState="fail"/></Result>',
    more=FAIL,
)
POM_BY_CODE = strategy(
    '<Result code="CALL_BUSY"><Retry count="2" intervals="30" failState="fail"/></Result>'
    '<Result code="RING_NO_ANSWER"><Retry count="4" intervals="60" failState="fail"/></Result>',
    counting="code",
    more=FAIL,
)


def run(plan: Strategy, *codes: str) -> tuple[RunnerState, Decision, list[float]]:
    """Attempt after attempt with these codes: the end, and the seconds waited after each."""
    state, now = RunnerState(), NOW
    waits: list[float] = []
    decision: Decision = Done("")
    for code in codes:
        state, decision = step(plan, state, Due(), now)
        assert isinstance(decision, Attempt), (code, decision)
        state, decision = step(plan, state, Finished(code, decision.addresses[0].name), now)
        state = RunnerState.from_json(json.loads(json.dumps(state.to_json())))
        if isinstance(decision, WaitUntil):
            waits.append((decision.at - now).total_seconds())
            now = decision.at
    return state, decision, waits


def test_busy_busy_no_answer_busy_fails_as_pom_does() -> None:
    state, _, waits = run(POM, "CALL_BUSY", "CALL_BUSY", "RING_NO_ANSWER", "CALL_BUSY")
    assert waits == [30, 30, 60, 0]
    assert state.handler == "fail"


def test_busy_busy_and_three_no_answers_fails_as_pom_does() -> None:
    codes = ("CALL_BUSY", "CALL_BUSY", "RING_NO_ANSWER", "RING_NO_ANSWER")
    assert run(POM, *codes)[0].handler == "call"
    assert run(POM, *codes, "RING_NO_ANSWER")[0].handler == "fail"


def test_a_counter_per_code_lets_each_code_have_its_own_retries() -> None:
    codes = ("CALL_BUSY", "CALL_BUSY", "RING_NO_ANSWER", "RING_NO_ANSWER", "RING_NO_ANSWER", "RING_NO_ANSWER")
    assert run(POM_BY_CODE, *codes)[0].handler == "call"
    assert run(POM_BY_CODE, *codes, "RING_NO_ANSWER")[0].handler == "fail"
    assert run(POM_BY_CODE, *codes, "CALL_BUSY")[0].handler == "fail"


def test_an_interval_per_retry_or_one_for_all() -> None:
    each = strategy('<Result code="CALL_BUSY"><Retry count="3" intervals="10,20,30"/></Result>')
    assert run(each, *["CALL_BUSY"] * 3)[2] == [10, 20, 30]
    one = strategy('<Result code="CALL_BUSY"><Retry count="3" intervals="20"/></Result>')
    assert run(one, *["CALL_BUSY"] * 3)[2] == [20, 20, 20]


def dialled(plan: Strategy, *codes: str) -> list[str]:
    state, now, seen = RunnerState(), NOW, []
    for code in codes:
        state, decision = step(plan, state, Due(), now)
        if not isinstance(decision, Attempt):
            break
        seen.append(decision.addresses[0].name)
        state, decision = step(plan, state, Finished(code, decision.addresses[0].name), now)
        now = decision.at if isinstance(decision, WaitUntil) else now
    return seen


def test_a_retry_dials_its_own_addresses_in_order_and_loops_only_where_told() -> None:
    body = (
        '<Result code="CALL_BUSY"><Retry count="4" intervals="1" {}>'
        '<Address attribute="phone2"/><Address attribute="work"/></Retry></Result>'
    )
    busy = ["CALL_BUSY"] * 6
    assert dialled(strategy(body.format('looping="true"')), *busy) == ["phone1", "phone2", "work", "phone2", "work"]
    assert dialled(strategy(body.format("")), *busy) == ["phone1", "phone2", "work"]


def test_next_address_goes_through_the_addresses_and_ends_with_the_last_code() -> None:
    plan = strategy('<Result code="INVALID_NUMBER" next="next-address"/>')
    assert dialled(plan, "INVALID_NUMBER", "INVALID_NUMBER", "INVALID_NUMBER") == ["phone1", "phone2"]
    assert run(plan, "INVALID_NUMBER", "INVALID_NUMBER")[1] == Done("INVALID_NUMBER")


def test_no_callable_address_has_its_own_way_after_the_last_address() -> None:
    plan = strategy(
        '<Result code="INVALID_NUMBER" next="next-address"/><Result code="NO_CALLABLE_ADDRESS" next="fail"/>', more=FAIL
    )
    assert run(plan, "INVALID_NUMBER", "INVALID_NUMBER")[0].handler == "fail"


def test_unhandled_codes_take_the_default_and_closing_codes_end_the_contact() -> None:
    plan = parse(
        '<Strategy xmlns="urn:clarion:strategy:1" name="s"><Handler name="call"><Call><Address attribute="phone1"/>'
        f'<Results default="fail"/></Call></Handler>{FAIL}</Strategy>'
    )
    assert run(plan, "NETWORK_REFUSAL")[0].handler == "fail"
    assert run(plan, "CONTACT_DELETED")[1] == Done("CONTACT_DELETED")
    state, _ = step(plan, RunnerState(), Due(), NOW)
    assert step(plan, state, Finished("PAID", "phone1", closes=True), NOW)[1] == Done("PAID")


def test_waiting_takes_the_receipt_or_runs_out() -> None:
    plan = parse(
        '<Strategy xmlns="urn:clarion:strategy:1" name="s"><Handler name="sms">'
        '<Sms wait="1h"><Address attribute="phone1"/>'
        '<Text>x</Text><Results><Result code="SMS_SENT" next="wait"/></Results></Sms></Handler></Strategy>'
    )
    state, decision, waits = run(plan, "SMS_SENT")
    assert waits == [3600]
    assert step(plan, state, Due(), NOW)[1] == decision
    assert step(plan, state, Due(), NOW + timedelta(hours=1))[1] == Done("SMS_SENT")
    done, last = step(plan, state, Finished("SMS_DELIVERED", "phone1"), NOW)
    assert last == Done("SMS_DELIVERED")
    assert done.attempts == 1
    assert step(plan, done, Due(), NOW) == (done, last)


def test_asking_before_the_time_changes_nothing() -> None:
    state, decision, _ = run(POM, "CALL_BUSY")
    assert step(POM, state, Due(), NOW) == (state, decision)


def test_our_own_faults_are_tried_again_without_counting() -> None:
    state, _, waits = run(POM, "TRUNK_FAULT", "NO_PORTS", "CALL_BUSY", "CALL_BUSY")
    assert waits == [60, 5, 30, 30]
    assert state.attempts == 2


def test_the_guard_time_keeps_the_same_channel_quiet() -> None:
    plan = strategy('<Result code="OUTCOME_UNKNOWN"><Retry count="1" intervals="1"/></Result>')
    until = NOW + timedelta(hours=1)
    state, _ = step(plan, RunnerState(), Due(), NOW)
    state, decision = step(plan, state, Finished("OUTCOME_UNKNOWN", "phone1", not_before=until), NOW)
    assert decision == WaitUntil(until)
    assert isinstance(step(plan, state, Due(), NOW + timedelta(minutes=59))[1], WaitUntil)


def test_the_guard_time_outlasts_a_step_through_another_channel() -> None:
    sms = (
        '<Handler name="sms"><Sms><Address attribute="phone1"/><Text>x</Text><Results default="call"/></Sms></Handler>'
    )
    plan = strategy('<Result code="OUTCOME_UNKNOWN" next="sms"/>', more=sms)
    until, soon = NOW + timedelta(hours=1), NOW + timedelta(seconds=2)
    state, decision = step(plan, RunnerState(), Finished("OUTCOME_UNKNOWN", "phone1", not_before=until), NOW)
    assert decision == WaitUntil(NOW)
    state = RunnerState.from_json(json.loads(json.dumps(state.to_json())))
    state, decision = step(plan, state, Finished("SMS_SENT", "phone1"), soon)
    assert decision == WaitUntil(until)
    assert step(plan, state, Due(), soon)[1] == WaitUntil(until)
    assert isinstance(step(plan, state, Due(), until)[1], Attempt)


def test_a_state_stored_without_guard_times_still_loads() -> None:
    body = RunnerState(handler="call").to_json()
    del body["guarded"]
    assert RunnerState.from_json(body) == RunnerState(handler="call")


def test_a_loop_of_handlers_ends_at_the_most_attempts() -> None:
    plan = strategy('<Result code="NO_CALLABLE_ADDRESS" next="call"/>', head='maxAttempts="5"')
    state, decision = RunnerState(), None
    for _ in range(5):
        state, decision = step(plan, state, Finished("NO_CALLABLE_ADDRESS", attempted=False), NOW)
    assert decision == Done("NO_CALLABLE_ADDRESS")


WHOLE = strategy(
    '<Result code="CALL_BUSY FAST_BUSY"><Retry count="2" intervals="5,10" failState="fail"/></Result>'
    '<Result code="RING_NO_ANSWER"><Retry count="3" intervals="7" failState="call" looping="true">'
    '<Address attribute="phone2"/></Retry></Result>'
    '<Result code="INVALID_NUMBER" next="next-address"/><Result code="SILENCE_DETECTED" next="wait"/>',
    more=FAIL,
    head='maxAttempts="12"',
)
CODES = st.sampled_from(
    ["CALL_BUSY", "FAST_BUSY", "RING_NO_ANSWER", "INVALID_NUMBER", "SILENCE_DETECTED", "NO_PORTS", "PAID"]
)


class AnyRun(RuleBasedStateMachine):
    """Whatever happens: at most the most attempts, never before its time, and the state survives JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.now, self.made = RunnerState(), NOW, 0
        self.attempt: Attempt | None = None
        self.last: Decision | None = None

    @rule(seconds=st.floats(0, 100_000))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def asked(self) -> None:
        again = step(WHOLE, self.state, Due(), self.now)
        self.state, self.last = step(WHOLE, self.state, Due(), self.now)
        assert (self.state, self.last) == again
        if isinstance(self.last, Attempt):
            assert self.last.addresses
            assert self.state.due is None or self.now >= self.state.due
            self.attempt = self.last

    @rule(code=CODES)
    def ended(self, code: str) -> None:
        if self.attempt is None:
            return
        self.made += code != "NO_PORTS"
        address = self.attempt.addresses[0].name
        self.state, self.last = step(WHOLE, self.state, Finished(code, address), self.now)
        self.attempt = None
        assert isinstance(self.last, (WaitUntil, Done))
        assert self.state.last_code == code

    @invariant()
    def keeps_its_bounds(self) -> None:
        assert self.made <= 12
        body = json.loads(json.dumps(self.state.to_json()))
        assert len(json.dumps(body)) < 1000
        assert RunnerState.from_json(body) == self.state


TestAnyRun = AnyRun.TestCase
TestAnyRun.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
