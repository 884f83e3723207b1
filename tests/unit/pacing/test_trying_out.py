"""Grids of scenarios, what many shifts come to, the picture, and the command that shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from app.cli import main
from common.errors import Refused
from pacing.algorithms import Mode
from pacing.simulation.chart import draw
from pacing.simulation.grids import benchmark, expand
from pacing.simulation.result import Result, complete
from pacing.simulation.runs import Summary, pool, shift
from pacing.simulation.scenario import Scenario

TINY = Scenario(agents=4, hours=0.1)


def test_the_benchmark_is_at_least_24_scenarios_of_four_sizes() -> None:
    scenarios = benchmark()
    assert len({scenario.name for scenario in scenarios}) == len(scenarios) >= 24
    assert {scenario.agents for scenario in scenarios} == {5, 20, 100, 500}


def test_a_grid_combines_its_values_and_keeps_what_is_common() -> None:
    found = expand({"common": {"hours": 1}, "scenarios": [{"name": "a"}], "grid": {"agents": [1, 2], "hit_rate": 0.3}})
    assert [(one.name, one.agents, one.hours) for one in found] == [
        ("a", 20, 1),
        ("agents=1 hit_rate=0.3", 1, 1),
        ("agents=2 hit_rate=0.3", 2, 1),
    ]


@pytest.mark.parametrize("body", [None, [], {}, {"scenarios": ["x"]}, {"grid": 5}, {"other": 1}])
def test_a_file_without_scenarios_is_refused(body: Any) -> None:
    with pytest.raises(Refused, match="scenario file"):
        expand(body)


def test_abandonment_is_pooled_over_shifts_with_its_interval_and_the_worst() -> None:
    shifts = [Summary(100, 2, 0, 0.8, 40.0, 300), Summary(100, 4, 0, 0.9, 44.0, 300)]
    pooled = pool(TINY, shifts)
    assert pooled.abandonment == pytest.approx(0.03)
    assert pooled.worst == 0.04
    assert pooled.interval[0] < 0.03 < pooled.interval[1]
    assert pooled.utilisation == pytest.approx(0.85)


def test_the_picture_is_well_formed_and_says_what_it_shows() -> None:
    picture = etree.fromstring(draw(shift(TINY, Mode.PROGRESSIVE, 1), "A <quiet> hour").encode())
    words = "".join(picture.itertext())
    assert "A <quiet> hour" in words
    assert "3.0%" in words


def test_minutes_that_were_kept_before_agents_looked_at_contacts_are_drawn_still() -> None:
    old, new = complete([3, 2, 1, 5, 0, 9]), complete([3, 2, 1, 5, 0, 9, 4, 0])
    assert "looking" not in draw(Result(minutes=[old, old]), "Old")
    assert "looking" in draw(Result(minutes=[old, new]), "New")


def test_the_command_compares_the_modes_beside_the_bound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "pacing", "--agents", "3", "--hours", "0.05", "--compare"]) == 0
    shown = capsys.readouterr().out
    modes = ("manual", "preview", "timed_preview", "progressive", "ratio", "adaptive", "expert", "predictive")
    assert all(f"3 agents, {mode} " in shown for mode in (*modes, "clairvoyant"))


def test_without_agents_the_command_compares_what_an_application_talks_to(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["simulate", "pacing", "--agents", "0", "--hours", "0.02", "--compare", "--rate", "30"]
    assert main([*asked, "--calls-per-second", "2", "--ports", "3"]) == 0
    shown = capsys.readouterr().out
    assert all(f"calls, {mode} " in shown for mode in ("none", "timed", "ports"))
    assert main(["simulate", "pacing", "--mode", "ports", "--ports", "3", "--hours", "0.02", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["placed"] >= 3


def test_the_command_takes_a_day_with_steps_breaks_and_callers(capsys: pytest.CaptureFixture[str]) -> None:
    day = "--agents 6 --hours 0.2 --hit-rate .5 --hit-step 0.1:.2 --hit-drift -.01 --staff 0.1:4 --log-in 0"
    breaks = "--break-every 120 --break-length 20 --preview 5 --preview-skipped .1 --dial-by-hand 6"
    callers = "--inbound 60 --inbound 0.1:300 --inbound-talk 30 --inbound-patience 60 --inbound-within 15"
    blended = ["--inbound-agents", "1", "--blending", "{measure: queue_length, acquire: 0.5, release: 0.2}"]
    asked = ["simulate", "pacing", *f"{day} {breaks} {callers}".split(), *blended]
    assert main([*asked, "--mode", "timed_preview", "--preview-seconds", "4", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["looking_minutes_an_hour"] > 1
    assert figures["agents_acquired"] > 0
    (half_hour,) = figures["inbound_half_hours"]
    assert half_hour == [0.0, pytest.approx(36, abs=20), figures["inbound_in_time"]]
    assert main([*asked, "--mode", "manual"]) == 0
    assert "by half hour: 0h" in capsys.readouterr().out


def test_the_command_reads_scenarios_and_durations_from_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios, observed = tmp_path / "day.yaml", tmp_path / "talks.csv"
    text = "common: {hours: 0.02, talk: {csv: talks.csv}, inbound: [[0, 200]]}\ngrid: {agents: [2, 3]}\n"
    scenarios.write_text(text, encoding="utf-8")
    observed.write_text("seconds,who\n30,a\n45.5,b\n", encoding="utf-8")
    assert main(["simulate", "pacing", "--file", str(scenarios), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["scenario"] for line in lines] == ["agents=2", "agents=3"]
    assert 0 <= lines[0]["inbound_in_time"] <= 1
    options = [
        "--agents",
        "2",
        "--hours",
        "0.02",
        "--talk",
        str(observed),
        "--answer",
        "4",
        "--svg",
        str(tmp_path / "a.svg"),
    ]
    assert main(["simulate", "pacing", *options]) == 0
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--talk", "nowhere.csv"], "--talk"),
        (["--file", "nowhere.yaml"], "--file"),
        (["--answer", "nowhere.csv"], "--answer"),
        (["--hit-rate", "7"], "hit_rate"),
        (["--svg", "a.svg", "--compare"], "--svg"),
        (["--campaign", "Collections"], "--from-attempts"),
        (["--from-attempts", "0"], "--from-attempts"),
        (["--hit-step", "noon:0.3"], "--hit-step"),
        (["--staff", "2:some"], "--staff"),
        (["--break-length", "nowhere.csv"], "--break-length"),
        (["--blending", "{"], "--blending"),
        (["--blending", "soon"], "--blending"),
        (["--blending", "{acquire: -1}"], "blending"),
        (["--break-every", "0"], "--break-every"),
        (["--log-in", "-1"], "--log-in"),
        (["--mode", "timed"], "--rate"),
        (["--mode", "ports"], "--ports"),
        (["--mode", "none"], "--calls-per-second"),
        (["--rate", "5"], "--rate"),
    ],
)
def test_the_command_says_what_is_wrong(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "pacing", *options]) != 0
    assert said in capsys.readouterr().err
