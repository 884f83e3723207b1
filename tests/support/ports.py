"""Free loopback ports. They are free when handed out; whoever needs certainty binds port 0 itself."""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack

#: Below the range Linux takes for outgoing connections (net.ipv4.ip_local_port_range), above the well-known ones.
_FIRST, _LAST = 10_000, 32_000
_WORKERS = 4


def _own_range() -> tuple[int, int]:
    """Each xdist worker has its own part, so that two never hand out the same port."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker.startswith("gw"):
        return _FIRST, _LAST
    width = (_LAST - _FIRST) // _WORKERS
    first = _FIRST + int(worker[2:]) % _WORKERS * width
    return first, first + width


def _is_free(port: int) -> bool:
    with ExitStack() as stack:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_port() -> int:
    """A port free for TCP and UDP alike."""
    return free_range(1)


def free_range(count: int) -> int:
    """The first (even) of `count` ports in a row that are free for TCP and UDP."""
    lowest, highest = _own_range()
    for _ in range(200):
        first = random.randrange(lowest, highest - count) & ~1
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError(f"no {count} free ports in a row between {lowest} and {highest}")
