"""The options of `clarion simulate pacing` that say what the virtual call centre is like."""

from __future__ import annotations

import argparse
import csv
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import Refused

if TYPE_CHECKING:
    from pacing.simulation.jobs import SharedScenario
    from pacing.simulation.scenario import Scenario

#: Modes in which an application talks with whoever answers.
AGENTLESS = ("none", "timed", "ports")
#: Durations by option: the shape that goes with a mean alone, and its coefficient of variation.
_DURATIONS = {
    "answer": ("gamma", 0.6),
    "talk": ("lognormal", 0.9),
    "wrapup": ("gamma", 0.6),
    "break_length": ("gamma", 0.3),
    "inbound_talk": ("lognormal", 0.8),
    "inbound_patience": ("exponential", 1.0),
    "preview": ("gamma", 0.6),
    "dial_by_hand": ("gamma", 0.4),
}
#: Options that are fields of a scenario as they stand.
_PLAIN = (
    "agents", "hours", "detection", "hit_rate", "hit_drift", "machines", "lines", "calls_per_second", "log_in",
    "break_every", "inbound_within", "inbound_agents", "preview_skipped",
)  # fmt: skip
#: Options that may come several times, the field they make, and what each value is.
_ROWS = {"hit_step": ("hit_steps", float), "staff": ("staffing", int), "inbound": ("inbound", float)}


def add(parser: argparse.ArgumentParser) -> None:
    _add_calls(parser.add_argument_group("calls"))
    _add_agents(parser.add_argument_group("agents"))
    _add_inbound(parser.add_argument_group("inbound callers of the same agents"))
    past = parser.add_argument_group("traffic that was")
    past.add_argument(
        "--from-attempts", type=int, metavar="DAYS", help="rates and durations of the calls of so many days"
    )
    past.add_argument("--campaign", default="", metavar="NAME", help="with --from-attempts: of one campaign alone")


