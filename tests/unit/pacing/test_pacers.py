"""What holds for every mode: limits, garbage, and taking up where another process left off."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import Refused
from pacing.algorithms import (
    Abandoned,
    Configuration,
    Connected,
    Decision,
    Event,
    InboundArrived,
    Mode,
    Observation,
    Outcome,
    Placed,
    Resolved,
    TalkEnded,
    WrapupEnded,
    create,
)
from pacing.algorithms.ledger import Ledger
from pacing.algorithms.steering import Steering

seconds = st.floats(0, 4_000, allow_nan=False)
agents = st.lists(seconds, max_size=40)
ids = st.integers(0, 200)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Placed, ids),
    st.builds(Resolved, ids, st.sampled_from(Outcome), seconds),
    st.builds(Connected, ids, seconds),
    st.builds(Abandoned, ids, seconds),
    st.builds(TalkEnded, seconds, st.booleans(), st.booleans()),
    st.builds(WrapupEnded, seconds),
    st.builds(InboundArrived),
)
observations = st.builds(
    Observation,
    ready=agents,
    talking=agents,
    wrapup=agents,
    previewing=agents,
    on_break=agents,
    inbound_talking=agents,
    ringing=st.dictionaries(ids, seconds, max_size=60),
    classifying=st.dictionaries(ids, seconds, max_size=10),
    waiting=st.dictionaries(ids, seconds, max_size=10),
    inbound_waiting=agents,
    previews_accepted=st.integers(0, 10),
    events=st.lists(events, max_size=30),
)
modes = st.sampled_from(Mode)
IDLE = Observation(ready=8)


@settings(max_examples=30)
@given(modes, st.lists(st.tuples(observations, st.floats(0, 5)), max_size=5), st.integers(0, 60), st.floats(0, 30))
def test_lines_and_calls_per_second_are_never_exceeded(
    mode: Mode, shift: list[tuple[Observation, float]], lines: int, rate: float
) -> None:
    pacer = create(Configuration(mode, lines=lines, calls_per_second=rate))
    now, placed = 0.0, list[tuple[float, int]]()
    for seen, elapsed in shift:
        now += elapsed
        decision = pacer.decide(seen, now)
        lines_left = lines - len(seen.ringing) - len(seen.classifying) - len(seen.waiting) - len(seen.talking)
        assert 0 <= decision.place <= max(0, lines_left)
        placed.append((now, decision.place))
        assert sum(count for at, count in placed if at > now - 1.0 + 1e-6) <= max(1 if rate else 0, rate)
        assert set(decision.cancel) <= {call for call, age in seen.ringing.items() if age >= 15.0}


@settings(max_examples=20)
@given(observations, st.floats(1, 3))
def test_progressive_never_dials_beyond_the_agents_who_are_ready(seen: Observation, per_agent: float) -> None:
    decision = create(Configuration(Mode.PROGRESSIVE, lines_per_agent=per_agent)).decide(seen, 0.0)
    in_the_air = len(seen.ringing) + len(seen.classifying) + len(seen.waiting)
    assert decision.place <= max(0, len(seen.ready) * per_agent - in_the_air)


@pytest.mark.parametrize("mode", Mode)
def test_without_agents_nothing_is_placed(mode: Mode) -> None:
    pacer = create(Configuration(mode))
    assert [pacer.decide(Observation(), float(now)).place for now in range(5)] == [0] * 5


@pytest.mark.parametrize("limit", [{"lines": 0}, {"calls_per_second": 0.0}])
@pytest.mark.parametrize("mode", Mode)
def test_a_limit_of_zero_places_nothing(mode: Mode, limit: dict[str, Any]) -> None:
    pacer = create(Configuration(mode, **limit))
    assert pacer.decide(Observation(ready=8, previews_accepted=3), 0.0).place == 0


def test_a_rate_below_one_lets_one_call_go_in_its_whole_time() -> None:
    pacer = create(Configuration(Mode.PROGRESSIVE, calls_per_second=0.25))
    assert [pacer.decide(IDLE, float(now)).place for now in range(9)] == [1, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("seen", "named"),
    [
        (Observation(talking=[-1.0]), "talking"),
        (Observation(wrapup=[float("nan")]), "wrapup"),
        (Observation(ready=-3), "ready"),
        (Observation(ringing={1: float("inf")}), "ringing"),
        (Observation(ringing={1: "old"}), "ringing"),
        (Observation(lines_in_use=-1), "lines_in_use"),
        (Observation(events=[Resolved(1, Outcome.HUMAN, -2.0)]), "Resolved.age"),
        (Observation(events=[Resolved(1, "maybe", 2.0)]), "Resolved.outcome"),
        (Observation(events=[Resolved(1, [1.0], 2.0)]), "Resolved.outcome"),
        (Observation(events=[Abandoned(1), Resolved(["x"], Outcome.HUMAN, 2.0)]), "Resolved.call"),
        (Observation(events=[Placed({})]), "Placed.call"),
        (Observation(events=[Connected((1, []))]), "Connected.call"),
        (Observation(events=[Abandoned([1])]), "Abandoned.call"),
        (Observation(events=[TalkEnded(-5.0)]), "TalkEnded.duration"),
        (Observation(events=[TalkEnded(10**400)]), "TalkEnded.duration"),
        (Observation(talking=[10**400]), "talking"),
        (Observation(ringing={1: 10**400}), "ringing"),
        (Observation(events=[Placed(1, float("nan"))]), "Placed.at"),
        (Observation(events=[Placed(1, "now")]), "Placed.at"),
        (Observation(events=["Placed"]), "events"),
        (Observation(events=None), "events"),
        (Observation(talking=None), "talking"),
        (Observation(wrapup=2.5), "wrapup"),
        (Observation(ringing=True), "ringing"),
        (Observation(ready=[[1.0, 2.0]]), "ready"),
        (Observation(talking=10**12), "talking"),
    ],
)
def test_what_cannot_be_true_is_refused_by_name_and_changes_nothing(seen: Observation, named: str) -> None:
    pacer, other = create(Configuration()), create(Configuration())
    pacer.decide(IDLE, 0.0), other.decide(IDLE, 0.0)
    with pytest.raises(Refused, match=named):
        pacer.decide(seen, 1.0)
    assert pacer.decide(IDLE, 1.0) == other.decide(IDLE, 1.0)
    assert pacer.save() == other.save()


anything = st.one_of(
    st.floats(),
    st.integers(-5, 10**12),
    st.none(),
    st.text(max_size=2),
    st.booleans(),
    st.lists(st.floats(), max_size=3),
)


def mostly(sound: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What is rubbish all through is refused at its first field and reaches nothing behind it."""
    return st.integers(0, 3).flatmap(lambda lot: sound if lot else anything)


