"""Several jobs in one call centre: what they share, and what each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from common.errors import Refused
from pacing.agentless import Mode as AgentlessMode
from pacing.agentless import Pacing
from pacing.algorithms import Configuration, Mode
from pacing.sharing import Claim
from pacing.simulation.scenario import HOUR, MOST_AGENTS, Scenario, at_hour, number, staffing, text, whole

#: Ports and lines where nobody limits them; calls per second likewise.
PLENTY = 100_000
#: Contacts of a list that are believed.
MOST_CONTACTS = 1_000_000_000
#: Modes with agents that a job can have here.
MODES = (
    Mode.MANUAL,
    Mode.PREVIEW,
    Mode.TIMED_PREVIEW,
    Mode.PROGRESSIVE,
    Mode.RATIO,
    Mode.ADAPTIVE,
    Mode.EXPERT,
    Mode.PREDICTIVE,
)
_SHARED = ("name", "hours", "ports", "lines", "calls_per_second", "trunks", "agents", "jobs")
#: What a job has of its own, besides the fields of a scenario.
_OWN = ("pacing", "trunk", "contacts", "agents")
#: Of its pacing, what it is among the others.
AMONG = ("weight", "priority", "reserved", "minimum", "maximum")
#: Of a scenario, these are the centre's and no single job's.
_CENTRE = ("agents", "hours", "lines", "calls_per_second", "log_in", "staffing")
_SCENARIO = tuple(field.name for field in fields(Scenario) if field.name not in _CENTRE)
#: Of a configuration, these come from the scenario, and the job's pacing gives the others.
_GIVEN = {
    "connect_within": "connect_within of the job",
    "ring_timeout": "ring_timeout of the job",
    "lines": "lines of its trunk",
    "calls_per_second": "calls_per_second of its trunk",
    "classification": "detection of the job",
}
_CONFIGURED = tuple(field.name for field in fields(Configuration) if field.name not in (*_GIVEN, "mode"))


@dataclass(frozen=True, slots=True)
class Line:
    """A trunk: calls at one time and call starts in any one second."""

    channels: int = PLENTY
    calls_per_second: int = PLENTY


@dataclass(frozen=True, slots=True)
class Group:
    """Agents of the same skills: the jobs they can work for."""

    jobs: tuple[str, ...]
    count: int
    #: How many there are from these hours on: ((hour, agents), ...).
    staffing: tuple[tuple[float, int], ...] = ()
    #: They log in over so many seconds at the start.
    log_in: float = 60.0

    def at(self, time: float) -> int:
        """How many there are by the staffing."""
        return int(at_hour(self.staffing, time / HOUR, self.count))


@dataclass(frozen=True, slots=True)
class Job:
    """`scenario` is its world: contacts, calls and conversations. `mode` None: without agents, as `pacing` says."""

    name: str
    scenario: Scenario
    pacing: Pacing
    mode: Mode | None
    configured: Mapping[str, Any]
    trunk: str
    #: Contacts of its list; None: more than a shift can call.
    contacts: int | None = None
    #: How agents are assigned to it: reserved, minimum, most.
    reserved_agents: int = 0
    minimum_agents: int = 0
    most_agents: int | None = None

    def configuration(self, line: Line, ports: int) -> Configuration:
        s, lines = self.scenario, min(line.channels, ports)
        return Configuration(
            self.mode or Mode.PREDICTIVE,
            connect_within=s.connect_within,
            ring_timeout=s.ring_timeout,
            lines=None if lines >= PLENTY else lines,
            calls_per_second=None if line.calls_per_second >= PLENTY else line.calls_per_second,
            classification=s.detection is not None,
            **self.configured,
        )

    def claim(self, wanted: int) -> Claim:
        """On ports, of which it could use so many."""
        p = self.pacing
        return Claim(wanted, p.weight, p.priority, p.reserved, p.minimum, p.most, self.trunk)

    def agents_claim(self, wanted: int) -> Claim:
        p = self.pacing
        return Claim(wanted, p.weight, p.priority, self.reserved_agents, self.minimum_agents, self.most_agents)


@dataclass(frozen=True, slots=True)
class SharedScenario:
    name: str
    hours: float
    ports: int
    trunks: Mapping[str, Line]
    groups: tuple[Group, ...]
    jobs: tuple[Job, ...]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> SharedScenario:
        """From a scenario file's mapping with `jobs`. Raise Refused naming what is wrong and where."""
        for field in body:
            if field not in (*_SHARED, *_SCENARIO, *_CENTRE):
                raise Refused(f"{field}: unknown; beside `jobs` stand {', '.join((*_SHARED, *_SCENARIO))}")
        name, hours = text(body.get("name", "jobs together"), "name"), number(body.get("hours", 8.0), "hours")
        common = {field: value for field, value in body.items() if field in _SCENARIO and field != "name"}
        trunks = _trunks(body)
        jobs = tuple(
            _job(one, f"jobs[{at}]", {"name": f"job {at + 1}", **common}, hours, trunks)
            for at, one in enumerate(_list(body["jobs"], "jobs"))
        )
        names = [job.name for job in jobs]
        if len(set(names)) < len(names) or not names:
            raise Refused("jobs: give at least one, each with a name of its own")
        with_agents = tuple(job.name for job in jobs if job.mode is not None)
        groups = _groups(body, with_agents)
        return cls(name, hours, _count(body, "ports", PLENTY), trunks, groups, jobs)

    def agents_at(self, time: float) -> int:
        return sum(group.at(time) for group in self.groups)


