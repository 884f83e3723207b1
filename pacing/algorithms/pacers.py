"""From a configuration to its pacer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pacing.algorithms.adaptive import Adaptive
from pacing.algorithms.base import Pacer
from pacing.algorithms.configuration import Configuration, Mode
from pacing.algorithms.expert import Expert
from pacing.algorithms.inbound import InboundLevel
from pacing.algorithms.predictive import Predictive
from pacing.algorithms.simple import Manual, Preview, Progressive, Ratio, TimedPreview

_PACERS: Mapping[Mode, Callable[[Configuration], Pacer]] = {
    Mode.MANUAL: Manual,
    Mode.PREVIEW: Preview,
    Mode.TIMED_PREVIEW: TimedPreview,
    Mode.PROGRESSIVE: Progressive,
    Mode.RATIO: Ratio,
    Mode.ADAPTIVE: Adaptive,
    Mode.PREDICTIVE: Predictive,
    Mode.EXPERT: Expert,
    Mode.INBOUND: InboundLevel,
}


def create(configuration: Configuration, state: Mapping[str, Any] | None = None, *, new_clock: bool = False) -> Pacer:
    """A pacer for one job, going on from a saved `state`. Raise Refused if that is not one of this mode."""
    pacer = _PACERS[configuration.mode](configuration)
    if state is not None:
        pacer.restore(state, new_clock=new_clock)
    return pacer
