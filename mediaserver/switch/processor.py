"""How much of a processor a thread of ours wants: the time it ran, and the time it was ready and others ran.

The second part is what a count of our own work cannot see: where another program takes most of a processor, a thread
that runs a fifth of the time may have no time left.
"""

from __future__ import annotations

import time
from collections.abc import Iterable


class Wanted:
    """Of the threads asked for; where the system does not tell, what the asking thread ran."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._seconds: dict[int, float] = {}

    def since(self, threads: Iterable[int]) -> float:
        """The largest share of the time since the last look that one of them wanted, 0 to 1."""
        now, before = time.monotonic(), self._seconds
        self._seconds = {thread: _seconds(thread) for thread in threads}
        passed, self._at = max(1e-9, now - self._at), now
        spent = [seconds - before[thread] for thread, seconds in self._seconds.items() if thread in before]
        return min(1.0, max(spent, default=0.0) / passed)


def _seconds(thread: int) -> float:
    try:
        # Not by pathlib, which interns each part of a path (Python 3.11): the table of these strings grew in an hour.
        with open(f"/proc/self/task/{thread}/schedstat", encoding="ascii") as schedstat:
            ran, waited, _ = schedstat.read().split()
    except (OSError, ValueError):
        return time.thread_time()
    return (int(ran) + int(waited)) / 1e9
