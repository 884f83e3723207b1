"""Admission by load: how many calls it bears, what closes it, what opens it, and that it opens slowly."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.switch.loadgate import GateState, LoadGate, Observation

STEP = 0.5
CALM = Observation()
LATE = Observation(late_packets=0.2)
BETWEEN = Observation(late_packets=0.005)


class Bench:
    def __init__(self) -> None:
        self.gate = LoadGate()
        self.now = 0.0

    def see(self, seen: Observation, seconds: float) -> GateState:
        for _ in range(round(seconds / STEP)):
            self.now += STEP
            self.gate.decide(seen, self.now)
        return self.gate.state

    def until(self, state: GateState, seen: Observation = CALM) -> float:
        """Seconds until then."""
        begun = self.now
        while self.see(seen, STEP) is not state:
            assert self.now - begun < 120, f"never {state}"
        return self.now - begun

    def admitted(self, wanted: int) -> int:
        return sum(not self.gate.admit() for _ in range(wanted))


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (LATE, "20 % of packets leave more than 20 ms late"),
        (Observation(late_turns=0.5), "50 % of the loop's turns come more than 50 ms late"),
        (Observation(stalled=True), "too late to be caught up"),
        (Observation(late_packets=0.2, busy=0.97), "cpu exhausted"),
    ],
)
def test_lateness_that_lasts_refuses_new_calls_and_says_why(seen: Observation, words: str) -> None:
    bench = Bench()
    assert bench.see(seen, 1.5) is GateState.CLOSED
    assert words in bench.gate.admit()
    assert words in bench.gate.decision.reason
    assert bench.gate.decision.room == 0


def test_one_hiccup_refuses_nobody() -> None:
    bench = Bench()
    for _ in range(5):
        assert bench.see(LATE, 1) is GateState.OPEN
        assert bench.see(CALM, 1) is GateState.OPEN
    assert bench.admitted(1000) > 50


def test_lateness_that_comes_and_goes_within_seconds_lasts() -> None:
    bench = Bench()
    for _ in range(3):
        bench.see(LATE, 1)
        bench.see(CALM, STEP)
    assert bench.gate.state is GateState.CLOSED


def test_what_is_late_without_being_overloaded_neither_closes_nor_opens() -> None:
    bench = Bench()
    assert bench.see(BETWEEN, 10) is GateState.OPEN
    bench.until(GateState.CLOSED, LATE)
    assert bench.see(BETWEEN, 60) is GateState.CLOSED


def test_after_calm_calls_come_in_slowly_twice_as_many_each_second() -> None:
    bench = Bench()
    bench.until(GateState.CLOSED, LATE)
    assert bench.until(GateState.RECOVERING) >= 3
    each = [bench.admitted(1000)]
    while bench.gate.state is GateState.RECOVERING:
        bench.see(CALM, 1)
        each.append(bench.admitted(1000))
    assert each[0] == 2
    assert all(more <= 2.1 * less + 1 for less, more in pairwise(each[:-1]))
    assert each[-1] > 50
    assert len(each) >= 7


def test_each_relapse_doubles_the_wait_until_it_has_been_open() -> None:
    bench = Bench()
    waits = []
    for _ in range(6):
        bench.until(GateState.CLOSED, LATE)
        waits.append(bench.until(GateState.RECOVERING))
    assert waits == sorted(waits)
    assert waits[1] > 1.5 * waits[0]
    assert waits[-1] <= 30 + 2 * STEP
    bench.until(GateState.OPEN)
    bench.until(GateState.CLOSED, LATE)
    assert bench.until(GateState.RECOVERING) == waits[0]


OBSERVATIONS = st.builds(
    Observation,
    late_packets=st.sampled_from([0.0, 0.005, 0.3, 1.0]),
    late_turns=st.sampled_from([0.0, 0.1, 0.6]),
    stalled=st.booleans(),
    busy=st.floats(0, 1),
    wanted=st.floats(0, 1),
    talking=st.integers(0, 500),
    expected=st.integers(0, 100),
)


@settings(max_examples=60)
@given(st.lists(st.tuples(OBSERVATIONS, st.integers(0, 40)), max_size=60))
def test_whatever_is_seen_it_opens_only_by_recovering_and_every_refusal_has_a_reason(
    story: list[tuple[Observation, int]],
) -> None:
    bench = Bench()
    for seen, wanted in story:
        before = bench.gate.state
        state = bench.see(seen, STEP)
        assert (before, state) != (GateState.CLOSED, GateState.OPEN)
        room = bench.gate.decision.room
        refusals = [reason for reason in (bench.gate.admit() for _ in range(wanted)) if reason]
        assert len(refusals) == max(0, wanted - room)
        assert (state is GateState.CLOSED or not bench.gate.decision.room) == bool(bench.gate.decision.reason)
    bench.until(GateState.OPEN)


class Ramp:
    """Calls are offered as fast as may be to a processor that bears so many: each is set up at once and stays."""

    def __init__(self, talking: float, setup: float, *, ringing: float = 0.0) -> None:
        self.gate, self.now = LoadGate(), 0.0
        self.talking, self.setup, self.ringing = talking, setup, ringing
        self.calls: list[float] = []

    def step(self, offered: int) -> int:
        """Half a second of offers; how many were admitted."""
        admitted = sum(not self.gate.admit() for _ in range(offered))
        self.calls += [self.now + self.ringing] * admitted
        self.now += STEP
        up = sum(at < self.now for at in self.calls)
        wanted = min(1.0, self.talking * up + self.setup * admitted / STEP)
        self.gate.decide(Observation(wanted=wanted, talking=up, expected=len(self.calls) - up), self.now)
        return admitted

    @property
    def burden(self) -> float:
        return self.talking * len(self.calls)


@pytest.mark.parametrize("offered", [5, 50, 500])
@pytest.mark.parametrize("ringing", [0.0, 4.0])
@pytest.mark.parametrize(("talking", "setup"), [(0.0005, 0.002), (0.0015, 0.006), (0.004, 0.02)])
def test_a_ramp_is_refused_before_the_processor_is_used_up(
    talking: float, setup: float, ringing: float, offered: int
) -> None:
    ramp = Ramp(talking, setup, ringing=ringing)
    for _ in range(400):
        ramp.step(offered)
    assert ramp.burden <= 0.75
    assert ramp.burden >= 0.4
    assert "busy: " in ramp.gate.admit()


def test_calls_that_end_make_room_for_others() -> None:
    ramp = Ramp(0.002, 0.004)
    for _ in range(100):
        ramp.step(20)
    full = len(ramp.calls)
    del ramp.calls[: full // 2]
    for _ in range(100):
        ramp.step(20)
    assert 0.8 * full <= len(ramp.calls) <= 1.2 * full


def test_a_program_that_takes_most_of_the_processor_leaves_room_for_few_calls() -> None:
    alone, beside = Ramp(0.001, 0.003), Ramp(0.004, 0.012)
    for _ in range(200):
        alone.step(20)
        beside.step(20)
    assert len(beside.calls) < len(alone.calls) / 3
