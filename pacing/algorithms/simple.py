"""The modes that follow a rule of thumb: manual, the previews, progressive, and the fixed ratio others offer."""

from __future__ import annotations

import math
from typing import Any

from pacing.algorithms.base import Pacer
from pacing.algorithms.configuration import Configuration
from pacing.algorithms.observation import Decision, Seen


class Manual(Pacer):
    """Nothing is placed: agents dial outside, their outcomes are recorded."""

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        return Decision()


class Preview(Pacer):
    """A record for every ready agent; a call for every record accepted, later where lines or calls per second lack."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        #: Accepted and not called yet.
        self._owed = 0

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        self._owed += seen.previews_accepted
        offer = max(0, seen.ready - seen.in_the_air - self._owed)
        wanted = self._owed + self._due(seen)
        self._owed = max(0, self._owed - room)
        return Decision(place=wanted, offer=offer)

    def _due(self, seen: Seen) -> int:
        """Records that count as accepted though nobody said so."""
        return 0

    def _save(self) -> Any:
        return self._owed

    def _restore(self, learnt: Any, *, new_clock: bool) -> None:
        self._owed = 0 if new_clock else int(learnt or 0)


class TimedPreview(Preview):
    """As Preview; a record looked at for `preview_seconds` is accepted by itself."""

    def _due(self, seen: Seen) -> int:
        return int((seen.previewing >= self.configuration.preview_seconds).sum())


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
