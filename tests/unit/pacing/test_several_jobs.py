"""Several jobs in one virtual call centre: what they share is never exceeded, and everybody gets a part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from app.cli import main
from common.errors import Refused
from pacing.simulation.bound import clairvoyant_together
from pacing.simulation.chart import draw_jobs
from pacing.simulation.grids import expand
from pacing.simulation.jobs import SharedScenario
from pacing.simulation.result import JobResult, SharedResult
from pacing.simulation.shared import SharedCentre

EXAMPLE = Path(__file__).parents[3] / "examples" / "pacing" / "several-jobs.yaml"
#: A call without agents lasts half a minute.
NONE = {"talk": 30, "pacing": {"mode": "none"}}


def centre(seed: int = 1, **body: Any) -> SharedCentre:
    return SharedCentre(SharedScenario.read({"hours": 0.05, "log_in": 0.0, **body}), seed)


def lived(seed: int = 1, **body: Any) -> dict[str, JobResult]:
    return {job.name: job for job in centre(seed, **body).run().jobs}


def _possible(job: dict[str, Any]) -> dict[str, Any]:
    """Nothing is kept for a job beyond the most it may have: that is refused."""
    pacing = job["pacing"]
    kept = {name: min(pacing[name], pacing.get("maximum", 9)) for name in ("reserved", "minimum") if name in pacing}
    return {**job, "pacing": {**pacing, **kept}}


jobs = st.lists(
    st.fixed_dictionaries(
        {
            "pacing": st.fixed_dictionaries(
                {"mode": st.sampled_from(["none", "predictive", "progressive"])},
                optional={
                    "weight": st.sampled_from([1, 3]), "priority": st.integers(0, 2), "reserved": st.integers(0, 4),
                    "minimum": st.integers(0, 4), "maximum": st.integers(1, 9),
                },
            ),
            "hit_rate": st.sampled_from([0.2, 0.7]),
        }
    ).map(_possible),
    min_size=1,
    max_size=3,
)  # fmt: skip


@settings(max_examples=6)
@given(jobs, st.integers(0, 6), st.integers(0, 12), st.integers(0, 10), st.integers(0, 4), st.integers(0, 99))
def test_shared_limits_are_never_exceeded_in_sum(
    asked: list[dict[str, Any]], agents: int, ports: int, lines: int, rate: int, seed: int
) -> None:
    together = centre(seed, jobs=asked, agents=agents, ports=ports, lines=lines, calls_per_second=rate)
    runs = list(together.runs.values())
    placed = [0] * 8
    for second in range(35):
        together.step(float(second))
        assert together.lines <= min(ports, lines)
        placed.append(sum(run.centre.result.placed for run in runs))
        assert placed[-1] - placed[-2] <= rate
        assert all(run.centre.lines <= run.job.pacing.most for run in runs if run.job.pacing.most is not None)
        assert sum(run.centre.floor.staffed for run in runs if run.job.mode) <= agents
    if not agents:
        assert not any(run.centre.result.placed for run in runs if run.job.mode)


def test_weights_hold_where_calls_per_second_are_short() -> None:
    results = lived(calls_per_second=8, jobs=[{**NONE, "pacing": {"mode": "none", "weight": w}} for w in (1, 3)])
    light, heavy = results["job 1"].result.placed, results["job 2"].result.placed
    assert light + heavy == pytest.approx(8 * 180, rel=0.01)
    assert heavy == pytest.approx(3 * light, rel=0.02)


def test_weights_hold_where_ports_are_short() -> None:
    asked = [{**NONE, "pacing": {"mode": "none", "weight": weight}} for weight in (1, 3)]
    together = centre(hours=0.1, ports=40, calls_per_second=20, jobs=asked)
    result = together.run()
    assert [result.share_of_lines(job) for job in result.jobs] == pytest.approx([0.25, 0.75], abs=0.03)


def test_reserved_ports_are_there_at_once_and_a_minimum_soon() -> None:
    """The others fill all that is not reserved before the job wants anything."""
    greedy = {**NONE, "name": "greedy"}
    late = {**NONE, "name": "late", "pacing": {"mode": "none", "reserved": 10}}
    together = centre(ports=30, calls_per_second=20, jobs=[greedy, {**late, "contacts": 0}])
    for second in range(20):
        together.step(float(second))
    assert together.lines == 20
    late = {**late, "pacing": {"mode": "none", "minimum": 10}}
    assert lived(ports=30, calls_per_second=20, jobs=[greedy, late])["late"].longest_wait < 40


def test_nobody_starves_beside_a_higher_priority_whatever_is_short() -> None:
    first = {**NONE, "name": "first", "pacing": {"mode": "none", "priority": 9}}
    for short in ({"ports": 20}, {"lines": 20}, {"calls_per_second": 2}):
        results = lived(jobs=[first, {**NONE, "name": "last"}], **{"calls_per_second": 5, **short})
        assert results["last"].longest_wait < 60, short
        assert results["first"].result.placed > 5 * results["last"].result.placed > 0, short


def test_without_agents_a_job_that_needs_them_calls_nobody() -> None:
    results = lived(agents=0, calls_per_second=5, jobs=[{"name": "sales"}, {**NONE, "name": "news"}])
    assert results["sales"].result.placed == 0
    assert results["news"].result.placed > 800


def test_agents_work_for_the_jobs_of_their_skills_and_go_over_when_a_list_ends() -> None:
    groups = [{"count": 6, "jobs": ["short", "long"]}, {"count": 2, "jobs": ["long"]}]
    asked = [{"name": "short", "contacts": 6, "hit_rate": 0.9}, {"name": "long", "hit_rate": 0.9}]
    together = centre(agents=groups, jobs=asked, talk=20, wrapup=5)
    short, long = (run.centre.floor for run in together.runs.values())
    seen = []
    for second in range(300):
        together.step(float(second))
        seen.append((short.staffed, long.staffed))
    assert seen[1] == (4, 4)
    assert seen[-1] == (0, 8)
    assert together.runs["short"].centre.result.placed == 6


def test_an_agent_of_a_pool_helps_out_where_nobody_else_is_ready_and_one_who_is_reserved_does_not() -> None:
    """Nobody answers the calls of `quiet`, so that its agent is idle; `busy` calls more people than one can take."""
    busy = {"name": "busy", "hit_rate": 0.9, "pacing": {"mode": "ratio", "dial_level": 3}}
    quiet = {"name": "quiet", "hit_rate": 0.0, "pacing": {"mode": "progressive"}}
    helped = lived(agents=2, talk=60, jobs=[busy, quiet])["busy"].result
    alone = lived(agents=2, talk=60, jobs=[busy, {**quiet, "agents": {"reserved": 1}}])["busy"].result
    assert helped.talk > 1.5 * alone.talk > 0


def test_staffing_of_a_pool_brings_agents_and_sends_them_home() -> None:
    pool = [{"count": 6, "staffing": [[0.02, 2], [0.05, 8]]}]
    together = centre(agents=pool, jobs=[{"name": "a"}, {"name": "b"}], talk=20, wrapup=5)
    floors = [run.centre.floor for run in together.runs.values()]
    seen = []
    for second in range(360):
        together.step(float(second))
        seen.append(sum(floor.staffed for floor in floors))
    assert (seen[60], seen[150]) == (6, 2)
    assert seen[-1] > 4


def test_staffing_from_the_first_hour_on_counts_from_the_first_second_as_for_one_job() -> None:
    for count in (2, 8):
        together = centre(agents=[{"count": 5, "staffing": [[0, count]]}], jobs=[{"name": "a"}])
        together.step(1.0)
        assert together.runs["a"].centre.floor.staffed == count


def test_the_picture_has_a_panel_for_each_job() -> None:
    result = centre(hours=0.03, agents=2, calls_per_second=2, jobs=[{"name": "A <b>"}, {**NONE, "name": "news"}]).run()
    words = "".join(etree.fromstring(draw_jobs(result, "Two").encode()).itertext())
    assert "A <b>: predictive" in words
    assert "news: none" in words


def test_the_bound_of_several_jobs_is_less_where_what_they_share_runs_short() -> None:
    body = {"agents": 20, "jobs": [{"name": "a"}, {"name": "b", "hit_rate": 0.1}]}
    assert clairvoyant_together(SharedScenario.read(body)) == 1.0
    assert clairvoyant_together(SharedScenario.read({**body, "ports": 20})) < 0.82
    assert clairvoyant_together(SharedScenario.read({**body, "trunks": {"t": {"calls_per_second": 0}}})) == 0.0
    assert SharedResult([]).with_agents.utilisation == 0.0


def test_the_example_is_read_as_it_ships() -> None:
    names = [scenario.name for scenario in expand(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))]
    assert names == ["one pool", "two teams", "a list ends", "announcements beside", "two trunks"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"jobs": []}, "jobs"),
        ({"jobs": [{"name": "a"}, {"name": "a"}]}, "jobs"),
        ({"jobs": [{"nmae": "a"}]}, r"jobs\[0\].nmae"),
        ({"jobs": [{"pacing": {"mode": "wild"}}]}, r"jobs\[0\].pacing.mode"),
        ({"jobs": [{"pacing": {"weight": 0}}]}, r"jobs\[0\].pacing.weight"),
        ({"jobs": [{"pacing": {"reserved": 3, "maximum": 2}}]}, r"jobs\[0\].pacing.reserved"),
        ({"jobs": [{"pacing": {"limit": 0.1}}]}, r"jobs\[0\].pacing.limit: unknown"),
        ({"jobs": [{"pacing": {"lines": 5}}]}, r"jobs\[0\].pacing.lines: it comes from the scenario"),
        ({"jobs": [{"pacing": {"ring_timeout": 5}}]}, r"jobs\[0\].pacing.ring_timeout: it comes"),
        ({"jobs": [{"pacing": {"mode": "timed", "rate": 5, "per": []}}]}, r"jobs\[0\].pacing.per"),
        ({"jobs": [{"pacing": {"mode": []}}]}, r"jobs\[0\].pacing.mode"),
        ({"jobs": [{"contacts": 2.5}]}, r"jobs\[0\].contacts: give a whole number"),
        ({"jobs": [{"contacts": "all"}]}, r"jobs\[0\].contacts"),
        ({"jobs": [{"name": ["a"]}]}, r"jobs\[0\].name"),
        ({"jobs": [{"hit_steps": [5]}]}, r"jobs\[0\].hit_steps"),
        ({"jobs": [{"cancel_delay": "long"}]}, r"jobs\[0\].cancel_delay"),
        ({"jobs": [{"trunk": []}]}, r"jobs\[0\].trunk"),
        ({"jobs": [{"agents": {"maximum": "all"}}]}, r"jobs\[0\].agents.maximum"),
        ({"jobs": [{}], "hours": "long"}, "hours"),
        ({"jobs": [{}], "name": []}, "name"),
        ({"jobs": [{}], "agents": "ten"}, "agents: give a whole number"),
        ({"jobs": [{}], "staffing": [[0, 2.5]]}, "staffing"),
        ({"jobs": [{}], "log_in": "soon"}, "log_in"),
        ({"jobs": [{}], "agents": [{"count": 2}], "staffing": [[1, 5]]}, "staffing: with a list of agents"),
        ({"jobs": [{}], "agents": [{"count": "two"}]}, r"agents\[0\].count"),
        ({"jobs": [{}], "agents": [{"count": None}]}, r"agents\[0\].count"),
        ({"jobs": [{}], "agents": [{"jobs": "job 1"}]}, r"agents\[0\].jobs"),
        ({"jobs": [{}], "agents": [{"jobs": [5]}]}, r"agents\[0\].jobs"),
        ({"jobs": [{}], "agents": [{"staffing": 5}]}, r"agents\[0\].staffing"),
        ({"jobs": [{}], "agents": [{"staffing": [[1, 2, 3]]}]}, r"agents\[0\].staffing"),
        ({"jobs": [{}], "agents": [{"staffing": [["noon", 2]]}]}, r"agents\[0\].staffing"),
        ({"jobs": [{}], "agents": [{"log_in": -1}]}, r"agents\[0\].log_in"),
        ({"jobs": [{}], "trunks": {"t": {"lines": "many"}}}, r"trunks.t.lines"),
        ({"jobs": [{"hit_rate": 3}]}, r"jobs\[0\].hit_rate"),
        ({"jobs": [{"trunk": "x"}]}, r"jobs\[0\].trunk"),
        ({"jobs": [{"pacing": {"mode": "none"}}]}, r"jobs\[0\].pacing"),
        ({"jobs": [{"agents": 5}]}, r"jobs\[0\].agents"),
        ({"jobs": [{}], "agents": [{"count": 2, "jobs": ["x"]}]}, r"agents\[0\].jobs"),
        ({"jobs": [{}], "trunks": {"t": {"channels": 3}}}, "trunks.t"),
        ({"jobs": [{}], "trunks": {"t": {}}, "lines": 3}, "trunks"),
        ({"jobs": [{}], "ports": -1}, "ports"),
        ({"jobs": [{}], "prots": 1}, "prots"),
    ],
)
def test_a_wrong_scenario_of_several_jobs_is_refused_by_name(body: dict[str, Any], named: str) -> None:
    with pytest.raises(Refused, match=named):
        SharedScenario.read(body)


def test_a_scenario_file_without_a_list_of_scenarios_is_refused() -> None:
    with pytest.raises(Refused, match="scenarios: give a list"):
        expand({"scenarios": 5})


def test_the_command_takes_jobs_and_shows_each_and_their_sum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--hours", "0.01", "--agents", "2", "--ports", "9", "--calls-per-second", "3"]
    asked = ["--job", "{name: a, pacing: {weight: 2}}", "--job", "{name: b, pacing: {mode: none}}"]
    shown = ["simulate", "pacing", *options, *asked]
    assert main([*shown, "--json", "--svg", str(tmp_path / "a.svg")]) == 0
    assert [json.loads(line)["job"] for line in capsys.readouterr().out.splitlines()] == ["a", "b", None]
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert main([*shown, "--compare"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("a, progressive", "a, expert", "b, none", "clairvoyant"))


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--job", "{"], "--job"), (["--job", "{hit: 3}"], "--job"), (["--ports", "3"], "--ports")],
)
def test_the_command_says_what_is_wrong_with_a_job(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "pacing", *options]) != 0
    assert said in capsys.readouterr().err
