"""Inbound callers: notifications paced by their service level, agents lent to them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import Refused
from pacing.algorithms import Configuration, InboundArrived, Mode, Observation, create
from pacing.algorithms.blending import Blender, Blending, InboundQueue, Measure, Moves
from pacing.algorithms.inbound import InboundLevel
from pacing.algorithms.queueing import greatest_rate, served_within
from pacing.simulation.notices import Day, Queue

PACED = Configuration(Mode.INBOUND)


def test_erlang_c_as_in_the_textbooks() -> None:
    # 10 agents, 8 Erlangs: 40.9 % wait; 180 s a conversation, 20 s promised.
    assert served_within(10, 8.0, 0.0, 180.0) == pytest.approx(1 - 0.409, abs=0.001)
    assert served_within(10, 8.0, 20.0, 180.0) == pytest.approx(1 - 0.409 * 2.71828 ** (-2 / 9), abs=0.001)
    assert served_within(10, 10.0, 20.0, 180.0) == served_within(0, 1.0, 20.0, 180.0) == 0.0


def test_the_greatest_rate_just_keeps_the_level() -> None:
    rate = greatest_rate(20, 0.8, 20.0, 200.0)
    assert served_within(20, rate * 200, 20.0, 200.0) == pytest.approx(0.8, abs=1e-3)
    assert greatest_rate(0, 0.8, 20.0, 200.0) == 0.0


def test_nothing_is_sent_while_nobody_could_answer_or_callers_wait_already() -> None:
    assert sum(create(PACED).decide(Observation(), float(now)).place for now in range(100)) == 0
    pacer = create(PACED)
    full = Observation(inbound_talking=[60.0] * 20, inbound_waiting=[30.0] * 8)
    assert sum(pacer.decide(full, float(now)).place for now in range(100)) == 0


def test_a_pause_is_not_made_up_for_by_a_burst() -> None:
    pacer = create(PACED)
    for now in range(120):
        pacer.decide(Observation(ready=20), float(now))
    assert pacer.decide(Observation(ready=20), 121.0).place < 5


@pytest.mark.parametrize("leap", [86_400.0, 1e12, 1e308])
def test_a_clock_that_leaps_ahead_is_survived_and_everything_sent_forgotten(leap: float) -> None:
    pacer = create(replace(PACED, lines=50))
    for second in range(300):
        pacer.decide(Observation(ready=20), float(second))
    assert 0 <= pacer.decide(Observation(ready=20), leap).place <= 50
    assert isinstance(pacer, InboundLevel)
    assert pacer.forecast()[1:].max() < 0.01


def test_those_still_to_call_are_in_the_forecast() -> None:
    pacer = create(PACED)
    assert isinstance(pacer, InboundLevel)
    before = pacer.forecast().sum()
    sent = sum(pacer.decide(Observation(ready=30), float(now)).place for now in range(300))
    assert sent > 10
    assert pacer.forecast().sum() * 60 == pytest.approx(before * 60 + 0.2 * sent, rel=0.35)


def test_a_quiet_hour_keeps_its_level_and_uses_its_agents() -> None:
    day = Day(agents=15, hours=1.0, others=((0.0, 60.0),))
    result = Queue(day, create(PACED), 4).run()
    calls = sum(calls for calls, _ in result.half_hours.values())
    assert sum(good for _, good in result.half_hours.values()) / calls > 0.8
    assert result.notified > 0.4 * day.optimum()


def test_a_paced_queue_goes_on_after_a_restart() -> None:
    first = create(PACED)
    seen = Observation(ready=9, events=[InboundArrived(after=90.0), InboundArrived()])
    for now in range(100):
        first.decide(seen, float(now))
    second = create(PACED, json.loads(json.dumps(first.save())))
    assert [first.decide(seen, 100.0 + now) for now in range(70)] == [
        second.decide(seen, 100.0 + now) for now in range(70)
    ]


BUSY, CALM = InboundQueue(agents=4, waiting=[40.0, 20.0]), InboundQueue(agents=4, ready=2)


def test_agents_are_acquired_when_callers_wait_and_released_one_by_one_after_their_stay() -> None:
    blender = Blender(Blending(minimum_stay=60.0, settle=10.0))
    assert blender.decide(BUSY, 8, 0.0) == Moves(acquire=2)
    assert blender.decide(BUSY, 8, 5.0) == Moves()
    assert blender.decide(CALM, 8, 30.0) == Moves()
    assert blender.decide(CALM, 8, 60.0) == Moves(release=1)
    assert blender.decide(CALM, 8, 61.0) == Moves()
    assert blender.decide(CALM, 8, 70.0) == Moves(release=1)
    assert blender.decide(CALM, 8, 90.0) == Moves()


def test_between_the_thresholds_nobody_moves() -> None:
    blender = Blender(Blending(Measure.QUEUE_LENGTH, acquire=5, release=1, minimum_stay=0.0, settle=0.0))
    assert blender.decide(InboundQueue(agents=4, waiting=[1.0] * 6), 8, 0.0).acquire == 3
    assert all(blender.decide(InboundQueue(agents=7, waiting=[1.0] * 3), 8, 1.0 + n) == Moves() for n in range(5))


@pytest.mark.parametrize("measure", Measure)
def test_every_measure_sees_a_queue_that_grows_and_one_that_is_gone(measure: Measure) -> None:
    thresholds = {"acquire": 0.8, "release": 0.95} if measure is Measure.IN_LEVEL else {"acquire": 8, "release": 2}
    blender = Blender(Blending(measure, minimum_stay=0.0, settle=0.0, **thresholds))
    bad = InboundQueue(agents=4, waiting=[50.0] * 10, answered=[60.0] * 5, lost=[70.0])
    good = InboundQueue(agents=9, ready=5, answered=[1.0] * 20)
    assert sum(blender.decide(bad, 9, float(now)).acquire for now in range(4))
    assert sum(blender.decide(good, 9, 10.0 + now).release for now in range(40))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9), st.integers(0, 9)), max_size=30), st.integers(0, 5))
def test_no_more_are_taken_than_there_are_or_given_back_than_were_taken(
    shift: list[tuple[int, int, int]], most: int
) -> None:
    blender = Blender(Blending(minimum_stay=2.0, settle=1.0, most=most))
    away = 0
    for now, (waiting, ready, available) in enumerate(shift):
        queue = InboundQueue(agents=5 + away, ready=ready, waiting=[5.0] * waiting)
        moves = blender.decide(queue, available, float(now))
        assert 0 <= moves.acquire <= available
        assert not (moves.acquire and moves.release)
        away += moves.acquire - moves.release
        assert 0 <= away == blender.acquired <= most


def test_a_blender_goes_on_after_a_restart() -> None:
    first = Blender(Blending())
    first.decide(BUSY, 8, 0.0)
    second = Blender(Blending())
    second.restore(json.loads(json.dumps(first.save())))
    assert second.acquired == 2
    assert second.decide(CALM, 8, 400.0) == first.decide(CALM, 8, 400.0) == Moves(release=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"acquire": 5.0, "release": 5.0},
        {"measure": "in_level", "acquire": 0.9, "release": 0.8},
        {"measure": "luck"},
        {"step": 0},
    ],
)
def test_thresholds_that_would_send_agents_to_and_fro_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        replace(Blending(), **wrong)