times = mostly(st.none() | seconds)
rubbish_events = st.lists(
    mostly(
        st.builds(Placed, mostly(ids), times)
        | st.builds(Resolved, mostly(ids), mostly(st.sampled_from(Outcome)), mostly(seconds), times)
        | st.builds(Connected, mostly(ids), mostly(seconds), times)
        | st.builds(Abandoned, mostly(ids), mostly(seconds), times)
        | st.builds(TalkEnded, mostly(seconds), anything, anything, times)
    ),
    min_size=1,
    max_size=2,
)
rubbish = st.builds(Observation, ready=st.integers(0, 9), events=rubbish_events) | st.builds(
    Observation,
    ready=mostly(agents),
    talking=mostly(agents),
    ringing=mostly(st.dictionaries(ids | st.text(max_size=1) | st.floats(), mostly(seconds), max_size=4)),
    waiting=mostly(st.integers(0, 9)),
    lines_in_use=mostly(st.none()),
    agents_logged_in=mostly(st.none()),
    events=anything | rubbish_events,
)


@settings(max_examples=15)
@given(modes, st.lists(st.tuples(rubbish, mostly(seconds)), max_size=4))
def test_rubbish_is_refused_or_survived(mode: Mode, shift: list[tuple[Observation, float]]) -> None:
    pacer = create(Configuration(mode, lines=9))
    for seen, now in shift:
        with contextlib.suppress(Refused):
            assert 0 <= pacer.decide(seen, now).place <= 9


