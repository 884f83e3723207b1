"""`clarion simulate pacing`: what a pacing would do in a virtual call centre, as text and as a picture."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import Refused

if TYPE_CHECKING:
    from pacing.simulation.jobs import SharedScenario
    from pacing.simulation.result import Result
    from pacing.simulation.scenario import Scenario

_MODES = ("progressive", "ratio", "adaptive", "expert", "predictive")
_COLUMNS = (
    f"{'':28}{'talk min/h':>11}{'utilisation':>12}{'abandoned':>11}{'with AMD errors':>16}{'wait p95':>9}{'idle':>7}"
)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("simulate", help="try settings in a virtual call centre")
    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    pacing = kinds.add_parser(
        "pacing",
        help="how much agents would talk and whom nobody would answer",
        description="Lives through a shift on a virtual clock with the pacer that jobs use.",
    )
    pacing.add_argument("--agents", type=int, default=20)
    pacing.add_argument("--hours", type=float, default=8.0)
    pacing.add_argument("--hit-rate", type=float, metavar="SHARE", help="share of calls a person answers (0.25)")
    pacing.add_argument("--machines", type=float, metavar="SHARE", help="share of calls a machine answers (0)")
    pacing.add_argument("--detection", action="store_true", help="tell machines from people, with delay and errors")
    pacing.add_argument("--answer", metavar="SECONDS|FILE", help="from placing to a person's answer (10.5)")
    pacing.add_argument("--talk", metavar="SECONDS|FILE", help="mean (120), or a CSV with observed ones")
    pacing.add_argument("--wrapup", default="20", metavar="SECONDS|FILE")
    pacing.add_argument("--lines", type=int)
    pacing.add_argument("--calls-per-second", type=float)
    pacing.add_argument("--mode", choices=_MODES, default="predictive")
    pacing.add_argument("--limit", type=float, default=0.03, metavar="SHARE", help="abandonment limit")
    pacing.add_argument("--level", type=float, default=1.5, help="lines an agent: ratio; where adaptive begins")
    pacing.add_argument("--seed", type=int, default=1)
    pacing.add_argument("--compare", action="store_true", help="every mode, beside the clairvoyant bound")
    pacing.add_argument("--ports", type=int, help="with --job: ports that all jobs share")
    pacing.add_argument(
        "--job", action="append", default=[], metavar="YAML", help="one of several jobs: {name: a, pacing: {weight: 2}}"
    )
    pacing.add_argument("--file", type=Path, metavar="YAML", help="scenarios of a file instead of these options")
    pacing.add_argument(
        "--from-attempts", type=int, metavar="DAYS", help="rates and durations of the calls of so many days"
    )
    pacing.add_argument("--campaign", default="", metavar="NAME", help="with --from-attempts: of one campaign alone")
    pacing.add_argument("--svg", type=Path, metavar="FILE", help="draw the shift (one scenario, one mode)")
    pacing.add_argument("--json", action="store_true", help="print figures as JSON lines")
    pacing.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from app.cli import simulate_jobs
    from pacing.simulation.scenario import Scenario

    scenarios = _from_file(arguments.file) if arguments.file else [_from_options(arguments)]
    modes = _MODES if arguments.compare else (arguments.mode,)
    if arguments.svg and (len(scenarios) > 1 or len(modes) > 1):
        raise Refused("--svg draws one shift: give one scenario and no --compare")
    if not arguments.json and any(isinstance(scenario, Scenario) for scenario in scenarios):
        print(_COLUMNS)
    for scenario in scenarios:
        if isinstance(scenario, Scenario):
            _try(scenario, modes, arguments)
        else:
            simulate_jobs.run(scenario, arguments, _MODES if arguments.compare else ())
    return 0


def _try(scenario: Scenario, modes: tuple[str, ...], arguments: argparse.Namespace) -> None:
    from pacing.simulation.chart import draw

    for mode in modes:
        result = _shift(scenario, mode, arguments)
        _print(scenario, mode, result, as_json=arguments.json)
        if arguments.svg:
            title = f"{scenario.name}: {mode}, seed {arguments.seed}"
            arguments.svg.write_text(draw(result, title, arguments.limit), encoding="utf-8")
    if not arguments.json:
        _print_bound(scenario)


def _shift(scenario: Scenario, mode: str, arguments: argparse.Namespace) -> Result:
    from pacing.algorithms import Mode
    from pacing.simulation.runs import shift

    chosen = {"abandonment_limit": arguments.limit, "dial_level": arguments.level}
    return shift(scenario, Mode(mode), arguments.seed, **chosen)


def _from_options(arguments: argparse.Namespace) -> Scenario | SharedScenario:
    from app.cli import simulate_jobs
    from pacing.simulation.scenario import Scenario

    if arguments.campaign and arguments.from_attempts is None:
        raise Refused("--campaign: it chooses among past calls; give --from-attempts DAYS too")
    if arguments.ports is not None and not arguments.job:
        raise Refused("--ports: jobs share them; give --job too, or --lines")
    past = _past(arguments.from_attempts, arguments.campaign) if arguments.from_attempts is not None else {}
    own: dict[str, Any] = {
        "name": f"{arguments.agents} agents",
        "agents": arguments.agents,
        "hours": arguments.hours,
        "detection": arguments.detection,
        "hit_rate": arguments.hit_rate,
        "machines": arguments.machines,
        "answer": arguments.answer and _durations("--answer", arguments.answer, "gamma", 0.6),
        "talk": arguments.talk and _durations("--talk", arguments.talk, "lognormal", 0.9),
        "wrapup": _durations("--wrapup", arguments.wrapup, "gamma", 0.6),
        "lines": arguments.lines,
        "calls_per_second": arguments.calls_per_second,
    }
    body = {**past, **{name: value for name, value in own.items() if value is not None}}
    if not arguments.job:
        return Scenario.read(body)
    shared = {"ports": arguments.ports, "calls_per_second": _whole(arguments.calls_per_second)}
    return simulate_jobs.scenario_of(arguments, {**body, **shared})


def _whole(rate: float | None) -> float | int | None:
    return int(rate) if rate is not None and rate.is_integer() else rate


def _past(days: int, campaign: str) -> dict[str, Any]:
    """What the calls of the last days were like."""
    from app.cli.data import database
    from app.db import read_transaction
    from app.security.access import Actor
    from app.services.campaigns import find_campaign
    from app.services.pacing_trials import past_calls
    from common.clock import utcnow
    from pacing.simulation.past import scenario_of

    if days < 1:
        raise Refused("--from-attempts: give the number of days, 1 or more")
    actor = Actor.system()
    with database() as engine, read_transaction(engine) as session:
        campaign_id = find_campaign(session, actor, campaign).id if campaign else None
        calls = past_calls(session, actor, campaign_id, utcnow() - timedelta(days=days))
    try:
        return scenario_of(calls)
    except Refused as refused:
        raise Refused(f"--from-attempts: {refused}") from refused


def _durations(option: str, given: str, shape: str, cv: float) -> Any:
    """Seconds, or the numbers in the first column of a CSV file; a heading is passed over."""
    from pacing.simulation.distributions import Durations

    try:
        return Durations(shape, mean=float(given), cv=cv)
    except ValueError:
        return Durations("empirical", values=tuple(_observed(option, Path(given))))


def _observed(field: str, path: Path) -> list[float]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            cells = [row[0].strip() for row in csv.reader(file) if row and row[0].strip()]
    except OSError as error:
        raise Refused(f"{field}: {path} is neither seconds nor a readable file ({error.strerror})") from error
    values: list[float] = []
    for line, cell in enumerate(cells, start=1):
        try:
            values.append(float(cell))
        except ValueError:
            if line > 1:
                raise Refused(f"{field}: {path}, line {line}: {cell!r} is no number of seconds") from None
    return values


def _with_files(body: Any, folder: Path, field: str = "") -> Any:
    """A scenario file's body, `{csv: FILE}` replaced by the durations in it; the file lies beside the scenario file."""
    if isinstance(body, dict) and set(body) == {"csv"}:
        return _observed(field, folder / str(body["csv"]))
    if isinstance(body, dict):
        return {name: _with_files(value, folder, str(name)) for name, value in body.items()}
    return [_with_files(value, folder, field) for value in body] if isinstance(body, list) else body


