"""Predictive pacing over a grid with one setting, beside progressive, fixed ratio and the VICIdial-like rule.

Seeds from 10,000 on are held out: nothing was tuned on them. Of each scenario it prints the pooled abandonment
(abandoned / live-answered, at most 3.0 %), its 95 % interval over shifts, the worst shift, and the utilisation by the
clairvoyant bound's (mean over the grid at least 92 %); then all modes in one table. Then the processor time of an
eight-hour shift of 100 agents (at most 10 s) and of one `decide` (at most 1 ms for 100 agents, 5 ms for 1,000).

    python -m benchmarks.pacing                              2 seeds of 2 hours: a first look
    python -m benchmarks.pacing --seeds 20 --hours 8 --results DIR    the whole; goes on where it was stopped

Parts may run beside each other: `--only TEXT` takes the scenarios whose name has it. Whether limit and goal are met is
said of the whole grid alone, over 20 seeds of 8 hours at least. Shifts in DIR count for the pacer and simulator that
made them, by the hash of their sources in the files' names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from pacing.algorithms import Configuration, Mode, Observation, create
from pacing.simulation.grids import benchmark
from pacing.simulation.runs import Pooled, Summary, pool, shift
from pacing.simulation.scenario import Scenario

FIRST_SEED = 10_000
LIMIT, GOAL = 0.03, 0.92
#: Of the whole grid: seeds and hours at least.
SEEDS, HOURS = 20, 8.0
#: Seconds of processor for a shift of 100 agents, and of one `decide` by the number of agents.
SHIFT, DECIDE = 10.0, {100: 1e-3, 1_000: 5e-3}
BASELINES = {
    Mode.PROGRESSIVE: {},
    Mode.RATIO: {"dial_level": 1.5},
    Mode.ADAPTIVE: {},
}


@cache
def fingerprint(pacing: Path = Path(__file__).parents[1] / "pacing") -> str:
    """Of the pacers and the simulator by their sources, and of the baselines' settings."""
    whole = hashlib.sha256(repr(BASELINES).encode())
    for path in sorted(path for part in ("algorithms", "simulation") for path in (pacing / part).glob("*.py")):
        whole.update(b"\0".join((path.name.encode(), path.read_bytes(), b"")))
    return whole.hexdigest()[:10]


def summaries(scenario: Scenario, mode: Mode, seeds: int, results: Path | None) -> list[Summary]:
    """Of so many held-out seeds; those found in `results` are not run again."""
    words = "".join(letter if letter.isalnum() else "-" for letter in scenario.name)
    path = results / f"{words}.{mode}.{scenario.hours:g}h.{fingerprint()}.jsonl" if results else None
    known: list[Summary] = []
    if path is not None and path.exists():
        known = [Summary(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()][:seeds]
    for seed in range(FIRST_SEED + len(known), FIRST_SEED + seeds):
        known.append(Summary.of(shift(scenario, mode, seed, **BASELINES.get(mode, {}))))
        if path is not None:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(known[-1])) + "\n")
    return known


def row(name: str, pooled: Pooled) -> str:
    low, high = pooled.interval
    return (
        f"| {name} | {pooled.abandonment:.2%} | {low:.2%} – {high:.2%} | {pooled.worst:.2%} "
        f"| {pooled.of_bound:.1%} | {pooled.talk_minutes:.1f} | {pooled.shifts} |"
    )


def met(within: bool) -> str:
    return "MET" if within else "NOT MET"


def verdict(found: Sequence[Pooled], *, grid: int, hours: float) -> str:
    """Whether limit and goal are met, where this is the whole grid of so many scenarios."""
    shifts = min(pooled.shifts for pooled in found)
    if len(found) < grid or shifts < SEEDS or hours < HOURS:
        part = f"{len(found)} of {grid} scenarios; shifts of {hours:g} h each: {shifts}"
        return f"part of the grid ({part}): no verdict, which takes all of it over {SEEDS} shifts of {HOURS:g} h"
    over = any(pooled.abandonment > LIMIT for pooled in found)
    return met(not over and sum(pooled.of_bound for pooled in found) / grid >= GOAL)


def table(mode: Mode, scenarios: list[Scenario], seeds: int, results: Path | None) -> list[Pooled]:
    print(f"\n{mode}\n")
    print("| scenario | abandoned | 95 % interval | worst shift | of the bound | talk min/h | shifts |")
    print("|---|---|---|---|---|---|---|")
    all_pooled = []
    for scenario in scenarios:
        pooled = pool(scenario, summaries(scenario, mode, seeds, results))
        all_pooled.append(pooled)
        print(row(scenario.name, pooled), flush=True)
    over = sum(pooled.abandonment > LIMIT for pooled in all_pooled)
    mean = sum(pooled.of_bound for pooled in all_pooled) / len(all_pooled)
    print(f"\n{mode}: over {LIMIT:.1%} in {over} of {len(all_pooled)} scenarios; {mean:.1%} of the bound on average")
    if mode is Mode.PREDICTIVE:
        print(verdict(all_pooled, grid=len(benchmark()), hours=scenarios[0].hours))
    return all_pooled


def beside(scenarios: list[Scenario], found: Mapping[Mode, Sequence[Pooled]]) -> None:
    """All modes in one table: abandoned, and utilisation by the clairvoyant bound's."""
    print("\n| scenario | " + " | ".join(f"{mode}: abandoned | of the bound" for mode in found) + " |")
    print("|---" * (1 + 2 * len(found)) + "|")
    for at, scenario in enumerate(scenarios):
        cells = [f"{pooled[at].abandonment:.2%} | {pooled[at].of_bound:.1%}" for pooled in found.values()]
        print(f"| {scenario.name} | " + " | ".join(cells) + " |")


def decide_time(agents: int) -> float:
    """Median seconds of one `decide` with a full floor."""
    pacer = create(Configuration())
    spent = []
    for now in range(300):
        talking = [float((37 * agent + now) % 300) for agent in range(agents * 8 // 10)]
        ringing = {call: float((call * 7 + now) % 25) for call in range(agents)}
        seen = Observation(ready=agents // 20, talking=talking, wrapup=[5.0] * (agents * 3 // 20), ringing=ringing)
        began = time.perf_counter()
        pacer.decide(seen, float(now))
        spent.append(time.perf_counter() - began)
    return sorted(spent)[len(spent) // 2]


def shift_time() -> float:
    """Processor seconds of eight hours with 100 agents."""
    began = time.process_time()
    shift(Scenario(agents=100), Mode.PREDICTIVE, FIRST_SEED)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--modes", default="predictive,progressive,ratio,adaptive")
    chosen = parser.parse_args()
    if chosen.results is not None:
        chosen.results.mkdir(parents=True, exist_ok=True)
    scenarios = [replace(one, hours=chosen.hours) for one in benchmark() if chosen.only in one.name]
    if not scenarios:
        parser.error(f"--only: no scenario has {chosen.only!r} in its name")
    modes = [Mode(mode) for mode in chosen.modes.split(",")]
    beside(scenarios, {mode: table(mode, scenarios, chosen.seeds, chosen.results) for mode in modes})
    spent = shift_time()
    figure = f"{spent:.1f} s of processor time (at most {SHIFT:g}): {met(spent <= SHIFT)}"
    print(f"\nan eight-hour shift of 100 agents: {figure}")
    for agents, most in DECIDE.items():
        spent = decide_time(agents)
        print(f"decide: {spent * 1e3:.2f} ms for {agents:,} agents (at most {most * 1e3:g}): {met(spent <= most)}")


if __name__ == "__main__":
    main()
