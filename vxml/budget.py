"""Processor time: how much of it one session may use before it waits for its caller again."""

from __future__ import annotations

import time
from typing import Final

from common.errors import ClarionError

#: Seconds by the clock below which a stretch counts as it is: asking for processor time costs twenty times as much.
_SHORT: Final = 0.005


class OutOfTime(ClarionError):
    """The session used up its processor time for one turn."""


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
        self._cpu_then = time.thread_time()
        self._then = time.perf_counter()
        #: Until then by `time.perf_counter` the budget cannot be used up, since no thread has more time than the clock.
        self.alarm = self._then + self._seconds - self._spent

    def pause(self) -> None:
        passed = time.perf_counter() - self._then
        self._spent += passed if passed < _SHORT else time.thread_time() - self._cpu_then

    def check(self) -> None:
        if time.perf_counter() > self.alarm:
            self.left()

    def left(self) -> float:
        """Seconds, exactly; OutOfTime when there are none."""
        left = self._seconds - self._spent - (time.thread_time() - self._cpu_then)
        if left <= 0:
            raise OutOfTime(f"more than {self._seconds:g} s of processor time without waiting for the caller")
        self.alarm = time.perf_counter() + left
        return left
