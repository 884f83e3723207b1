"""`python -m pacing.simulation.trial`: shifts asked for by a JSON order on standard input, figures as JSON lines.

    {"scenario": {...}, "modes": ["predictive", ...], "shifts": 3, "limit": 0.03}

A scenario with `jobs` is one of several campaigns together: each mode stands in the place of theirs, and AGENTLESS
leaves them as their pacing says. Each line tells the progress ("done" of 1); the line that ends a mode has its "mode"
and "figures" (with "jobs", those of each), the last the clairvoyant "bound". A process of its own, since a shift keeps
a processor for seconds.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pacing.algorithms import Mode
from pacing.simulation.bound import clairvoyant, clairvoyant_together
from pacing.simulation.jobs import AMONG, SharedScenario
from pacing.simulation.result import JobResult, Result, SharedResult
from pacing.simulation.runs import Summary, pool_by, shift
from pacing.simulation.scenario import Scenario
from pacing.simulation.shared import SharedCentre

#: Whoever answers the phone goes first.
_NICENESS = 10
#: The pacing of each campaign, and no agents.
AGENTLESS = "agentless"

_Shift = TypeVar("_Shift")


class _Trial(Protocol[_Shift]):
    def shift(self, mode: str, seed: int) -> _Shift:
        """Live through one."""

    def figures(self, shifts: Sequence[_Shift]) -> dict[str, Any]:
        """What those of a mode came to."""

    def bound(self) -> tuple[float, float]:
        """The greatest utilisation, and talk minutes an agent hour."""


def main() -> None:
    os.nice(_NICENESS)
    for line in run(json.load(sys.stdin)):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def run(order: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Raise Refused where the scenario cannot be."""
    if "jobs" in order["scenario"]:
        yield from _run(_Together(order), order["modes"], int(order["shifts"]))
    else:
        yield from _run(_Alone(order), order["modes"], int(order["shifts"]))


def _run(trial: _Trial[_Shift], modes: Sequence[str], shifts: int) -> Iterator[dict[str, Any]]:
    total, done = len(modes) * shifts, 0
    for mode in modes:
        lived: list[_Shift] = []
        for seed in range(1, shifts + 1):
            lived.append(trial.shift(mode, seed))
            done += 1
            yield {"done": done / total}
        yield {"done": done / total, "mode": mode, "figures": trial.figures(lived)}
    bound, talk = trial.bound()
    yield {"done": 1.0, "bound": bound, "bound_talk": talk}


def _configured(order: Mapping[str, Any]) -> dict[str, float]:
    chosen = {"abandonment_limit": order["limit"]}
    return {**chosen, "preview_seconds": order["preview_seconds"]} if "preview_seconds" in order else chosen


class _Alone:
    """One campaign, or all traffic as one."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._scenario = Scenario.read(order["scenario"])
        self._configured = _configured(order)

    def shift(self, mode: str, seed: int) -> Result:
        return shift(self._scenario, Mode(mode), seed, **self._configured)

    def figures(self, shifts: Sequence[Result]) -> dict[str, Any]:
        return _figures(shifts, self.bound()[0])

    def bound(self) -> tuple[float, float]:
        bound = clairvoyant(self._scenario)
        return bound, _most_talk(bound, [self._scenario])


class _Together:
    """Several campaigns on the same agents and lines."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._scenario = order["scenario"]
        self._configured = _configured(order)

    def shift(self, mode: str, seed: int) -> SharedResult:
        return SharedCentre(SharedScenario.read(paced(self._scenario, mode, self._configured)), seed).run()

    def figures(self, shifts: Sequence[SharedResult]) -> dict[str, Any]:
        bound = self.bound()[0]
        whole = _figures([Result.together([job.result for job in shared.jobs]) for shared in shifts], bound)
        by_job = zip(*(shared.jobs for shared in shifts), strict=True)
        return {**whole, "jobs": [_figures_of_job(jobs, shifts, bound) for jobs in by_job]}

    def bound(self) -> tuple[float, float]:
        scenario = SharedScenario.read(paced(self._scenario, Mode.PREDICTIVE, {}))
        bound = clairvoyant_together(scenario)
        return bound, _most_talk(bound, [job.scenario for job in scenario.jobs])


def paced(scenario: Mapping[str, Any], mode: str, configured: Mapping[str, float]) -> dict[str, Any]:
    """A scenario of several jobs in another mode, in which weights, priorities and ports stay."""
    if mode == AGENTLESS:
        return dict(scenario)
    jobs = []
    for job in scenario["jobs"]:
        among = {name: value for name, value in job.get("pacing", {}).items() if name in AMONG}
        jobs.append({**job, "pacing": {**among, **configured, "mode": mode}})
    return {**scenario, "jobs": jobs}


def _most_talk(bound: float, scenarios: Sequence[Scenario]) -> float:
    """Minutes an hour, were it all work of the job that has most talk in it."""
    return 60 * bound * max(s.talk.average / max(1e-9, s.talk.average + s.wrapup.average) for s in scenarios)


def _figures(results: Sequence[Result], bound: float) -> dict[str, Any]:
    """Percentages as shares; waits in seconds; `minutes` of the first shift, for its picture."""
    pooled = pool_by(bound, [Summary.of(result) for result in results])
    count = len(results)
    return {
        "talk_minutes": pooled.talk_minutes,
        "utilisation": pooled.utilisation,
        "of_bound": pooled.of_bound,
        "abandonment": pooled.abandonment,
        "abandonment_low": pooled.interval[0],
        "abandonment_high": pooled.interval[1],
        "abandonment_worst": pooled.worst,
        "with_false_machines": _share(
            sum(result.abandoned + result.false_machines for result in results),
            sum(result.live + result.false_machines for result in results),
        ),
        "abandoned": sum(result.abandoned for result in results) / count,
        "people": sum(result.live for result in results) / count,
        "placed": sum(result.placed for result in results) / count,
        "agent_hours": sum(result.logged_in for result in results) / count / 3_600,
        "looking_minutes": 60 * _share(sum(r.preview for r in results), sum(r.logged_in for r in results)),
        "agent_wait": _mean([wait for result in results for wait in result.agent_waits]),
        "person_wait_p95": _p95([wait for result in results for wait in result.person_waits]),
        "minutes": results[0].minutes,
    }


def _figures_of_job(jobs: Sequence[JobResult], results: Sequence[SharedResult], bound: float) -> dict[str, Any]:
    """One campaign's, over all shifts."""
    pairs = list(zip(jobs, results, strict=True))
    return {
        "name": jobs[0].name,
        **_figures([job.result for job in jobs], bound),
        "share_of_lines": sum(shared.share_of_lines(job) for job, shared in pairs) / len(pairs),
        "share_by_weight": results[0].share_by_weight(jobs[0]),
        "longest_wait": max(job.longest_wait for job in jobs),
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))] if values else 0.0


if __name__ == "__main__":
    main()
