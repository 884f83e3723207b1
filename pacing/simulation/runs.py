"""Shifts with the pacers of this package, and what many of them come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pacing.algorithms import Configuration, Mode, Pacer, create
from pacing.simulation.bound import clairvoyant
from pacing.simulation.centre import Centre
from pacing.simulation.floor import Floor
from pacing.simulation.previews import ByHand, Manual, Previews
from pacing.simulation.result import Result
from pacing.simulation.scenario import Scenario

#: Student's t for 95 %, by the number of shifts less one.
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09)


def configuration_for(scenario: Scenario, mode: Mode, **configured: float) -> Configuration:
    """What an operator would configure in such a centre: its limits, nothing of its rates."""
    return Configuration(
        mode,
        connect_within=scenario.connect_within,
        ring_timeout=scenario.ring_timeout,
        lines=scenario.lines,
        calls_per_second=scenario.calls_per_second,
        classification=scenario.detection is not None,
        **configured,  # type: ignore[arg-type]
    )


def floor_for(mode: Mode) -> type[Floor]:
    """How agents work in a mode."""
    if mode is Mode.MANUAL:
        return Manual
    return Previews if mode in (Mode.PREVIEW, Mode.TIMED_PREVIEW) else Floor


def pacer_for(configuration: Configuration) -> Pacer:
    """That of the mode; or what agents do who dial by themselves."""
    return ByHand(configuration) if configuration.mode is Mode.MANUAL else create(configuration)


def shift(scenario: Scenario, mode: Mode, seed: int, **configured: float) -> Result:
    pacer = pacer_for(configuration_for(scenario, mode, **configured))
    return Centre(scenario, pacer, seed, floor=floor_for(mode)).run()


@dataclass(frozen=True, slots=True)
class Summary:
    """One shift in the few numbers that are compared."""

    live: int
    abandoned: int
    false_machines: int
    utilisation: float
    talk_minutes: float
    placed: int

    @classmethod
    def of(cls, result: Result) -> Summary:
        return cls(
            result.live,
            result.abandoned,
            result.false_machines,
            result.utilisation,
            result.talk_minutes_an_hour,
            result.placed,
        )


@dataclass(frozen=True, slots=True)
class Pooled:
    """Many shifts of one scenario: abandonment pooled, with its 95 % interval over shifts, and the worst shift's."""

    shifts: int
    abandonment: float
    interval: tuple[float, float]
    worst: float
    #: Mean utilisation, and the same by the clairvoyant bound's.
    utilisation: float
    of_bound: float
    talk_minutes: float


def pool(scenario: Scenario, summaries: Sequence[Summary]) -> Pooled:
    return pool_by(clairvoyant(scenario), summaries)


def pool_by(bound: float, summaries: Sequence[Summary]) -> Pooled:
    count = len(summaries)
    live = sum(summary.live for summary in summaries)
    rate = sum(summary.abandoned for summary in summaries) / live if live else 0.0
    spread = 0.0
    if count > 1 and live:
        squares = sum((summary.abandoned - rate * summary.live) ** 2 for summary in summaries)
        spread = _T[min(count, 20) - 2] * math.sqrt(squares * count / (count - 1)) / live
    utilisation = sum(summary.utilisation for summary in summaries) / count
    return Pooled(
        shifts=count,
        abandonment=rate,
        interval=(max(0.0, rate - spread), rate + spread),
        worst=max(summary.abandoned / summary.live if summary.live else 0.0 for summary in summaries),
        utilisation=utilisation,
        of_bound=utilisation / max(bound, 1e-9),
        talk_minutes=sum(summary.talk_minutes for summary in summaries) / count,
    )
