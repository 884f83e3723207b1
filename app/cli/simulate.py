"""`clarion simulate pacing`: what a pacing would do in a virtual call centre, as text and as a picture."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import simulate_inbound, simulate_options
from common.errors import Refused

if TYPE_CHECKING:
    from pacing.simulation.jobs import SharedScenario
    from pacing.simulation.result import Result
    from pacing.simulation.scenario import Scenario

#: Those with agents, in the order in which they are compared.
_MODES = ("manual", "preview", "timed_preview", "progressive", "ratio", "adaptive", "expert", "predictive")
_COLUMNS = (
    f"{'':28}{'talk min/h':>11}{'utilisation':>12}{'abandoned':>11}{'with AMD errors':>16}{'wait p95':>9}{'idle':>7}"
    f"{'looks min/h':>12}"
)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("simulate", help="try settings in a virtual call centre")
    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    pacing = kinds.add_parser(
        "pacing",
        help="how much agents would talk and whom nobody would answer",
        description="Lives through a shift on a virtual clock with the pacer that jobs use.",
    )
    pacing.add_argument(
        "--mode", choices=(*_MODES, *simulate_options.AGENTLESS), default="predictive", help="predictive"
    )
    pacing.add_argument("--limit", type=float, default=0.03, metavar="SHARE", help="abandonment limit")
    pacing.add_argument("--level", type=float, default=1.5, help="lines an agent: ratio; where adaptive begins")
    pacing.add_argument("--rate", type=float, metavar="N", help="mode timed: so many calls")
    pacing.add_argument("--per", choices=("second", "minute", "hour"), default="minute", help="mode timed: minute")
    pacing.add_argument("--seed", type=int, default=1)
    pacing.add_argument("--compare", action="store_true", help="every mode, beside the clairvoyant bound")
    pacing.add_argument("--ports", type=int, help="calls at one time: of all jobs with --job; of mode ports")
    pacing.add_argument(
        "--job", action="append", default=[], metavar="YAML", help="one of several jobs: {name: a, pacing: {weight: 2}}"
    )
    pacing.add_argument("--file", type=Path, metavar="YAML", help="scenarios of a file instead of the options below")
    pacing.add_argument("--svg", type=Path, metavar="FILE", help="draw the shift (one scenario, one mode)")
    pacing.add_argument("--json", action="store_true", help="print figures as JSON lines")
    simulate_options.add(pacing)
    pacing.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from app.cli import simulate_jobs
    from pacing.simulation.scenario import Scenario

    scenarios = _from_file(arguments.file) if arguments.file else simulate_options.scenarios_of(arguments)
    modes = _MODES if arguments.compare else (arguments.mode,)
    with_agents = any(isinstance(scenario, Scenario) for scenario in scenarios)
    if arguments.svg and (len(scenarios) > 1 or len(modes) > 1):
        raise Refused("--svg draws one shift: give one scenario and no --compare")
    if with_agents and not arguments.compare and arguments.mode in simulate_options.AGENTLESS:
        raise Refused(f"--mode {arguments.mode}: in a scenario file it stands in `jobs`")
    if with_agents and not arguments.json:
        print(_COLUMNS)
    for scenario in scenarios:
        if isinstance(scenario, Scenario):
            _try(scenario, modes, arguments)
        else:
            simulate_jobs.run(scenario, arguments, _MODES if arguments.compare and scenario.groups else ())
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

    return shift(scenario, Mode(mode), arguments.seed, **configured(arguments))


def configured(arguments: argparse.Namespace) -> dict[str, float]:
    """What the options say of the pacer's configuration."""
    chosen = {"abandonment_limit": arguments.limit, "dial_level": arguments.level}
    return chosen if arguments.preview_seconds is None else {**chosen, "preview_seconds": arguments.preview_seconds}


def _with_files(body: Any, folder: Path, field: str = "") -> Any:
    """A scenario file's body, `{csv: FILE}` replaced by the durations in it; the file lies beside the scenario file."""
    if isinstance(body, dict) and set(body) == {"csv"}:
        return simulate_options.observed(field, folder / str(body["csv"]))
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
        "looking_minutes_an_hour": 60 * result.preview / result.logged_in if result.logged_in else 0.0,
        "skipped": result.skipped,
        **simulate_inbound.figures(result),
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
        f"{figures['looking_minutes_an_hour']:12.1f}"
    )
    simulate_inbound.tell(result)
    sys.stdout.flush()


def _print_bound(scenario: Scenario) -> None:
    from pacing.simulation.bound import clairvoyant

    bound = clairvoyant(scenario)
    talk = 60 * bound * scenario.talk.average / (scenario.talk.average + scenario.wrapup.average)
    print(f"{f'{scenario.name}, clairvoyant'[:27]:28}{talk:11.1f}{bound:12.1%}{0.0:11.2%}")


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))] if values else 0.0
