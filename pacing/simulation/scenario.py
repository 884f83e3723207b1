"""What a virtual call centre is like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from common.errors import Refused
from pacing.algorithms.blending import Blending
from pacing.simulation.distributions import Durations

HOUR = 3_600.0
MOST_AGENTS = 5_000


@dataclass(frozen=True, slots=True)
class Detection:
    """Answering machine detection: `delay` seconds after the greeting's end, and its errors."""

    delay: Durations = Durations("gamma", mean=0.4, cv=0.5)
    #: The share of people taken for machines, who are hung up on.
    false_machine: float = 0.02
    #: The share of machines taken for people, who get an agent.
    false_human: float = 0.05


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str = "scenario"
    agents: int = 20
    hours: float = 8.0
    #: The share of calls that a person answers.
    hit_rate: float = 0.25
    #: From these hours on the hit rate is another: ((hour, rate), ...).
    hit_steps: tuple[tuple[float, float], ...] = ()
    #: By how much the hit rate changes in an hour.
    hit_drift: float = 0.0
    #: Shares of calls that a machine answers (without detection an agent gets them), that are busy, that fail; nobody
    #: answers the rest.
    machines: float = 0.0
    busy: float = 0.05
    failed: float = 0.03
    #: Seconds from placing to the answer of a person, of a machine; to busy and failure.
    answer: Durations = Durations("gamma", mean=8.0, cv=0.6, shift=2.5)
    machine_answer: Durations = Durations("gamma", mean=14.0, cv=0.4, shift=2.5)
    refusal: Durations = Durations("gamma", mean=2.0, cv=0.5, shift=0.5)
    #: Seconds a person says who is there.
    greeting: Durations = Durations("gamma", mean=1.2, cv=0.4)
    talk: Durations = Durations("lognormal", mean=120.0, cv=0.9)
    wrapup: Durations = Durations("gamma", mean=20.0, cv=0.6)
    #: Seconds an agent needs to see that a machine answers.
    machine_talk: Durations = Durations("gamma", mean=6.0, cv=0.3)
    detection: Detection | None = None
    ring_timeout: float = 25.0
    connect_within: float = 2.0
    lines: int | None = None
    calls_per_second: float | None = None
    #: Agents log in over so many seconds at the start.
    log_in: float = 60.0
    #: How many agents there are from these hours on: ((hour, agents), ...).
    staffing: tuple[tuple[float, int], ...] = ()
    #: Seconds an agent works from break to break; None: no breaks. And how long one is.
    break_every: float | None = None
    break_length: Durations = Durations("gamma", mean=600.0, cv=0.3)
    #: Inbound calls an hour to the same agents: ((from hour, rate), ...), and their talk.
    inbound: tuple[tuple[float, float], ...] = ()
    inbound_talk: Durations = Durations("lognormal", mean=180.0, cv=0.8)
    #: Seconds an inbound caller waits before giving up.
    inbound_patience: Durations = Durations("exponential", mean=180.0)
    #: Seconds within which a caller should be answered.
    inbound_within: float = 20.0
    #: So many of the agents answer callers alone; 0 without blending: all agents do so before anything else.
    inbound_agents: int = 0
    #: More of them while callers need them; None: never.
    blending: Blending | None = None
    #: Preview modes and manual: seconds that an agent looks at a contact, and the share not called then.
    preview: Durations = Durations("gamma", mean=15.0, cv=0.6)
    preview_skipped: float = 0.05
    #: Manual: seconds that dialling by hand takes.
    dial_by_hand: Durations = Durations("gamma", mean=10.0, cv=0.4)
    #: Seconds for a CANCEL to reach the far end.
    cancel_delay: float = 0.2

    def __post_init__(self) -> None:
        """Raise Refused naming the field and the mend."""
        if not 0 <= self.agents <= MOST_AGENTS:
            raise Refused(f"agents: give 0 to {MOST_AGENTS}")
        if not 0 < self.hours <= 48:
            raise Refused("hours: give more than 0, at most 48")
        if any(not 0 <= rate <= 1 for rate in (self.hit_rate, *(rate for _, rate in self.hit_steps))):
            raise Refused("hit_rate: give a share from 0 to 1")
        if self.hit_rate + self.machines + self.busy + self.failed > 1 + 1e-9:
            raise Refused("hit_rate, machines, busy and failed add up to more than 1")
        if self.break_every is not None and self.break_every < 1:
            # Breaks of no length after work of none would be all that ever happens.
            raise Refused("break_every: give 1 second or more, or leave it out for no breaks")
        if not 0 <= self.preview_skipped < 1:
            raise Refused("preview_skipped: give a share from 0, under 1")
        whole(self.inbound_agents, "inbound_agents", MOST_AGENTS)

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Scenario:
        """From a scenario file's mapping. Raise Refused naming what is wrong."""
        values: dict[str, Any] = {}
        known = {field.name: field for field in fields(cls)}
        for name, value in body.items():
            if name not in known:
                raise Refused(f"{name}: unknown; a scenario has {', '.join(known)}")
            if "Durations" in str(known[name].type):
                values[name] = Durations.read(value, name)
            elif name == "detection":
                values[name] = _detection(value)
            elif name == "blending":
                values[name] = _blending(value)
            elif name == "staffing":
                values[name] = staffing(value)
            elif name in ("hit_steps", "inbound"):
                values[name] = _rows(value, name)
            elif name == "name":
                values[name] = text(value, name)
            elif value is None and "None" in str(known[name].type):
                values[name] = None
            else:
                values[name] = number(value, name)
        try:
            return cls(**values)
        except TypeError as error:
            raise Refused(f"scenario {body.get('name', '')}: {error}") from error

    def hit_rate_at(self, time: float) -> float:
        hour = time / HOUR
        rate = at_hour(self.hit_steps, hour, self.hit_rate) + self.hit_drift * hour
        return min(max(rate, 0.0), 1.0 - self.busy - self.failed)

    def agents_at(self, time: float) -> int:
        return int(at_hour(self.staffing, time / HOUR, self.agents))


