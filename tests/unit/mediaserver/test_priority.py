"""Priorities: the best the system allows is taken, and real time is given back by a switch that never rests."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from common.setting_types import Priority
from mediaserver import priority
from mediaserver.priority import Claim

#: In a process of its own: priorities, limits and signal handlers belong to the process.
SPIN = """
import asyncio, os, time
from common.setting_types import Priority
from mediaserver import priority
priority._PENANCE = 0.1

async def main():
    claim = priority.Claim(Priority.REALTIME, asyncio.get_running_loop())
    seen = []
    while len(seen) < 1000 and os.sched_getscheduler(0) == os.SCHED_RR:
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            pass
        seen.append(1)
    low = os.sched_getscheduler(0)
    await asyncio.sleep(0.3)
    print(claim.held.value, low == os.SCHED_OTHER, os.sched_getscheduler(0) == os.SCHED_RR)

asyncio.run(main())
"""


def claim_of(wanted: Priority, monkeypatch: pytest.MonkeyPatch, takes: Callable[[Priority], bool]) -> Priority:
    monkeypatch.setattr(priority, "_take", takes)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    loop = asyncio.new_event_loop()
    try:
        return Claim(wanted, loop).held
    finally:
        loop.close()


@pytest.mark.parametrize(
    ("wanted", "refused", "held"),
    [
        (Priority.REALTIME, (), Priority.REALTIME),
        (Priority.REALTIME, (Priority.REALTIME,), Priority.NICE),
        (Priority.REALTIME, (Priority.REALTIME, Priority.NICE), Priority.NORMAL),
        (Priority.NICE, (), Priority.NICE),
        (Priority.NORMAL, (), Priority.NORMAL),
    ],
)
def test_the_best_allowed_is_taken_and_never_more_than_wanted(
    monkeypatch: pytest.MonkeyPatch, wanted: Priority, refused: tuple[Priority, ...], held: Priority
) -> None:
    assert claim_of(wanted, monkeypatch, lambda one: one not in refused) is held


def test_a_switch_that_never_rests_gives_real_time_back_for_a_while() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pytest.skip("this user may not have real-time priority")
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    done = subprocess.run([sys.executable, "-c", SPIN], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split()[-3:] == ["realtime", "True", "True"]
