"""Packets go before pages: the switch runs ahead of other programs where the system lets it.

One run of 12 s each, two cores busy with other programs (load average 8 to 10): 200 calls had a p99 of 27 ms between
packets at nice -10, 21 ms under real-time scheduling (round robin, low among its priorities, as media servers run).
Real-time is a loan: a switch that runs on without a pause gives it back for a while, so that no defect of ours and no
flood of packets can take a processor from everybody else. (Linux keeps 5 % of each for them in any case.)
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from types import FrameType

import structlog

from common.setting_types import Priority

_NICE = -10
#: Microseconds of work without a pause after which the system tells us so.
_UNBROKEN = 500_000
#: Seconds at a lower priority then.
_PENANCE = 5.0
_ORDER = (Priority.REALTIME, Priority.NICE, Priority.NORMAL)

log = structlog.get_logger()


class Claim:
    """Takes `wanted`, or the best the system allows. Use it in the main thread, for the event loop that runs there."""

    def __init__(self, wanted: Priority, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.held = next(priority for priority in _ORDER[_ORDER.index(wanted) :] if _take(priority))
        if self.held is not wanted:
            log.warning(
                "lower_priority", held=self.held.value, mend="let the service have CAP_SYS_NICE, or calls suffer"
            )
        if self.held is Priority.REALTIME:
            _, most = resource.getrlimit(resource.RLIMIT_RTTIME)
            resource.setrlimit(resource.RLIMIT_RTTIME, (_UNBROKEN, most))
            # Not by the loop: it is the loop that does not come to rest.
            signal.signal(signal.SIGXCPU, self._give_back)

    def _give_back(self, number: int, frame: FrameType | None) -> None:
        if os.sched_getscheduler(0) == os.SCHED_RR and not _take(Priority.NICE):
            _take(Priority.NORMAL)
        self._loop.call_soon_threadsafe(self._repent)

    def _repent(self) -> None:
        log.warning("real_time_given_back", milliseconds=_UNBROKEN // 1000, seconds=_PENANCE)
        # The system raises the limit by a second with each signal.
        _, most = resource.getrlimit(resource.RLIMIT_RTTIME)
        resource.setrlimit(resource.RLIMIT_RTTIME, (_UNBROKEN, most))
        self._loop.call_later(_PENANCE, _take, Priority.REALTIME)


def _take(priority: Priority) -> bool:
    """Whether the system lets the calling thread have it."""
    try:
        if priority is Priority.REALTIME:
            # The lowest is for helpers.
            rank = os.sched_get_priority_min(os.SCHED_RR) + 1
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(rank))
            return True
        if os.sched_getscheduler(0) != os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        if priority is Priority.NICE:
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    except PermissionError:
        return False
    return True


def be_helper() -> None:
    """The calling thread works for the event loop, has its priority from it, and makes way for it and the audio.

    It stays ahead of other programs: one that kept it from giving back the interpreter lock would keep the loop.
    """
    if os.sched_getscheduler(0) == os.SCHED_RR:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))


class Ordinary:
    """`with Ordinary():` what the calling thread starts meanwhile runs at ordinary priority."""

    def __enter__(self) -> None:
        self._policy, self._param = os.sched_getscheduler(0), os.sched_getparam(0)
        if self._policy != os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

    def __exit__(self, *_: object) -> None:
        if self._policy != os.SCHED_OTHER:
            os.sched_setscheduler(0, self._policy, self._param)