def _job(body: Any, where: str, common: Mapping[str, Any], hours: float, trunks: Mapping[str, Line]) -> Job:
    own = {**common, **_mapping(body, where)}
    for name in own:
        if name not in (*_OWN, *_SCENARIO):
            raise Refused(f"{where}.{name}: unknown; a job has {', '.join((*_OWN, *_SCENARIO))}")
    trunk = own.get("trunk", next(iter(trunks)))
    if not isinstance(trunk, str) or trunk not in trunks:
        raise Refused(f"{where}.trunk: {trunk!r} is none of {', '.join(trunks)}")
    share = _mapping(own.get("agents") or {}, f"{where}.agents")
    if not set(share) <= {"reserved", "minimum", "maximum"}:
        raise Refused(f"{where}.agents: give reserved, minimum or maximum; how many there are stands beside `jobs`")
    try:
        pacing, mode, configured = _pacing(_mapping(own.get("pacing") or {}, "pacing"))
        scenario = Scenario.read(
            {**{name: own[name] for name in own if name in _SCENARIO}, "hours": hours, "agents": 0}
        )
        if mode is None:
            scenario = replace(scenario, inbound=(), inbound_agents=0, blending=None)
        job = Job(
            scenario.name,
            scenario,
            pacing,
            mode,
            configured,
            trunk,
            contacts=None if own.get("contacts") is None else whole(own["contacts"], "contacts", MOST_CONTACTS),
            reserved_agents=_count(share, "reserved", 0, "agents."),
            minimum_agents=_count(share, "minimum", 0, "agents."),
            most_agents=_count(share, "maximum", 0, "agents.") or None,
        )
        job.configuration(trunks[trunk], PLENTY)
        if mode is None and pacing.mode is AgentlessMode.NONE and trunks[trunk].calls_per_second >= PLENTY:
            raise Refused("pacing: mode none is as fast as the trunk allows; give it calls_per_second")
    except Refused as error:
        raise Refused(f"{where}.{error}") from error
    return job


