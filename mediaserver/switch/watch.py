"""Watches how late the switch is: its loop and its pumps, several times a second, for the gate and the metrics."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from common.tasks import keep_going
from mediaserver.switch.lateness import Lateness, PumpTotals
from mediaserver.switch.loadgate import LATE_PACKET, LATE_TURN, LoadGate, Observation
from mediaserver.switch.processor import Wanted

#: Seconds between two looks at the loop's clock, and looks between two decisions.
_LOOK = 0.05
_LOOKS = 10
#: Seconds over which calls per second are told.
_RATE_WINDOW = 10.0

log = structlog.get_logger()


class Watch:
    """`totals` are asked of each pump; `calls` counts those admitted and not over."""

    def __init__(self, totals: Sequence[Callable[[], PumpTotals]]) -> None:
        self._totals = totals
        self.calls: Callable[[], int] = lambda: 0
        self.gate = LoadGate()
        self.loop_late = Lateness()
        #: Of the last half second.
        self.seen = Observation()
        self._placed: deque[float] = deque()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(keep_going("watch", self._run))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- set-ups

    def admit(self) -> str:
        """Why one more call may not come, empty when it may; then it counts as placed."""
        reason = self.gate.admit()
        if not reason:
            self._placed.append(time.monotonic())
            self._forget()
        return reason

    @property
    def calls_per_second(self) -> float:
        self._forget()
        return len(self._placed) / _RATE_WINDOW

    def _forget(self) -> None:
        oldest = time.monotonic() - _RATE_WINDOW
        while self._placed and self._placed[0] < oldest:
            self._placed.popleft()

    # --- lateness

    @property
    def pumps(self) -> list[PumpTotals]:
        return [totals() for totals in self._totals]

    async def _run(self) -> None:
        pumps, loop_late = self.pumps, self.loop_late.copy()
        worked, at = time.thread_time(), time.monotonic()
        wanted = Wanted()
        while True:
            threads = {threading.get_native_id(), *(pump.thread for pump in pumps if pump.thread)}
            wanted.since(threads)
            await self._look()
            now, spent, counted = time.monotonic(), time.thread_time(), self.pumps
            talking = sum(pump.streams for pump in counted)
            self.seen = replace(
                _observed(pumps, counted, self.loop_late.since(loop_late)),
                busy=(spent - worked) / (now - at),
                wanted=wanted.since(threads),
                talking=talking,
                expected=max(0, self.calls() - talking),
            )
            self._decide(now)
            pumps, loop_late, worked, at = counted, self.loop_late.copy(), spent, now

    async def _look(self) -> None:
        for _ in range(_LOOKS):
            due = time.monotonic() + _LOOK
            await asyncio.sleep(_LOOK)
            self.loop_late.note(max(0.0, time.monotonic() - due))

    def _decide(self, now: float) -> None:
        before = self.gate.state
        decision = self.gate.decide(self.seen, now)
        if decision.state is not before:
            log.warning("admission", state=decision.state.value, reason=decision.reason)

    @property
    def facts(self) -> dict[str, Any]:
        """For `/v1/status`."""
        decision = self.gate.decision
        return {
            "admission": decision.state.value,
            "reason": decision.reason,
            "calls_per_second": round(self.calls_per_second, 1),
            "busy": round(self.seen.busy, 3),
            "wanted": round(self.seen.wanted, 3),
            "rtp_late": round(self.seen.late_packets, 5),
        }


def _observed(before: Sequence[PumpTotals], now: Sequence[PumpTotals], turns: Lateness) -> Observation:
    pairs = list(zip(before, now, strict=True))
    return Observation(
        late_packets=max((new.late.since(old.late).share_beyond(LATE_PACKET) for old, new in pairs), default=0.0),
        late_turns=turns.share_beyond(LATE_TURN),
        stalled=any(new.given_up > old.given_up for old, new in pairs),
    )
