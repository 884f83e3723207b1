from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Refused
from pacing.algorithms import Outcome
from pacing.simulation.past import PastCall, scenario_of
from pacing.simulation.scenario import Scenario
from pacing.simulation.trial import run

PEOPLE = [PastCall(Outcome.HUMAN, 6.0 + number % 7, 60.0 + number) for number in range(60)]
OTHERS = (
    [PastCall(Outcome.MACHINE, 15.0)] * 40 + [PastCall(Outcome.BUSY, 2.0)] * 20 + [PastCall(Outcome.NO_ANSWER, 25)] * 80
)


def test_rates_and_durations_are_those_of_the_calls() -> None:
    scenario = Scenario.read(scenario_of(PEOPLE + OTHERS))

    assert (scenario.hit_rate, scenario.machines, scenario.busy, scenario.failed) == (0.3, 0.2, 0.1, 0.0)
    assert scenario.talk.average == pytest.approx(89.5)
    assert scenario.answer.average == pytest.approx(sum(call.seconds for call in PEOPLE) / 60)
    assert scenario.machine_answer.average == 15.0


@given(st.lists(st.floats(0, 7200), min_size=20, max_size=900))
def test_many_durations_keep_their_shape_in_few_numbers(talks: list[float]) -> None:
    calls = [PastCall(Outcome.HUMAN, 5.0, talk) for talk in talks] + [PastCall(Outcome.NO_ANSWER, 25.0)] * 100
    kept = scenario_of(calls)["talk"]

    assert len(kept) <= 200
    assert kept == sorted(kept)
    assert min(talks) - 0.01 <= kept[0] <= kept[-1] <= max(talks) + 0.01


@pytest.mark.parametrize("calls", [[], PEOPLE, OTHERS])
def test_few_calls_say_too_little(calls: list[PastCall]) -> None:
    with pytest.raises(Refused, match="say too little"):
        scenario_of(calls)


def test_a_trial_tells_its_progress_each_modes_figures_and_the_bound() -> None:
    asked = {
        "scenario": {"agents": 3, "hours": 0.2},
        "modes": ["predictive", "progressive"],
        "shifts": 2,
        "limit": 0.03,
    }
    lines = list(run(asked))

    assert [line["done"] for line in lines] == [0.25, 0.5, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert [line["mode"] for line in lines if "mode" in line] == ["predictive", "progressive"]
    assert all(0 <= line["figures"]["utilisation"] <= 1 for line in lines if "mode" in line)
    assert 0.9 < lines[-1]["bound"] <= 1