def _pacing(body: Mapping[str, Any]) -> tuple[Pacing, Mode | None, Mapping[str, Any]]:
    """As a campaign's `pacing`; the modes with agents come with the fields of their configuration."""
    mode = body.get("mode", Mode.PREDICTIVE)
    if mode in tuple(AgentlessMode):
        return Pacing.from_json(body), None, {}
    if mode not in MODES:
        raise Refused(f"pacing.mode: {mode!r} is unknown; use one of {', '.join((*AgentlessMode, *MODES))}")
    among = {name: value for name, value in body.items() if name in AMONG}
    configured = {name: value for name, value in body.items() if name not in (*AMONG, "mode")}
    for name in configured:
        if name in _GIVEN:
            raise Refused(f"pacing.{name}: it comes from the scenario; give {_GIVEN[name]}")
        if name not in _CONFIGURED:
            raise Refused(f"pacing.{name}: unknown; with agents it has mode, {', '.join((*AMONG, *_CONFIGURED))}")
    return Pacing.from_json({**among, "mode": "none"}), Mode(mode), configured


def _trunks(body: Mapping[str, Any]) -> dict[str, Line]:
    given = body.get("trunks")
    if given is None:
        given = {"trunk": {name: body[name] for name in ("lines", "calls_per_second") if body.get(name) is not None}}
    elif "lines" in body or "calls_per_second" in body:
        raise Refused("trunks: with trunks, lines and calls_per_second stand in each of them")
    trunks = {}
    for name, one in _mapping(given, "trunks").items():
        if not set(_mapping(one, f"trunks.{name}")) <= {"lines", "calls_per_second"}:
            raise Refused(f"trunks.{name}: give lines and calls_per_second")
        where = f"trunks.{name}." if "trunks" in body else ""
        trunks[str(name)] = Line(*(_count(one, field, PLENTY, where) for field in ("lines", "calls_per_second")))
    if not trunks:
        raise Refused("trunks: give at least one, or leave it out")
    return trunks


def _groups(body: Mapping[str, Any], jobs: tuple[str, ...]) -> tuple[Group, ...]:
    """A number of agents is one pool for all jobs that need any; a list has groups by skills."""
    if not jobs:
        return ()
    given, log_in = body.get("agents", 20), body.get("log_in", 60.0)
    if not isinstance(given, list):
        first, rows = whole(given, "agents", MOST_AGENTS), staffing(body.get("staffing", ()))
        return (Group(jobs, first, rows, _seconds(log_in, "log_in")),)
    if "staffing" in body:
        raise Refused("staffing: with a list of agents it stands in each group of them")
    return tuple(_group(one, f"agents[{at}]", jobs, log_in) for at, one in enumerate(given))


def _group(body: Any, where: str, jobs: tuple[str, ...], log_in: Any) -> Group:
    group = _mapping(body, where)
    if not set(group) <= {"count", "jobs", "staffing", "log_in"}:
        raise Refused(f"{where}: give count, jobs, staffing and log_in")
    able = tuple(text(job, f"{where}.jobs") for job in _list(group.get("jobs", list(jobs)), f"{where}.jobs"))
    if not set(able) <= set(jobs):
        raise Refused(f"{where}.jobs: {', '.join(sorted(set(able) - set(jobs)))} is no job with agents")
    return Group(
        able,
        whole(group.get("count", 1), f"{where}.count", MOST_AGENTS),
        staffing(group.get("staffing", ()), f"{where}.staffing"),
        _seconds(group.get("log_in", log_in), f"{where}.log_in"),
    )


def _seconds(value: Any, where: str) -> float:
    seconds = float(number(value, where))
    if seconds < 0.0:
        raise Refused(f"{where}: seconds cannot be negative")
    return seconds


def _count(body: Mapping[str, Any], name: str, default: int, where: str = "") -> int:
    value = body.get(name)
    return default if value is None else whole(value, f"{where}{name}", PLENTY)


def _mapping(body: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise Refused(f"{where}: give a mapping")
    return body


def _list(body: Any, where: str) -> Sequence[Any]:
    if not isinstance(body, list):
        raise Refused(f"{where}: give a list")
    return body
