"""Agents who look before they dial, and agents who go to inbound callers and come back, in the virtual call centre."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from common.errors import Refused
from pacing.algorithms import Decision, Mode, Observation
from pacing.algorithms.blending import Blending, Measure
from pacing.simulation.centre import Centre
from pacing.simulation.distributions import Durations
from pacing.simulation.grids import expand
from pacing.simulation.jobs import SharedScenario
from pacing.simulation.levels import HalfHours
from pacing.simulation.result import Result
from pacing.simulation.runs import configuration_for, floor_for, pacer_for, shift
from pacing.simulation.scenario import Detection, Scenario
from pacing.simulation.shared import SharedCentre

EXAMPLE = Path(__file__).parents[3] / "examples" / "pacing" / "callers-beside.yaml"
LOOKING = (Mode.MANUAL, Mode.PREVIEW, Mode.TIMED_PREVIEW)
SHORT = Scenario(agents=6, hours=0.2, hit_rate=0.4, log_in=0.0, preview=Durations("constant", mean=10.0))
HALF_A_MINUTE = Durations("constant", mean=30.0)
CALLED = replace(SHORT, hours=0.25, inbound=((0.0, 150.0),), inbound_talk=Durations("constant", mean=60.0))
BLENDED = Blending(Measure.QUEUE_LENGTH, acquire=0.5, release=0.2, minimum_stay=90.0, settle=5.0)


def centre_of(scenario: Scenario, mode: Mode, seed: int = 1, **configured: float) -> Centre:
    pacer = pacer_for(configuration_for(scenario, mode, **configured))
    return Centre(scenario, pacer, seed, floor=floor_for(mode))


def watched(centre: Centre, look: Callable[[], None]) -> Result:
    for _ in range(round(centre.scenario.hours * 3_600)):
        centre.step()
        look()
    centre.account()
    return centre.result


@pytest.mark.parametrize("mode", LOOKING)
def test_whoever_answers_has_an_agent_and_nobody_is_called_unseen(mode: Mode) -> None:
    day = replace(SHORT, lines=3, break_every=200.0, break_length=HALF_A_MINUTE, staffing=((0.1, 3),))
    centre = centre_of(day, mode)
    floor, states = centre.floor, []

    def look() -> None:
        assert centre.lines <= 3
        assert centre.in_the_air <= floor.occupied
        states.append(floor.staffed + len(floor.on_break))

    result = watched(centre, look)
    assert result.live > 10
    assert result.abandoned == 0
    assert (max(states), states[-1]) == (6, 3)
    assert result.preview + result.talk + result.wrapup <= result.logged_in


def test_a_contact_is_looked_at_for_its_time_and_some_are_skipped() -> None:
    result = shift(replace(SHORT, hours=0.5, preview_skipped=0.5), Mode.PREVIEW, 1)
    looked_at = result.placed + result.skipped
    assert result.preview == pytest.approx(10 * looked_at, rel=0.1)
    assert result.skipped == pytest.approx(0.5 * looked_at, rel=0.25)


def test_a_timed_preview_dials_when_the_time_is_up_and_a_plain_one_waits_for_the_agent() -> None:
    slow = replace(SHORT, preview=Durations("constant", mean=300.0))
    assert shift(slow, Mode.PREVIEW, 1).placed <= 12
    timed = shift(slow, Mode.TIMED_PREVIEW, 1, preview_seconds=5.0)
    assert timed.placed > 60
    assert timed.preview == pytest.approx(6 * timed.placed, rel=0.2)


def test_who_dials_by_hand_talks_less_and_hears_machines() -> None:
    machines = replace(SHORT, machines=0.4, detection=Detection())
    by_hand, shown = (shift(machines, mode, 1) for mode in (Mode.MANUAL, Mode.PREVIEW))
    assert by_hand.placed < shown.placed
    assert by_hand.false_machines == 0 < by_hand.machine_talk


def test_agents_of_jobs_together_look_as_well_and_no_list_is_overrun() -> None:
    asked: list[dict[str, Any]] = [
        {"name": "a", "contacts": 4, "pacing": {"mode": "preview"}},
        {"name": "b", "pacing": {"mode": "timed_preview", "preview_seconds": 5}},
        {"name": "c", "contacts": 3, "pacing": {"mode": "manual"}},
    ]
    body = {"hours": 0.05, "log_in": 0, "agents": 6, "ports": 3, "calls_per_second": 1, "hit_rate": 0.5, "talk": 20}
    together = SharedCentre(SharedScenario.read({**body, "jobs": asked}), 1)
    for second in range(180):
        together.step(float(second))
        assert together.lines <= 3
        assert sum(run.centre.floor.staffed for run in together.runs.values()) <= 6
    a, b, c = (run.centre.result for run in together.runs.values())
    assert a.placed + a.skipped == 4
    assert c.placed + c.skipped == 3
    assert b.placed > 3
    assert a.abandoned + b.abandoned + c.abandoned == 0


class _Unpaced:
    """Calls two people a second, and sees whom it is told of."""

    def __init__(self) -> None:
        self.inbound = 0

    def decide(self, observation: Observation, now: float) -> Decision:
        self.inbound += np.size(observation.inbound_waiting) + np.size(observation.inbound_talking)
        return Decision(2)


def test_agents_go_to_callers_stay_their_time_and_come_back() -> None:
    centre = centre_of(replace(CALLED, agents=8, blending=BLENDED), Mode.PROGRESSIVE)
    team, stays = centre.floor.team, []
    since: dict[int, float] = {}
    assert team is not None

    def look() -> None:
        assert centre.floor.staffed == 8 or centre.now < 2
        for agent in [agent for agent in since if agent not in team.joined]:
            stays.append(centre.now - since.pop(agent))
        since.update({agent: centre.now for agent in team.joined if agent not in since})

    result = watched(centre, look)
    assert result.acquired > 2
    assert 0 < result.released <= result.acquired
    assert min(stays) >= BLENDED.minimum_stay
    assert 0 < result.lent <= result.logged_in
    assert result.talk > 0 < result.inbound_talk


def test_a_reserve_without_blending_is_kept_and_no_pacer_hears_of_its_callers() -> None:
    pacer = _Unpaced()
    centre = Centre(replace(CALLED, inbound_agents=2), pacer, 1)
    team, sizes = centre.floor.team, []
    assert team is not None
    result = watched(centre, lambda: sizes.append(len(team.joined)))
    assert set(sizes[60:]) == {2}
    assert (result.acquired, result.lent, pacer.inbound) == (0, 0.0, 0)
    assert result.inbound_talk > 300


def test_blending_answers_more_callers_in_time_than_too_small_a_reserve() -> None:
    alone, blended = (shift(replace(CALLED, inbound_agents=1, blending=b), Mode.PREVIEW, 1) for b in (None, BLENDED))
    assert blended.callers.share > alone.callers.share + 0.2
    assert len(blended.callers.levels) == 1


def test_callers_are_counted_in_the_half_hour_in_which_they_came() -> None:
    one, other = HalfHours(), HalfHours()
    one.count(10.0, in_time=True)
    one.count(1_799.0, in_time=False)
    other.count(1_801.0, in_time=True)
    whole = HalfHours.together([one, other])
    assert whole.levels == [0.5, 1.0]
    assert whole.share == pytest.approx(2 / 3)
    assert HalfHours().share == 1.0


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"blending": {"acquier": 3}}, "blending.acquier: unknown"),
        ({"blending": {"acquire": "soon"}}, "blending.acquire"),
        ({"blending": {"step": 1.5}}, "blending.step"),
        ({"blending": {"measure": "luck"}}, "blending.measure"),
        ({"blending": {"acquire": 2}}, "blending.release"),
        ({"blending": "yes"}, "blending: give"),
        ({"inbound_agents": 1.5}, "inbound_agents"),
        ({"preview_skipped": 1}, "preview_skipped"),
        ({"preview": "long"}, "preview"),
        ({"break_every": 0, "break_length": 0}, "break_every: give 1 second or more"),
    ],
)
def test_a_wrong_scenario_is_refused_by_name(body: dict[str, Any], named: str) -> None:
    with pytest.raises(Refused, match=named):
        Scenario.read(body)


def test_the_example_is_read_as_it_ships() -> None:
    found = [one for one in expand(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))) if isinstance(one, Scenario)]
    assert [(one.inbound_agents, one.blending is not None) for one in found] == [(0, False), (18, False), (8, True)]


def test_blending_is_read_from_a_mapping() -> None:
    read = Scenario.read({"blending": {"measure": "in_level", "acquire": 0.8, "release": 0.9, "most": None}}).blending
    assert read == Blending(Measure.IN_LEVEL, acquire=0.8, release=0.9)
    assert Scenario.read({"blending": {}}).blending == Blending()
    assert Scenario.read({"blending": None}).blending is None
