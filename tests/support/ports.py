"""Free loopback ports. They are free when handed out; whoever needs certainty binds port 0 itself."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

#: Below the range Linux takes for outgoing connections (net.ipv4.ip_local_port_range), above the well-known ones.
_FIRST, _LAST = 10_000, 32_000


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
    for _ in range(200):
        first = random.randrange(_FIRST, _LAST - count) & ~1
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError(f"no {count} free ports in a row between {_FIRST} and {_LAST}")