def test_whoever_was_given_an_agent_too_late_counts_as_abandoned() -> None:
    pacer = create(Configuration(connect_within=2))
    waits = [None, 0.0, 2.0, 2.1, 40.0]
    pacer.decide(Observation(events=[Connected(call, waited) for call, waited in enumerate(waits)]), 0.0)
    assert (pacer.ledger.live, pacer.ledger.abandoned) == (5, 2)


def test_an_observer_who_says_less_agents_than_it_lists_does_not_exhaust_the_exact_reckoning() -> None:
    decision = create(Configuration()).decide(Observation(agents_logged_in=5, talking=5_000), 0.0)
    assert decision.place == 0


@pytest.mark.parametrize("idle", [20, 25, 30])
def test_a_team_that_is_idle_all_at_once_is_not_called_more_people_than_it_has_agents(idle: int) -> None:
    pacer = create(Configuration())
    for now in range(60):
        ringing = {(now, age, line): float(age) for age in range(1, 25) for line in range(8 if age < 6 else 6)}
        people = [Resolved((now, age), Outcome.HUMAN, float(age)) for age in (6, 7)]
        found = [Connected(person.call, 0.0) for person in people]
        nobody = [Resolved((now, line), Outcome.NO_ANSWER, 25.0) for line in range(6)]
        events = [*people, *found, *nobody]
        pacer.decide(Observation(talking=[500.0] * 30, ringing=ringing, events=events), float(now))
    placed = pacer.decide(Observation(ready=idle), 60.0).place
    assert 0.7 * idle < 0.25 * placed < idle


@pytest.mark.parametrize("limit", [0.0, 0.01, 0.03, 0.05, 1.0])
def test_the_threshold_begins_at_the_limit(limit: float) -> None:
    threshold = Steering(limit).threshold(Ledger(Configuration(abandonment_limit=limit)), 30.0, 1.0)
    assert threshold == pytest.approx(min(limit, 0.6), rel=0.5, abs=1e-6)


@pytest.mark.parametrize("after", [0, 5])
def test_a_pacer_that_may_cancel_at_once_still_lets_calls_ring_until_most_have_answered(after: int) -> None:
    pacer = create(Configuration(cancel_after=after))
    ringing = {call: float(call) for call in range(8, 17)}
    for now in range(40):
        decision = pacer.decide(Observation(talking=4, ringing=ringing), float(now))
        assert set(decision.cancel) == {call for call in ringing if call >= 12}
    again = create(pacer.configuration, json.loads(json.dumps(pacer.save())))
    assert again.decide(IDLE, 40.0) == pacer.decide(IDLE, 40.0)


def test_time_that_goes_back_is_refused() -> None:
    pacer = create(Configuration())
    pacer.decide(IDLE, 10.0)
    with pytest.raises(Refused, match="went back"):
        pacer.decide(IDLE, 9.0)
    with pytest.raises(Refused, match="now"):
        pacer.decide(IDLE, float("nan"))


def test_missing_events_and_unknown_calls_are_survived() -> None:
    pacer = create(Configuration())
    for now in range(60):
        seen = Observation(
            ready=2, talking=[float(now)] * 3, ringing={now: 0.5, now - 1: 1.5}, events=[Abandoned("never placed")]
        )
        assert pacer.decide(seen, float(now)).place >= 0


@settings(max_examples=16)
@given(modes, st.lists(observations, min_size=2, max_size=5), st.integers(1, 5))
def test_saving_and_restoring_changes_nothing(mode: Mode, shift: list[Observation], cut: int) -> None:
    configuration = Configuration(mode, calls_per_second=7)
    through, first = create(configuration), create(configuration)
    decided: list[Decision] = []
    for now, seen in enumerate(shift):
        decided.append(through.decide(seen, 4.0 * now))
    again = [first.decide(seen, 4.0 * now) for now, seen in enumerate(shift[:cut])]
    second = create(configuration, json.loads(json.dumps(first.save())))
    again += [second.decide(seen, 4.0 * now) for now, seen in enumerate(shift) if now >= cut]
    assert again == decided


