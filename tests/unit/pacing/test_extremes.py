"""What the models must survive that no ordinary shift shows: nothing here may place calls by the hundred."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pacing.algorithms import Configuration, Mode, Observation
from pacing.algorithms.answers import Answers
from pacing.algorithms.cancelling import Crossings
from pacing.algorithms.observation import Outcome, Resolved, look
from pacing.algorithms.predictive import Predictive
from pacing.algorithms.steering import Steering


def test_calls_under_classification_without_any_verdict_yet_keep_new_ones_back() -> None:
    pacer = Predictive(Configuration(Mode.PREDICTIVE, classification=True))
    classifying = {call: 1.0 for call in range(27)}
    placed = [
        pacer.decide(Observation(ready=30, classifying=classifying if now >= 4 else {}), float(now)).place
        for now in range(7)
    ]
    # Two looks at 27 calls and no verdict: the mean seems long.
    assert pacer._answers.classification[0] > 16.0
    assert max(placed[4:]) < 60


def test_ages_no_call_reaches_keep_what_was_thought_of_them_first_after_millions_of_calls() -> None:
    answers = Answers(25.0)
    for numbers in (answers._seen, answers._humans, answers._others):
        numbers[:26] *= 1_500.0
        numbers[26:] = 5e-322
    answers.refresh()
    assert answers._hazards[0][28] == pytest.approx(0.045)
    assert answers._hazards[1][28] == pytest.approx(0.015)


def test_a_look_after_a_long_pause_does_not_expect_a_pause_worth_of_people() -> None:
    answers = Answers(25.0)
    ringing = np.full(200, 8.0)
    for now, elapsed in ((1.0, 1.0), (61.0, 60.0), (62.0, 1.0)):
        answers.see(look(Observation(ringing=ringing), now), elapsed)
    # One second of 200 calls, and ten seconds' worth of them at the most.
    assert answers._expected_lately + answers._expected < 2 * 200 * 0.045 * 12


def test_under_another_limit_the_threshold_stands_to_it_as_to_the_old_one() -> None:
    loose, strict = Steering(0.1), Steering(0.001)
    strict.restore(loose.save())
    assert strict._base == pytest.approx(Steering(0.001)._base)


def test_crossed_cancels_are_reckoned_with_after_millions_of_seconds_without_a_late_answer() -> None:
    crossings = Crossings(15.0)
    for _ in range(2_000):
        crossings.send((), 1_000_000, 1.0)
    crossings.send(range(50), 0, 1.0)
    crossings.see([Resolved(call, outcome=Outcome.HUMAN, age=16.0) for call in range(50)])
    assert 0.0 < crossings.seconds < math.inf
