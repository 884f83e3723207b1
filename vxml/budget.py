"""Processor time: how much of it one session may use before it waits for its caller again."""

from __future__ import annotations

import time
from typing import Final

from common.errors import ClarionError

#: Seconds by the clock from which on processor time is measured, which costs twenty times as much to ask for.
_SUSPICIOUS: Final = 0.25


class OutOfTime(ClarionError):
    """The session used up its processor time for one turn."""


class CpuBudget:
    """Counts between `resume` and `pause`; `check` raises OutOfTime once `seconds` are used up, `renew` begins anew.

    Time by the clock is never less than processor time: it is counted while it is small, then the exact figure is.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._spent = 0.0
        self._exact = seconds <= _SUSPICIOUS
        self._began = 0.0
        self._alarm = 0.0
        self.resume()

    @property
    def left(self) -> float:
        return self._seconds - self._spent - (self._clock() - self._began)

    @property
    def ample(self) -> bool:
        """Nothing has taken long enough yet to be measured."""
        return not self._exact

    def renew(self) -> None:
        self._spent = 0.0
        self._exact = self._seconds <= _SUSPICIOUS
        self.resume()

    def resume(self) -> None:
        self._began = self._clock()
        self._set_alarm()

    def pause(self) -> None:
        self._spent += self._clock() - self._began

    def check(self) -> None:
        if time.perf_counter() > self._alarm:
            self._look()

    def _clock(self) -> float:
        return time.thread_time() if self._exact else time.perf_counter()

    def _look(self) -> None:
        self.pause()
        self._exact = True
        self._began = self._clock()
        if self._spent >= self._seconds:
            raise OutOfTime(f"more than {self._seconds:g} s of processor time without waiting for the caller")
        self._set_alarm()

    def _set_alarm(self) -> None:
        ahead = self._seconds if self._exact else _SUSPICIOUS
        self._alarm = time.perf_counter() + max(0.0, ahead - self._spent)