def _add_calls(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--hit-rate", type=float, metavar="SHARE", help="share of calls a person answers (0.25)")
    group.add_argument(
        "--hit-step", action="append", metavar="HOUR:SHARE", help="it is another from then on; may be repeated"
    )
    group.add_argument("--hit-drift", type=float, metavar="SHARE", help="by how much it changes in an hour (0)")
    group.add_argument("--machines", type=float, metavar="SHARE", help="share of calls a machine answers (0)")
    group.add_argument("--detection", action="store_true", help="tell machines from people, with delay and errors")
    group.add_argument("--answer", metavar="SECONDS|FILE", help="from placing to a person's answer (10.5)")
    group.add_argument("--talk", metavar="SECONDS|FILE", help="mean (120), or a CSV with observed ones")
    group.add_argument("--lines", type=int)
    group.add_argument("--calls-per-second", type=float)


def _add_agents(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--agents", type=int, default=20)
    group.add_argument("--hours", type=float, default=8.0)
    group.add_argument("--wrapup", default="20", metavar="SECONDS|FILE")
    group.add_argument("--log-in", type=float, metavar="SECONDS", help="time over which they log in (60)")
    group.add_argument("--staff", action="append", metavar="HOUR:AGENTS", help="so many from then on; may be repeated")
    group.add_argument("--break-every", type=float, metavar="SECONDS", help="work from break to break (no breaks)")
    group.add_argument("--break-length", metavar="SECONDS|FILE", help="of a break (600)")
    group.add_argument("--preview", metavar="SECONDS|FILE", help="they look at a contact: preview modes, manual (15)")
    group.add_argument("--preview-skipped", type=float, metavar="SHARE", help="of the contacts, not called then (0.05)")
    group.add_argument("--preview-seconds", type=float, metavar="SECONDS", help="timed preview dials after that (15)")
    group.add_argument("--dial-by-hand", metavar="SECONDS|FILE", help="manual: what dialling takes (10)")


def _add_inbound(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--inbound", action="append", metavar="HOUR:CALLERS", help="callers an hour from then on; may be repeated"
    )
    group.add_argument("--inbound-talk", metavar="SECONDS|FILE", help="of their conversations (180)")
    group.add_argument("--inbound-patience", metavar="SECONDS|FILE", help="until a caller gives up (180)")
    group.add_argument("--inbound-within", type=float, metavar="SECONDS", help="a caller should be answered (20)")
    group.add_argument("--inbound-agents", type=int, metavar="N", help="of the agents, for callers alone")
    group.add_argument(
        "--blending", metavar="YAML", help="take more while callers need them: {measure: expected_wait, acquire: 20}"
    )


def scenarios_of(arguments: argparse.Namespace) -> list[Scenario | SharedScenario]:
    """What the options ask for. Raise Refused naming the option."""
    from app.cli import simulate_jobs
    from pacing.simulation.scenario import Scenario

    _check(arguments)
    body = _body(arguments)
    rate = arguments.calls_per_second
    shared = {"calls_per_second": int(rate) if rate is not None and rate.is_integer() else rate}
    if arguments.job:
        return [simulate_jobs.scenario_of(arguments.job, {**body, **shared, "ports": arguments.ports})]
    agentless = _agentless(arguments)
    if agentless:
        return [_without_agents(pacing, {**body, **shared}) for pacing in agentless]
    return [Scenario.read(body)]


def _check(arguments: argparse.Namespace) -> None:
    if arguments.campaign and arguments.from_attempts is None:
        raise Refused("--campaign: it chooses among past calls; give --from-attempts DAYS too")
    if arguments.break_every is not None and arguments.break_every < 1:
        raise Refused("--break-every: give 1 second or more, or leave it out for no breaks")
    if any(seconds is not None and seconds < 0 for seconds in (arguments.log_in, arguments.inbound_within)):
        raise Refused("--log-in, --inbound-within: seconds cannot be negative")
    without = arguments.mode in AGENTLESS or (arguments.compare and not arguments.agents)
    if arguments.ports is not None and not (arguments.job or without):
        raise Refused("--ports: jobs share them; give --job too, or --mode ports, or --lines")
    if arguments.rate is not None and not without:
        raise Refused("--rate: it goes with --mode timed")
    if arguments.rate is None and arguments.mode == "timed" and not arguments.compare:
        raise Refused("--mode timed: give --rate and --per")
    if arguments.ports is None and arguments.mode == "ports" and not arguments.compare:
        raise Refused("--mode ports: give --ports")


def _agentless(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Pacings without agents to be tried: the one of `--mode`, or where nobody is there all that the options allow."""
    if arguments.mode not in AGENTLESS and not (arguments.compare and not arguments.agents):
        return []
    given: list[dict[str, Any]] = []
    if arguments.calls_per_second is not None:
        given.append({"mode": "none"})
    if arguments.rate is not None:
        given.append({"mode": "timed", "rate": arguments.rate, "per": arguments.per})
    if arguments.ports is not None:
        given.append({"mode": "ports", "ports": arguments.ports})
    found = [pacing for pacing in given if arguments.compare or pacing["mode"] == arguments.mode]
    if not found:
        raise Refused("--calls-per-second: without agents calls are as fast as that; or give --rate or --ports")
    return found


def _without_agents(pacing: dict[str, Any], body: dict[str, Any]) -> SharedScenario:
    from pacing.simulation.jobs import SharedScenario

    name = f"without agents, {pacing['mode']}"
    return SharedScenario.read({**body, "name": name, "jobs": [{"name": "calls", "pacing": pacing}]})


def _body(arguments: argparse.Namespace) -> dict[str, Any]:
    """A scenario's mapping, of what is given alone."""
    past = _past(arguments.from_attempts, arguments.campaign) if arguments.from_attempts is not None else {}
    given = vars(arguments)
    own: dict[str, Any] = {"name": f"{arguments.agents} agents"}
    own |= {name: given[name] for name in _PLAIN if given[name] is not None}
    for name, (shape, cv) in _DURATIONS.items():
        if given[name] is not None:
            own[name] = _durations(_option(name), given[name], shape, cv)
    for name, (field, kind) in _ROWS.items():
        if given[name] is not None:
            own[field] = [_row(_option(name), row, kind) for row in given[name]]
    if arguments.blending is not None:
        own["blending"] = _mapping("--blending", arguments.blending)
    return {**past, **own}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _row(option: str, given: str, kind: type[float] | type[int]) -> list[float]:
    """`HOUR:NUMBER`; a number alone is from the beginning on."""
    hour, _, number = given.rpartition(":")
    try:
        return [float(hour or 0.0), kind(number)]
    except ValueError:
        raise Refused(f"{option}: give HOUR:NUMBER, such as 2.5:{kind(8)}, not {given!r}") from None


def _mapping(option: str, given: str) -> dict[str, Any]:
    import yaml

    try:
        body = yaml.safe_load(given)
    except yaml.YAMLError as error:
        raise Refused(f"{option}: {given!r} is no YAML ({error})") from error
    if not isinstance(body, dict):
        raise Refused(f"{option}: give a mapping, such as {{measure: queue_length, acquire: 3, release: 1}}")
    return body


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
        return Durations("empirical", values=tuple(observed(option, Path(given))))


def observed(field: str, path: Path) -> list[float]:
    """The durations in a file. Raise Refused naming file and line."""
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
