"""`python -m pacing.simulation.trial`: shifts asked for by a JSON order on standard input, figures as JSON lines.

    {"scenario": {...}, "modes": ["predictive", ...], "shifts": 3, "limit": 0.03}

Each line tells the progress ("done" of 1); the line that ends a mode has its "mode" and "figures", the last the
clairvoyant "bound". A process of its own, since a shift keeps a processor for seconds.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pacing.algorithms import Mode
from pacing.simulation.bound import clairvoyant
from pacing.simulation.result import Result
from pacing.simulation.runs import Summary, pool, shift
from pacing.simulation.scenario import Scenario

#: Whoever answers the phone goes first.
_NICENESS = 10


def main() -> None:
    os.nice(_NICENESS)
    for line in run(json.load(sys.stdin)):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def run(order: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Raise Refused where the scenario cannot be."""
    scenario = Scenario.read(order["scenario"])
    modes, shifts = [Mode(mode) for mode in order["modes"]], int(order["shifts"])
    total, done = len(modes) * shifts, 0
    for mode in modes:
        results: list[Result] = []
        for seed in range(1, shifts + 1):
            results.append(shift(scenario, mode, seed, abandonment_limit=order["limit"]))
            done += 1
            yield {"done": done / total}
        yield {"done": done / total, "mode": mode.value, "figures": _figures(scenario, results)}
    bound = clairvoyant(scenario)
    talk = scenario.talk.average
    yield {"done": 1.0, "bound": bound, "bound_talk": 60 * bound * talk / (talk + scenario.wrapup.average)}


def _figures(scenario: Scenario, results: list[Result]) -> dict[str, Any]:
    """Percentages as shares; waits in seconds; `minutes` of the first shift, for its picture."""
    pooled = pool(scenario, [Summary.of(result) for result in results])
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
        "agent_wait": _mean([wait for result in results for wait in result.agent_waits]),
        "person_wait_p95": _p95([wait for result in results for wait in result.person_waits]),
        "minutes": results[0].minutes,
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))] if values else 0.0


if __name__ == "__main__":
    main()
