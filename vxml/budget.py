"""Processor time: how much of it one session may use before it waits for its caller again."""

from __future__ import annotations

import threading
import time
from typing import Final

from common.errors import ClarionError

#: Seconds by the clock below which a stretch counts as it is: asking for processor time costs a hundred times as much.
_SHORT: Final = 0.005
#: Seconds after which a thread's processor time is asked for anew.
_STALE: Final = 0.05


class OutOfTime(ClarionError):
    """The session used up its processor time for one turn."""


class _Sample(threading.local):
    """What the thread had used when it was last asked, and the moment by the clock."""

    cpu = 0.0
    at = 0.0

    def take(self) -> float:
        """Seconds used since the last time."""
        before = self.cpu
        self.cpu, self.at = time.thread_time(), time.perf_counter()
        return self.cpu - before


_sample: Final = _Sample()


class CpuBudget:
    """Counts between `resume` and `pause`; `check` raises OutOfTime once `seconds` are used up, `renew` begins anew."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._spent = 0.0
        self.resume()

    def renew(self) -> None:
        self._spent = 0.0
        self.resume()

    def resume(self) -> None:
        self._then = time.perf_counter()
        if self._then - _sample.at > _STALE:
            _sample.take()
        #: Until then by `time.perf_counter` the budget cannot be used up, since no thread has more time than the clock.
        self.alarm = self._then + self._seconds - self._spent

    def pause(self) -> None:
        passed = time.perf_counter() - self._then
        self._spent += passed if passed < _SHORT else min(passed, _sample.take())

    def check(self) -> None:
        if time.perf_counter() > self.alarm:
            self.left()

    def left(self) -> float:
        """Seconds, to within a twentieth; OutOfTime when there are none."""
        self.pause()
        if self._spent >= self._seconds:
            raise OutOfTime(f"more than {self._seconds:g} s of processor time without waiting for the caller")
        self.resume()
        return self._seconds - self._spent
