"""Pacing without agents: as fast as the plant allows, N per second, minute or hour, or a number of ports.

`decide(observation, now) -> Decision` is pure; `now` and every time are monotonic seconds. Whatever the pacing says,
the trunk's channels, its calls per second in any one-second window, and the free ports cap it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from common.errors import Refused

_PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
#: A tick that comes late may make up for so many seconds, no more: a pause is never made up for by a burst.
CATCH_UP = 0.25


class Mode(StrEnum):
    #: As fast as trunk and ports allow.
    NONE = "none"
    #: N attempts per second, minute or hour, spread evenly.
    TIMED = "timed"
    #: At most N calls at one time.
    PORTS = "ports"


@dataclass(frozen=True, slots=True)
class Pacing:
    mode: Mode = Mode.NONE
    #: Seconds between two attempts (TIMED).
    interval: float = 0.0
    #: Calls at one time (PORTS).
    ports: int = 0
    #: Among jobs on the same ports and trunks: how much it counts, and who goes first.
    weight: float = 1.0
    priority: int = 0
    #: Ports kept for it, used or not; its own as soon as it has use for them; and the most it may have.
    reserved: int = 0
    minimum: int = 0
    maximum: int | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Pacing:
        """Read a campaign's `pacing`. Raise Refused naming what is wrong."""
        made = cls._read(body)
        refuse_beyond_most(body, "pacing.")
        return made

    @classmethod
    def _read(cls, body: Mapping[str, Any]) -> Pacing:
        mode = body.get("mode", Mode.NONE)
        among = cls(
            weight=_positive(body, "weight") if "weight" in body else 1.0,
            priority=_count(body, "priority", 9),
            reserved=_count(body, "reserved", 100_000),
            minimum=_count(body, "minimum", 100_000),
            maximum=_count(body, "maximum", 100_000) or None,
        )
        if mode == Mode.NONE:
            return among
        if mode == Mode.PORTS:
            return replace(among, mode=Mode.PORTS, ports=int(_positive(body, "ports")))
        if mode == Mode.TIMED:
            period = _PERIODS.get(str(body.get("per", "second")))
            if period is None:
                raise Refused("pacing.per: use second, minute or hour")
            return replace(among, mode=Mode.TIMED, interval=period / _positive(body, "rate"))
        raise Refused(f"pacing.mode: {mode!r} is unknown; use none, timed or ports")

    @property
    def most(self) -> int | None:
        """Ports it may have at one time, None without limit."""
        if self.mode is not Mode.PORTS:
            return self.maximum
        return self.ports if self.maximum is None else min(self.ports, self.maximum)

    def soon(self, calls_per_second: int) -> int:
        """How many it may start in the next second on such trunks."""
        return math.ceil(1.0 / self.interval) + 1 if self.mode is Mode.TIMED else calls_per_second


def refuse_beyond_most(body: Mapping[str, Any], prefix: str) -> None:
    """Refuse ports that are kept for a job beyond the most it may have; `prefix` goes before the fields' names, each of
    which is right by itself."""
    limits = ("maximum", "ports") if body.get("mode") == Mode.PORTS else ("maximum",)
    limit = min((name for name in limits if body.get(name)), key=lambda name: int(body[name]), default=None)
    if limit is None:
        return
    most = int(body[limit])
    for kept in ("reserved", "minimum"):
        if body.get(kept, 0) > most:
            raise Refused(f"{prefix}{kept}: give {most} or less, as {prefix}{limit} says, or raise {prefix}{limit}")


def _positive(body: Mapping[str, Any], name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1_000_000:
        raise Refused(f"pacing.{name}: give a number above 0, at most 1000000")
    return float(value)


def _count(body: Mapping[str, Any], name: str, most: int) -> int:
    value = body.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Refused(f"pacing.{name}: give a whole number from 0 to {most}")
    return value


@dataclass(frozen=True, slots=True)
class Trunk:
    """What the trunk takes from this engine. `recent_starts` are the calls of the last second, oldest first."""

    channels: int
    calls_per_second: int
    in_progress: int = 0
    recent_starts: tuple[float, ...] = ()
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """What the pacer sees. `trunk` is None for messages, which need neither trunk nor ports."""

    waiting: int
    in_progress: int
    free_ports: int = 0
    trunk: Trunk | None = None
    #: The timed schedule's last slot used, None at the start.
    last_slot: float | None = None
    running: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """Start `place` attempts, cancel `cancel` calls that ring; `last_slot` goes into the next observation."""

    place: int
    cancel: int = 0
    last_slot: float | None = None


def decide(pacing: Pacing, seen: Observation, now: float) -> Decision:
    if not seen.running:
        return Decision(0, last_slot=seen.last_slot)
    place = min(seen.waiting, _cap(seen, now))
    if pacing.mode is Mode.PORTS and seen.trunk is not None:
        place = min(place, pacing.ports - seen.in_progress)
    if pacing.mode is not Mode.TIMED:
        return Decision(max(0, place), last_slot=seen.last_slot)
    due, first = _slots(seen.last_slot, pacing.interval, now)
    place = max(0, min(place, due))
    last = first + (place - 1) * pacing.interval if place else seen.last_slot
    return Decision(place, last_slot=last)


def _cap(seen: Observation, now: float) -> int:
    """What trunk and ports allow, whatever the pacing."""
    trunk = seen.trunk
    if trunk is None:
        return seen.waiting
    if trunk.paused or trunk.calls_per_second <= 0:
        return 0
    in_window = sum(1 for start in trunk.recent_starts if start > now - 1.0)
    last = trunk.recent_starts[-1] if trunk.recent_starts else None
    spread = now - last if last is not None else CATCH_UP
    # Evenly inside the second as well: switches count in shorter windows than ours.
    smooth = math.ceil(min(spread, CATCH_UP) * trunk.calls_per_second)
    return min(
        trunk.calls_per_second - in_window,
        smooth,
        trunk.channels - trunk.in_progress,
        seen.free_ports,
    )


def _slots(last: float | None, interval: float, now: float) -> tuple[int, float]:
    """How many slots of the even schedule have come, and the time of the first of them."""
    if last is None:
        return 1, now
    first = max(last + interval, now - CATCH_UP)
    return (int((now - first) / interval) + 1 if first <= now else 0), first