def _from_file(path: Path) -> list[Scenario | SharedScenario]:
    import yaml

    from pacing.simulation.grids import expand

    try:
        return expand(_with_files(yaml.safe_load(path.read_text(encoding="utf-8")), path.parent))
    except OSError as error:
        raise Refused(f"--file: {path} cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise Refused(f"--file: {path} is no YAML ({error})") from error
    except Refused as error:
        raise Refused(f"{path}: {error}") from error


def _print(scenario: Scenario, mode: str, result: Result, *, as_json: bool) -> None:
    figures = {
        "scenario": scenario.name,
        "mode": mode,
        "talk_minutes_an_hour": result.talk_minutes_an_hour,
        "utilisation": result.utilisation,
        "abandonment": result.abandonment,
        "abandonment_with_false_machines": result.abandonment_with_false_machines,
        "person_wait_p95": _percentile(result.person_waits, 0.95),
        "agent_wait_mean": sum(result.agent_waits) / max(1, len(result.agent_waits)),
        "inbound_wait_p95": _percentile(result.inbound_waits, 0.95),
        "inbound_lost": result.inbound_lost,
        "inbound_within_20_s": result.inbound_in_level(),
        "placed": result.placed,
        "cancelled": result.cancelled,
        "live": result.live,
        "abandoned": result.abandoned,
    }
    if as_json:
        print(json.dumps(figures))
        return
    print(
        f"{f'{scenario.name}, {mode}'[:27]:28}{result.talk_minutes_an_hour:11.1f}{result.utilisation:12.1%}"
        f"{result.abandonment:11.2%}{result.abandonment_with_false_machines:16.2%}"
        f"{figures['person_wait_p95']:8.1f}s{figures['agent_wait_mean']:6.1f}s"
    )
    sys.stdout.flush()


def _print_bound(scenario: Scenario) -> None:
    from pacing.simulation.bound import clairvoyant

    bound = clairvoyant(scenario)
    talk = 60 * bound * scenario.talk.average / (scenario.talk.average + scenario.wrapup.average)
    print(f"{f'{scenario.name}, clairvoyant'[:27]:28}{talk:11.1f}{bound:12.1%}{0.0:11.2%}")


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))] if values else 0.0
