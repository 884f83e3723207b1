"""What a child may take of the machine. The kernel ends it: a native loop hears no Python handler."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Final

#: Bytes of address space, of which 140 MB are the mother's.
MEMORY: Final = 320 << 20
#: Wall-clock seconds of a turn on a machine that is busy with other things.
TURN_PATIENCE: Final = 30.0
_PR_SET_PDEATHSIG: Final = 1


def confine() -> None:
    """Once, at the beginning of a child."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.setpriority(os.PRIO_PROCESS, 0, 10)
    # The default action of both is death.
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)


def begin_turn(seconds: float) -> None:
    """Die rather than take more processor time than `seconds`."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, TURN_PATIENCE)


def end_turn() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
