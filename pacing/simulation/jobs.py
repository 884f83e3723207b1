"""Several jobs in one call centre: what they share, and what each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from common.errors import Refused
from pacing.agentless import Mode as AgentlessMode
from pacing.agentless import Pacing
from pacing.algorithms import Configuration, Mode
from pacing.sharing import Claim
from pacing.simulation.scenario import HOUR, Scenario, at_hour

#: Ports and lines where nobody limits them; calls per second likewise.
PLENTY = 100_000
#: Modes with agents that a job can have here.
MODES = (Mode.PROGRESSIVE, Mode.RATIO, Mode.ADAPTIVE, Mode.EXPERT, Mode.PREDICTIVE)
_SHARED = ("name", "hours", "ports", "lines", "calls_per_second", "trunks", "agents", "jobs")
#: What a job has of its own, besides the fields of a scenario.
_OWN = ("pacing", "trunk", "contacts", "agents")
_AMONG = ("weight", "priority", "reserved", "minimum", "maximum")
#: Of a scenario, these are the centre's and no single job's.
_CENTRE = ("agents", "hours", "lines", "calls_per_second", "log_in", "staffing")
_SCENARIO = tuple(field.name for field in fields(Scenario) if field.name not in _CENTRE)


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
        for name in body:
            if name not in (*_SHARED, *_SCENARIO, *_CENTRE):
                raise Refused(f"{name}: unknown; beside `jobs` stand {', '.join((*_SHARED, *_SCENARIO))}")
        hours = body.get("hours", 8.0)
        common = {name: value for name, value in body.items() if name in _SCENARIO and name != "name"}
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
        return cls(body.get("name", "jobs together"), hours, _count(body, "ports", PLENTY), trunks, groups, jobs)

    def agents_at(self, time: float) -> int:
        return sum(group.at(time) for group in self.groups)


def _job(body: Any, where: str, common: Mapping[str, Any], hours: float, trunks: Mapping[str, Line]) -> Job:
    own = {**common, **_mapping(body, where)}
    for name in own:
        if name not in (*_OWN, *_SCENARIO):
            raise Refused(f"{where}.{name}: unknown; a job has {', '.join((*_OWN, *_SCENARIO))}")
    trunk = own.get("trunk", next(iter(trunks)))
    if trunk not in trunks:
        raise Refused(f"{where}.trunk: {trunk!r} is none of {', '.join(trunks)}")
    share = _mapping(own.get("agents") or {}, f"{where}.agents")
    if not set(share) <= {"reserved", "minimum", "maximum"}:
        raise Refused(f"{where}.agents: give reserved, minimum or maximum; how many there are stands beside `jobs`")
    try:
        pacing, mode, configured = _pacing(_mapping(own.get("pacing") or {}, "pacing"))
        scenario = Scenario.read(
            {**{name: own[name] for name in own if name in _SCENARIO}, "hours": hours, "agents": 0}
        )
        job = Job(
            own["name"],
            scenario,
            pacing,
            mode,
            configured,
            trunk,
            contacts=own.get("contacts"),
            reserved_agents=_count(share, "reserved", 0),
            minimum_agents=_count(share, "minimum", 0),
            most_agents=_count(share, "maximum", 0) or None,
        )
        job.configuration(trunks[trunk], PLENTY)
        if mode is None and pacing.mode is AgentlessMode.NONE and trunks[trunk].calls_per_second >= PLENTY:
            raise Refused("pacing: mode none is as fast as the trunk allows; give it calls_per_second")
    except Refused as error:
        raise Refused(f"{where}.{error}") from error
    except TypeError as error:
        raise Refused(f"{where}.pacing: {error}") from error
    return job


def _pacing(body: Mapping[str, Any]) -> tuple[Pacing, Mode | None, Mapping[str, Any]]:
    """As a campaign's `pacing`; the modes with agents come with the fields of their configuration."""
    mode = body.get("mode", Mode.PREDICTIVE)
    if mode in tuple(AgentlessMode):
        return Pacing.from_json(body), None, {}
    if mode not in MODES:
        raise Refused(f"pacing.mode: {mode!r} is unknown; use one of {', '.join((*AgentlessMode, *MODES))}")
    among = {name: value for name, value in body.items() if name in _AMONG}
    configured = {name: value for name, value in body.items() if name not in (*_AMONG, "mode")}
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
        trunks[str(name)] = Line(_count(one, "lines", PLENTY), _count(one, "calls_per_second", PLENTY))
    if not trunks:
        raise Refused("trunks: give at least one, or leave it out")
    return trunks


def _groups(body: Mapping[str, Any], jobs: tuple[str, ...]) -> tuple[Group, ...]:
    """A number of agents is one pool for all jobs that need any; a list has groups by skills."""
    if not jobs:
        return ()
    given = body.get("agents", 20)
    if isinstance(given, int):
        given = [{"count": given, "staffing": body.get("staffing", ())}]
    groups = []
    for at, one in enumerate(_list(given, "agents")):
        where, group = f"agents[{at}]", _mapping(one, f"agents[{at}]")
        able = tuple(group.get("jobs", jobs))
        if not set(able) <= set(jobs):
            raise Refused(f"{where}.jobs: {', '.join(sorted(set(able) - set(jobs)))} is no job with agents")
        if not set(group) <= {"count", "jobs", "staffing", "log_in"}:
            raise Refused(f"{where}: give count, jobs, staffing and log_in")
        staffing = tuple((float(hour), int(count)) for hour, count in group.get("staffing", ()))
        groups.append(
            Group(
                able, _count(group, "count", 1, 5_000), staffing, float(group.get("log_in", body.get("log_in", 60.0)))
            )
        )
    return tuple(groups)


def _count(body: Mapping[str, Any], name: str, default: int, most: int = PLENTY) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Refused(f"{name}: give a whole number from 0 to {most}")
    return value


def _mapping(body: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise Refused(f"{where}: give a mapping")
    return body


def _list(body: Any, where: str) -> Sequence[Any]:
    if not isinstance(body, list):
        raise Refused(f"{where}: give a list")
    return body
