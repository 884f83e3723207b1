"""`clarion simulate pacing` with several jobs on the same ports, trunks and agents."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.cli import simulate_inbound
from common.errors import Refused

if TYPE_CHECKING:
    from pacing.simulation.jobs import SharedScenario
    from pacing.simulation.result import JobResult, SharedResult

_COLUMNS = (
    f"{'':32}{'talk min/h':>11}{'utilisation':>12}{'abandoned':>10}{'with AMD':>9}{'calls':>8}{'people':>7}"
    f"{'lines':>7}{'weight':>7}{'longest wait':>13}"
)


def scenario_of(given: Sequence[str], common: dict[str, Any]) -> SharedScenario:
    """Of `--job` options, each a YAML mapping. Raise Refused."""
    import yaml

    from pacing.simulation.jobs import SharedScenario

    jobs = []
    for at, text in enumerate(given):
        try:
            jobs.append(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise Refused(f"--job {at + 1}: {text!r} is no YAML ({error})") from error
    try:
        return SharedScenario.read({**common, "jobs": jobs})
    except Refused as error:
        raise Refused(f"--job: {error}") from error


def run(scenario: SharedScenario, arguments: argparse.Namespace, modes: tuple[str, ...]) -> None:
    """A line for each job and one for all with agents. `modes`: what jobs with agents try instead of their own."""
    from pacing.simulation.bound import clairvoyant_together
    from pacing.simulation.chart import draw_jobs
    from pacing.simulation.shared import SharedCentre

    if not arguments.json:
        print(_COLUMNS)
    for mode in modes or ("",):
        result = SharedCentre(_with(scenario, mode, arguments), arguments.seed).run()
        for job in result.jobs:
            _print(scenario.name, job, result, as_json=arguments.json)
        if arguments.json or len(result.jobs) > 1:
            _print_sum(scenario.name, mode, result, as_json=arguments.json)
        if arguments.svg:
            title = f"{scenario.name}, seed {arguments.seed}"
            arguments.svg.write_text(draw_jobs(result, title, arguments.limit), encoding="utf-8")
    if not arguments.json and scenario.groups:
        print(f"{f'{scenario.name}, clairvoyant'[:31]:32}{'':11}{clairvoyant_together(scenario):12.1%}{0.0:10.2%}")


def _with(scenario: SharedScenario, mode: str, arguments: argparse.Namespace) -> SharedScenario:
    """`mode` for all jobs with agents, "" as each says; the options' limit and level where a job names none."""
    from app.cli import simulate
    from pacing.algorithms import Mode

    usual = simulate.configured(arguments)
    jobs = tuple(
        replace(job, mode=Mode(mode) if mode else job.mode, configured={**usual, **job.configured}) if job.mode else job
        for job in scenario.jobs
    )
    return replace(scenario, jobs=jobs)


def _figures(job: JobResult, result: SharedResult) -> dict[str, Any]:
    r = job.result
    return {
        "job": job.name,
        "mode": job.mode,
        "talk_minutes_an_hour": r.talk_minutes_an_hour,
        "utilisation": r.utilisation,
        "abandonment": r.abandonment,
        "abandonment_with_false_machines": r.abandonment_with_false_machines,
        "agent_hours": r.logged_in / 3_600,
        "application_talk_minutes": r.application_talk / 60,
        **simulate_inbound.figures(r),
        "placed": r.placed,
        "cancelled": r.cancelled,
        "live": r.live,
        "abandoned": r.abandoned,
        "share_of_lines": result.share_of_lines(job),
        "share_of_calls": result.share_of_calls(job),
        "share_by_weight": result.share_by_weight(job),
        "longest_wait": job.longest_wait,
    }


def _print(scenario: str, job: JobResult, result: SharedResult, *, as_json: bool) -> None:
    figures = _figures(job, result)
    if as_json:
        print(json.dumps({"scenario": scenario, **figures}))
        return
    agents = f"{figures['talk_minutes_an_hour']:11.1f}{figures['utilisation']:12.1%}{figures['abandonment']:10.2%}"
    agents += f"{figures['abandonment_with_false_machines']:9.2%}"
    print(
        f"{f'{job.name}, {job.mode}'[:31]:32}{agents if job.with_agents else '':42}{job.result.placed:8}"
        f"{job.result.live:7}{figures['share_of_lines']:7.1%}{figures['share_by_weight']:7.1%}"
        f"{job.longest_wait:12.1f}s"
    )
    simulate_inbound.tell(job.result)
    sys.stdout.flush()


def _print_sum(scenario: str, mode: str, result: SharedResult, *, as_json: bool) -> None:
    whole, placed = result.with_agents, sum(job.result.placed for job in result.jobs)
    live = sum(job.result.live for job in result.jobs)
    if as_json:
        figures = {
            "talk_minutes_an_hour": whole.talk_minutes_an_hour,
            "utilisation": whole.utilisation,
            "abandonment": whole.abandonment,
            "abandonment_with_false_machines": whole.abandonment_with_false_machines,
            "agent_hours": whole.logged_in / 3_600,
        }
        named = {"scenario": scenario, "job": None, "mode": mode or None}
        print(json.dumps({**named, **figures, "placed": placed, "live": live}))
        return
    print(
        f"{f'{scenario}, all {mode}'[:31]:32}{whole.talk_minutes_an_hour:11.1f}{whole.utilisation:12.1%}"
        f"{whole.abandonment:10.2%}{whole.abandonment_with_false_machines:9.2%}{placed:8}{live:7}"
    )
