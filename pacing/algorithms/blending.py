"""Blending: how many agents to take from outbound work for an inbound queue, and when to give them back (pure).

One measure of the queue is compared with two thresholds that lie apart (hysteresis). An agent who was acquired stays
for a minimum, and after each move the queue is given time to show its effect before the next one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from common.errors import Refused


class Measure(StrEnum):
    #: Callers waiting.
    QUEUE_LENGTH = "queue_length"
    #: Seconds a caller who arrives now must expect to wait.
    EXPECTED_WAIT = "expected_wait"
    #: Mean seconds that callers answered lately had waited.
    SPEED_OF_ANSWER = "speed_of_answer"
    #: Share of callers of late who were answered within `seconds`; the only one that is better the higher it is.
    IN_LEVEL = "in_level"


@dataclass(frozen=True, slots=True)
class Blending:
    """What the operator configures."""

    measure: Measure = Measure.EXPECTED_WAIT
    #: Agents are acquired when the measure is worse than this, and released when it is better than that.
    acquire: float = 20.0
    release: float = 5.0
    #: IN_LEVEL: seconds within which a caller should be answered.
    seconds: float = 20.0
    #: Seconds an acquired agent stays at least.
    minimum_stay: float = 180.0
    #: Seconds between two moves.
    settle: float = 20.0
    #: Agents acquired at one time, and away at the most.
    step: int = 3
    most: int | None = None

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "measure", Measure(self.measure))
        except ValueError:
            raise Refused(f"measure: use one of {', '.join(Measure)}") from None
        if any(not math.isfinite(value) or value < 0 for value in (self.acquire, self.release, self.minimum_stay)):
            raise Refused("acquire, release, minimum_stay: give numbers of 0 or more")
        if self.step < 1 or (self.most is not None and self.most < 0):
            raise Refused("step: give 1 or more; most: 0 or more")
        apart = self.release - self.acquire if self.measure is Measure.IN_LEVEL else self.acquire - self.release
        if apart <= 0:
            raise Refused("release: it must be better than acquire, or agents would go to and fro")

    def worse(self, value: float, threshold: float) -> bool:
        return value < threshold if self.measure is Measure.IN_LEVEL else value > threshold


@dataclass(frozen=True, slots=True)
class InboundQueue:
    """The inbound queue at one look; what happened is since the last one."""

    #: Agents who serve it, acquired ones included, and those of them who are ready.
    agents: int
    ready: int = 0
    #: Seconds that each caller in it has waited.
    waiting: Sequence[float] = ()
    #: Seconds that callers answered, and callers who gave up, had waited; seconds of conversations and wrap-ups ended.
    answered: Sequence[float] = ()
    lost: Sequence[float] = ()
    handled: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Moves:
    """So many agents from outbound to inbound, and back. Never both."""

    acquire: int = 0
    release: int = 0


#: Callers that means and shares remember.
_CALLERS = 30.0


class Blender:
    """Ask `decide` every second or so. `available` agents could be acquired: ready, or soon to be."""

    def __init__(self, blending: Blending) -> None:
        self._blending = blending
        self._acquired: deque[float] = deque()
        self._moved = -math.inf
        self._handling = 180.0
        self._speed = 0.0
        self._in_level = 1.0

    @property
    def acquired(self) -> int:
        return len(self._acquired)

    def decide(self, queue: InboundQueue, available: int, now: float) -> Moves:
        self._learn(queue)
        blending = self._blending
        if now - self._moved < blending.settle:
            return Moves()
        value = self.measure(queue)
        if blending.worse(value, blending.acquire):
            return self._acquire(queue, available, now)
        if not blending.worse(value, blending.release):
            return self._release(queue, now)
        return Moves()

    def measure(self, queue: InboundQueue) -> float:
        measure = self._blending.measure
        if measure is Measure.QUEUE_LENGTH:
            return float(len(queue.waiting))
        if measure is Measure.SPEED_OF_ANSWER:
            # Callers who wait longer than those answered were count already.
            return max(self._speed, max(queue.waiting, default=0.0))
        if measure is Measure.IN_LEVEL:
            late = sum(waited > self._blending.seconds for waited in queue.waiting)
            return self._in_level * _CALLERS / (_CALLERS + late)
        if queue.ready > len(queue.waiting):
            return 0.0
        return (len(queue.waiting) - queue.ready + 1) * self._handling / queue.agents if queue.agents else math.inf

    def _acquire(self, queue: InboundQueue, available: int, now: float) -> Moves:
        room = available if self._blending.most is None else min(available, self._blending.most - self.acquired)
        count = max(0, min(self._blending.step, room, max(1, len(queue.waiting) - queue.ready)))
        if count:
            self._acquired.extend([now] * count)
            self._moved = now
        return Moves(acquire=count)

    def _release(self, queue: InboundQueue, now: float) -> Moves:
        """One at a time, and only one who is not needed for those who wait."""
        stayed = bool(self._acquired) and now - self._acquired[0] >= self._blending.minimum_stay
        if not stayed or queue.waiting or queue.ready < 1:
            return Moves()
        self._acquired.popleft()
        self._moved = now
        return Moves(release=1)

    def _learn(self, queue: InboundQueue) -> None:
        for seconds in queue.handled:
            self._handling += (seconds - self._handling) / _CALLERS
        for waited in queue.answered:
            self._speed += (waited - self._speed) / _CALLERS
            self._in_level += ((waited <= self._blending.seconds) - self._in_level) / _CALLERS
        for _ in queue.lost:
            self._in_level -= self._in_level / _CALLERS

    def save(self) -> dict[str, Any]:
        """All that was learnt, as a JSON document."""
        moved = None if self._moved == -math.inf else self._moved
        learnt = [self._handling, self._speed, self._in_level]
        return {"acquired": list(self._acquired), "moved": moved, "learnt": learnt}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._acquired = deque(state["acquired"])
        self._moved = -math.inf if state["moved"] is None else state["moved"]
        self._handling, self._speed, self._in_level = state["learnt"]