def test_a_new_shift_goes_on_with_the_balance_of_the_last() -> None:
    pacer = create(Configuration())
    bad = [Abandoned(call) for call in range(5)] + [Connected(call) for call in range(5, 100)]
    pacer.decide(Observation(events=bad), 30_000.0)
    next_day = create(Configuration(), json.loads(json.dumps(pacer.save())), new_clock=True)
    next_day.decide(IDLE, 0.0)
    assert next_day.ledger.rate == pytest.approx(0.05)
    assert next_day.ledger.balance() == pytest.approx(-2.0)


@pytest.mark.parametrize("state", [{}, {"version": 1, "mode": "progressive"}, {"version": 1, "mode": "predictive"}])
def test_a_state_of_another_kind_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="state"):
        create(Configuration(), state)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "wild"),
        ("abandonment_limit", 3),
        ("lines", -1),
        ("ring_timeout", "long"),
        ("calls_per_second", float("nan")),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(Refused, match=field):
        Configuration(**{field: value})


def test_calls_in_the_air_stay_bounded_where_nobody_ever_answers() -> None:
    pacer = create(Configuration())
    ringing: dict[int, float] = {}
    for now in range(90):
        gone = [Resolved(call, Outcome.NO_ANSWER, age) for call, age in ringing.items() if age >= 25.0]
        ringing = {call: age + 1.0 for call, age in ringing.items() if age < 25.0}
        decision = pacer.decide(Observation(ready=4, ringing=ringing, events=gone), float(now))
        ringing = {call: age for call, age in ringing.items() if call not in decision.cancel}
        ringing |= {1_000 * now + call: 0.0 for call in range(decision.place)}
        assert len(ringing) <= 80


def test_preview_offers_records_and_dials_what_was_accepted() -> None:
    pacer = create(Configuration(Mode.PREVIEW))
    assert pacer.decide(Observation(ready=3, previews_accepted=1), 0.0) == Decision(place=1, offer=2)


def test_an_accepted_record_that_finds_no_line_is_called_as_soon_as_there_is_one() -> None:
    pacer = create(Configuration(Mode.PREVIEW, lines=2, calls_per_second=1))
    full = Observation(ready=3, previews_accepted=2, lines_in_use=2)
    assert pacer.decide(full, 0.0) == Decision(place=0, offer=1)
    again = create(pacer.configuration, json.loads(json.dumps(pacer.save())))
    free = Observation(ready=3, lines_in_use=0)
    assert [again.decide(free, float(now)).place for now in (1, 2, 3)] == [1, 1, 0]


def test_timed_preview_dials_by_itself_after_its_time() -> None:
    pacer = create(Configuration(Mode.TIMED_PREVIEW, preview_seconds=10))
    assert pacer.decide(Observation(previewing=[3.0, 10.0, 12.0]), 0.0).place == 2


def test_a_person_the_agent_found_to_be_a_machine_is_no_live_answer() -> None:
    pacer = create(Configuration())
    pacer.decide(Observation(events=[Connected(1), Connected(2), TalkEnded(6.0, machine=True)]), 0.0)
    assert pacer.ledger.live == 1


def test_what_happened_before_the_period_is_forgotten() -> None:
    pacer = create(Configuration(period=86_400.0))
    pacer.decide(Observation(events=[Abandoned(1)]), 0.0)
    pacer.decide(IDLE, 86_400.0 + 3_601)
    assert (pacer.ledger.live, pacer.ledger.abandoned) == (0, 0)


def test_the_formula_with_false_machines_counts_a_share_of_the_machines_as_people() -> None:
    pacer = create(Configuration(formula="with_false_machines", false_machine_rate=0.1))
    pacer.decide(Observation(events=[Resolved(call, Outcome.MACHINE, 9.0) for call in range(20)]), 0.0)
    assert (pacer.ledger.live, pacer.ledger.abandoned) == (pytest.approx(2.0), pytest.approx(2.0))
