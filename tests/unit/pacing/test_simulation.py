"""The virtual call centre keeps its books, whatever the pacer does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from common.errors import Refused
from pacing.algorithms import Configuration, Decision, Mode, Observation, create
from pacing.simulation.bound import clairvoyant
from pacing.simulation.centre import Centre
from pacing.simulation.distributions import Durations
from pacing.simulation.result import Result
from pacing.simulation.scenario import Detection, Scenario

SHORT = Scenario(agents=10, hours=0.25, hit_rate=0.3, log_in=0.0)


def shift(scenario: Scenario, mode: Mode = Mode.PROGRESSIVE, seed: int = 1, **configured: Any) -> Result:
    return Centre(scenario, create(Configuration(mode, **configured)), seed).run()


def test_a_seed_gives_the_same_shift_again_and_another_seed_another() -> None:
    shifts = [shift(replace(SHORT, hours=0.1), Mode.PREDICTIVE, seed) for seed in (1, 1, 2)]
    first, again, other = shifts
    assert first == again
    assert first != other


def test_progressive_abandons_nobody() -> None:
    result = shift(SHORT)
    assert result.abandoned == 0
    assert 0.3 < result.utilisation < 0.95


class _Greedy:
    """Places as many as the lines take and looks at everything it is shown."""

    def __init__(self) -> None:
        self.most_lines = 0

    def decide(self, observation: Observation, now: float) -> Decision:
        assert observation.lines_in_use is not None
        self.most_lines = max(self.most_lines, observation.lines_in_use)
        old = [call for call, age in observation.ringing.items() if age > 20]
        return Decision(40, tuple(old[:1]))


def test_dialling_without_measure_abandons_people_and_never_takes_more_lines_than_there_are() -> None:
    greedy = _Greedy()
    result = Centre(replace(SHORT, lines=50), greedy, 1).run()
    assert greedy.most_lines == 50
    assert result.abandonment > 0.3
    assert result.utilisation > 0.97
    assert result.cancelled


def test_every_agent_second_is_accounted_for() -> None:
    result = shift(replace(SHORT, wrapup=Durations("constant", mean=10.0)))
    waited = sum(row[0] for row in result.minutes) * 60.0
    assert result.logged_in == pytest.approx(10 * 900, rel=0.01)
    assert result.talk + result.wrapup + waited == pytest.approx(result.logged_in, rel=0.06)


def test_machines_reach_agents_without_detection_and_seldom_with_it() -> None:
    machines = replace(SHORT, machines=0.4)
    without = shift(machines)
    detected = shift(replace(machines, detection=Detection()), classification=True)
    assert without.machine_talk > 5 * detected.machine_talk > 0
    assert detected.false_machines > 0
    assert detected.abandonment_with_false_machines > detected.abandonment


def test_agents_leave_and_come_by_the_staffing() -> None:
    result = shift(replace(SHORT, staffing=((0.05, 4), (0.15, 12)), talk=Durations("constant", mean=30.0)))
    working = [sum(row[:3]) for row in result.minutes]
    assert (working[2], working[8], working[-1]) == (10, 4, 12)


def test_breaks_take_agents_away_for_a_while() -> None:
    result = shift(replace(SHORT, break_every=300.0, break_length=Durations("constant", mean=60.0)))
    assert 0.7 * 9_000 < result.logged_in < 0.95 * 9_000


def test_inbound_callers_are_answered_first_or_give_up() -> None:
    result = shift(replace(SHORT, inbound=((0.0, 120.0),)))
    assert len(result.inbound_waits) + result.inbound_lost == pytest.approx(30, abs=15)
    assert result.inbound_talk > 0


def test_a_step_of_the_hit_rate_is_a_step() -> None:
    scenario = replace(SHORT, hit_steps=((1.0, 0.1),), hit_drift=0.05)
    assert scenario.hit_rate_at(0) == 0.3
    assert scenario.hit_rate_at(7_200) == pytest.approx(0.2)


@pytest.mark.parametrize("shape", ["constant", "exponential", "lognormal", "gamma"])
def test_distributions_have_the_mean_they_are_given(shape: str) -> None:
    durations = Durations(shape, mean=40.0, cv=0.5, shift=2.0)
    assert durations.average == 42.0
    assert durations.draw(np.random.default_rng(1), 20_000).mean() == pytest.approx(42.0, rel=0.03)


def test_a_scenario_is_read_from_a_mapping() -> None:
    scenario = Scenario.read(
        {"agents": 5, "talk": {"shape": "gamma", "mean": 90, "cv": 0.5}, "wrapup": 10, "answer": [5, 8, 13],
         "detection": True, "hit_steps": [[2, 0.4]]}
    )  # fmt: skip
    assert scenario.wrapup == Durations("constant", mean=10.0)
    assert scenario.answer.values == (5.0, 8.0, 13.0)
    assert scenario.detection == Detection()
    assert scenario.hit_rate_at(7_200) == 0.4


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"agnets": 5}, "agnets"),
        ({"hit_rate": 1.5}, "hit_rate"),
        ({"machines": 0.9}, "machines"),
        ({"talk": {"shape": "odd"}}, "talk.shape"),
        ({"talk": "long"}, "talk"),
        ({"detection": {"delya": 1}}, "detection"),
        ({"detection": {"false_human": "few"}}, "detection.false_human"),
        ({"hit_steps": [5]}, "hit_steps"),
        ({"inbound": [["noon", 5]]}, "inbound"),
        ({"staffing": [[1, 2.5]]}, "staffing"),
        ({"cancel_delay": "long"}, "cancel_delay"),
        ({"ring_timeout": None}, "ring_timeout"),
        ({"name": ["a"]}, "name"),
    ],
)
def test_a_wrong_scenario_is_refused_by_name(body: dict[str, Any], named: str) -> None:
    with pytest.raises(Refused, match=named):
        Scenario.read(body)


def test_the_bound_is_full_where_nothing_runs_short_and_less_where_lines_do() -> None:
    assert clairvoyant(Scenario()) > 0.999
    assert clairvoyant(Scenario(agents=100, lines=110, hit_rate=0.15)) < 0.8
    assert clairvoyant(Scenario(agents=100, calls_per_second=2, hit_rate=0.1)) == pytest.approx(0.28, abs=0.01)


def test_the_predictive_pacer_talks_more_than_progressive_within_the_limit() -> None:
    scenario = replace(SHORT, agents=40, hours=0.5)
    predictive, progressive = shift(scenario, Mode.PREDICTIVE), shift(scenario)
    assert predictive.utilisation > progressive.utilisation + 0.1
    assert predictive.abandonment < 0.05
