"""Grids of scenarios: those of a scenario file, and the one that every change of the predictive pacer must pass."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.errors import Refused
from pacing.simulation.distributions import Durations
from pacing.simulation.jobs import SharedScenario
from pacing.simulation.scenario import Detection, Scenario

SHORT_TALK = Durations("lognormal", mean=60.0, cv=0.9)
LONG_TALK = Durations("lognormal", mean=300.0, cv=0.8)
SLOW_RING = Durations("gamma", mean=13.0, cv=0.5, shift=3.0)


def expand(body: Any) -> list[Scenario | SharedScenario]:
    """The scenarios of a file: a mapping with `scenarios`, a list, and `grid`, fields with lists of values to combine.

    What stands in `common` holds for all of them. A scenario with `jobs` is one of several jobs. Raise Refused naming
    what is wrong.
    """
    if not isinstance(body, Mapping) or not set(body) <= {"common", "scenarios", "grid"}:
        raise Refused("scenario file: give a mapping with `scenarios`, `grid` and `common`, each of them optional")
    common = dict(_mapping(body.get("common") or {}, "common"))
    found: list[Scenario | SharedScenario] = []
    listed = body.get("scenarios") or []
    if not isinstance(listed, list):
        raise Refused("scenario file, scenarios: give a list")
    for at, one in enumerate(listed):
        named = {"name": f"scenario {at + 1}", **common, **_mapping(one, f"scenarios[{at}]")}
        found.append(_read(named))
    grid = _mapping(body.get("grid") or {}, "grid")
    values = [value if isinstance(value, list) else [value] for value in grid.values()]
    for combined in itertools.product(*values) if grid else ():
        chosen = dict(zip(grid, combined, strict=True))
        found.append(_read({**common, "name": " ".join(f"{k}={v}" for k, v in chosen.items()), **chosen}))
    if not found:
        raise Refused("scenario file: it has no scenario; give `scenarios` or `grid`")
    return found


def _read(body: Mapping[str, Any]) -> Scenario | SharedScenario:
    return SharedScenario.read(body) if "jobs" in body else Scenario.read(body)


def _mapping(body: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise Refused(f"scenario file, {field}: give a mapping")
    return body


def benchmark() -> list[Scenario]:
    """Four sizes of team; hit rates from 10 to 50 %; and what makes a day hard."""
    plain = [
        Scenario(name=f"{agents} agents, hit rate {hit:.0%}", agents=agents, hit_rate=hit)
        for agents in (5, 20, 100, 500)
        for hit in (0.10, 0.25, 0.50)
    ]
    step = ((2.5, 0.45), (5.0, 0.12))
    churn: dict[str, Any] = {"break_every": 3_000.0, "staffing": ((2.0, 0.7), (4.5, 1.1))}
    hard: list[tuple[str, int, dict[str, Any]]] = [
        ("long talks", 5, {"talk": LONG_TALK}),
        ("step", 5, {"hit_steps": step}),
        ("short talks", 20, {"talk": SHORT_TALK}),
        ("long talks", 20, {"talk": LONG_TALK}),
        ("step", 20, {"hit_steps": step}),
        ("slow ring", 20, {"answer": SLOW_RING, "ring_timeout": 35.0}),
        ("machine detection", 20, {"machines": 0.3, "detection": Detection()}),
        ("churn", 20, churn),
        ("short talks", 100, {"talk": SHORT_TALK}),
        ("step", 100, {"hit_steps": step}),
        ("drift", 100, {"hit_rate": 0.4, "hit_drift": -0.035}),
        ("slow ring", 100, {"answer": SLOW_RING, "ring_timeout": 35.0}),
        ("machine detection", 100, {"machines": 0.3, "detection": Detection()}),
        ("churn", 100, churn),
        ("lines", 100, {"lines": 160, "calls_per_second": 4.0}),
        ("drift", 500, {"hit_rate": 0.4, "hit_drift": -0.035}),
    ]
    return plain + [_hard(name, agents, changed) for name, agents, changed in hard]


def _hard(name: str, agents: int, changed: Mapping[str, Any]) -> Scenario:
    values = dict(changed)
    if "staffing" in values:
        values["staffing"] = tuple((hour, round(share * agents)) for hour, share in values["staffing"])
    return replace(Scenario(agents=agents), name=f"{agents} agents, {name}", **values)
