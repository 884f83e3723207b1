"""What the operator configures. Nothing here is a true rate of the world: those are learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from common.errors import Refused

_DAY = 86_400.0


class Mode(StrEnum):
    #: Agents dial by themselves outside; nothing is ever placed.
    MANUAL = "manual"
    #: A record is offered to each ready agent, who accepts or declines it.
    PREVIEW = "preview"
    #: As preview, and the call is placed by itself after `preview_seconds`.
    TIMED_PREVIEW = "timed_preview"
    #: `lines_per_agent` calls for each ready agent, none ahead of time.
    PROGRESSIVE = "progressive"
    #: `dial_level` calls for each working agent, whatever happens.
    RATIO = "ratio"
    #: A dial level adapted every 15 s from idle agents and the drop rate, as VICIdial does.
    ADAPTIVE = "adaptive"
    #: Holds the abandonment limit by itself and keeps agents talking as much as it allows.
    PREDICTIVE = "predictive"
    #: No agents of its own: notifications as fast as the callers they cause can be answered within `inbound_target`.
    INBOUND = "inbound"
    #: Predicts when agents come free by the operator's own figures (`work`, `start_ratio`, `minimum_hit_rate`).
    EXPERT = "expert"


class Formula(StrEnum):
    #: Abandoned / (abandoned + connected), machines in neither (FCC, FTC; CRTC).
    LIVE_ANSWERED = "live_answered"
    #: As above, and `false_machine_rate` of the calls taken for machines count as abandoned people (Ofcom).
    WITH_FALSE_MACHINES = "with_false_machines"


class Work(StrEnum):
    #: An agent's work is talk and wrap-up.
    WORK = "work"
    #: Calls are placed only for agents who have come to wrap-up.
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """`share` of inbound calls answered within `seconds`."""

    share: float = 0.8
    seconds: float = 20.0

    def __post_init__(self) -> None:
        _between("inbound_target.share", self.share, 0.0, 1.0)
        _between("inbound_target.seconds", self.seconds, 0.0, 3_600.0)


@dataclass(frozen=True, slots=True)
class Configuration:
    mode: Mode = Mode.PREDICTIVE
    #: The largest share of answered people who may meet no agent.
    abandonment_limit: float = 0.03
    formula: Formula = Formula.LIVE_ANSWERED
    #: Seconds over which the limit is measured: 30 days in the US; 86400 for a day.
    period: float = 30 * _DAY
    #: Seconds after the greeting's end within which an agent must be there.
    connect_within: float = 2.0
    #: Seconds after which a call that nobody answers is given up.
    ring_timeout: float = 25.0
    #: Lines at one time, None without limit. Talking calls hold one too.
    lines: int | None = None
    #: Calls placed in any one second, None without limit. Below 1: one call in 1 / rate seconds.
    calls_per_second: float | None = None
    #: Whether answered calls are told apart into people and machines before an agent is joined.
    classification: bool = False
    #: The share of calls taken for machines that were people, for `Formula.WITH_FALSE_MACHINES`.
    false_machine_rate: float = 0.0
    #: Seconds a call must have rung before it may be cancelled; None: never cancel.
    cancel_after: float | None = 15.0
    #: INBOUND: what callers are promised; None: 80 % within 20 s. Other modes leave agents for callers to blending.
    inbound_target: ServiceLevel | None = None
    #: PROGRESSIVE: calls for each ready agent.
    lines_per_agent: float = 1.0
    #: RATIO: calls for each working agent. ADAPTIVE: where it starts.
    dial_level: float = 1.0
    #: TIMED_PREVIEW: seconds an agent has to look.
    preview_seconds: float = 15.0
    #: EXPERT: what an agent's work is.
    work: Work = Work.WORK
    #: EXPERT: the share of the usual work time after which a call may be placed for an agent, 0 to 1.
    start_ratio: float = 0.8
    #: EXPERT: the hit rate is never taken to be lower.
    minimum_hit_rate: float = 0.2

    def __post_init__(self) -> None:
        """Raise Refused naming the field and the mend."""
        for field, kind in (("mode", Mode), ("formula", Formula), ("work", Work)):
            try:
                object.__setattr__(self, field, kind(getattr(self, field)))
            except ValueError:
                raise Refused(f"{field}: use one of {', '.join(kind)}") from None
        _between("abandonment_limit", self.abandonment_limit, 0.0, 1.0)
        _between("false_machine_rate", self.false_machine_rate, 0.0, 1.0)
        _between("minimum_hit_rate", self.minimum_hit_rate, 0.001, 1.0)
        _between("start_ratio", self.start_ratio, 0.0, 1.0)
        _between("period", self.period, 60.0, 400 * _DAY)
        _between("connect_within", self.connect_within, 0.0, 60.0)
        _between("ring_timeout", self.ring_timeout, 1.0, 300.0)
        _between("preview_seconds", self.preview_seconds, 0.0, 3_600.0)
        _between("lines_per_agent", self.lines_per_agent, 0.0, 20.0)
        _between("dial_level", self.dial_level, 0.0, 20.0)
        for field in ("lines", "calls_per_second", "cancel_after"):
            value = getattr(self, field)
            if value is not None:
                _between(field, value, 0.0, 1_000_000.0)


def _between(field: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"{field}: give a number, not {value!r}")
    if not low <= value <= high:
        raise Refused(f"{field}: give a number from {low:g} to {high:g}, not {value!r}")