def text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{where}: give a text, not {value!r}")
    return value


def number(value: Any, where: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"{where}: give a number, not {value!r}")
    return value


def whole(value: Any, where: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Refused(f"{where}: give a whole number from 0 to {most}, not {value!r}")
    return value


def staffing(value: Any, where: str = "staffing") -> tuple[tuple[float, int], ...]:
    """From a scenario file: rows of an hour and how many agents there are from then on. Raise Refused."""
    return tuple((hour, whole(agents, where, MOST_AGENTS)) for hour, agents in _rows(value, where))


def _rows(value: Any, where: str) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list | tuple) or any(not isinstance(row, list | tuple) or len(row) != 2 for row in value):
        raise Refused(f"{where}: give rows of an hour and a number, [[hour, number], ...]")
    return tuple((number(hour, where), number(then, where)) for hour, then in value)


def at_hour(steps: tuple[tuple[float, float], ...], hour: float, first: float) -> float:
    value = first
    for since, then in steps:
        if hour >= since:
            value = then
    return value


def _detection(body: Any) -> Detection | None:
    if body in (None, False):
        return None
    if body is True:
        return Detection()
    if not isinstance(body, Mapping):
        raise Refused("detection: give true, false, or delay, false_machine and false_human")
    values: dict[str, Any] = {
        name: Durations.read(value, "detection.delay") if name == "delay" else number(value, f"detection.{name}")
        for name, value in body.items()
    }
    try:
        return Detection(**values)
    except TypeError as error:
        raise Refused(f"detection: {error}") from error


def _blending(body: Any) -> Blending | None:
    if body in (None, False):
        return None
    if not isinstance(body, Mapping):
        raise Refused("blending: give measure, acquire, release and what else it has, {} for all as usual")
    known = {field.name for field in fields(Blending)}
    values: dict[str, Any] = {}
    for name, value in body.items():
        if name not in known:
            raise Refused(f"blending.{name}: unknown; it has {', '.join(sorted(known))}")
        if name == "measure":
            values[name] = text(value, "blending.measure")
        elif name in ("step", "most"):
            values[name] = None if value is None and name == "most" else whole(value, f"blending.{name}", MOST_AGENTS)
        else:
            values[name] = number(value, f"blending.{name}")
    try:
        return Blending(**values)
    except Refused as error:
        raise Refused(f"blending.{error}") from error
