"""The modes that follow a rule of thumb: manual, the previews, progressive, and the fixed ratio others offer."""

from __future__ import annotations

import math

from pacing.algorithms.base import Pacer
from pacing.algorithms.observation import Decision, Seen


class Manual(Pacer):
    """Nothing is placed: agents dial outside, their outcomes are recorded."""

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        return Decision()


class Preview(Pacer):
    """A record for every ready agent; a call for every record accepted."""

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        offer = max(0, seen.ready - seen.in_the_air - seen.previews_accepted)
        return Decision(place=seen.previews_accepted, offer=offer)


class TimedPreview(Pacer):
    """As Preview; a record looked at for `preview_seconds` is accepted by itself."""

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        due = int((seen.previewing >= self.configuration.preview_seconds).sum())
        offer = max(0, seen.ready - seen.in_the_air - seen.previews_accepted)
        return Decision(place=seen.previews_accepted + due, offer=offer)


class Progressive(Pacer):
    """`lines_per_agent` calls for every ready agent."""

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        return Decision(math.floor(seen.ready * self.configuration.lines_per_agent) - seen.in_the_air)


class Ratio(Pacer):
    """`dial_level` lines for every agent who works, conversations counted."""

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        return Decision(lines_wanted(seen, self.configuration.dial_level))


def lines_wanted(seen: Seen, level: float) -> int:
    """How many calls are missing to `level` lines an agent. Agents in wrap-up have no line and get none."""
    agents = seen.ready + len(seen.talking)
    return math.floor(agents * level) - len(seen.talking) - seen.in_the_air
