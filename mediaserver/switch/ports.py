"""RTP ports: an even one for RTP and the odd one after it for RTCP, given out so that late packets meet nobody."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from common.errors import ClarionError, ConfigError

#: Seconds a port rests after a call, so that the old call's last packets do not reach a new one.
QUARANTINE = 10.0


class NoPorts(ClarionError):
    """Every RTP port of this media server is in use or resting; raise CLARION_MEDIASERVER_RTP_PORTS."""


@dataclass(frozen=True, slots=True)
class PortRange:
    """First and last port, both included; 0-0 lets the operating system choose."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """From `20000-29999`, or `0` for any free port."""
        first, dash, last = text.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ConfigError(f"{text!r} is not a port range; write it like 20000-29999")
        bounds = cls(int(first), int(last or first))
        if (bounds.first, bounds.last) != (0, 0) and not 1024 <= bounds.first < bounds.last <= 65535:
            raise ConfigError(f"{text!r}: a port range lies within 1024-65535 and holds two ports or more")
        return bounds


class PortAllocator:
    """Gives the port that rested longest. `now` is monotonic seconds."""

    def __init__(self, bounds: PortRange, quarantine: float = QUARANTINE) -> None:
        even = range(bounds.first + bounds.first % 2, bounds.last, 2) if bounds.first else range(0)
        self._any = bounds.first == 0
        self._quarantine = quarantine
        self._free: deque[tuple[float, int]] = deque((float("-inf"), port) for port in even)
        self._used: set[int] = set()

    @property
    def in_use(self) -> int:
        return len(self._used)

    def take(self, now: float) -> int:
        """An even port, or 0 where the operating system chooses. Raise NoPorts."""
        if self._any:
            return 0
        if not self._free or self._free[0][0] > now:
            raise NoPorts
        _, port = self._free.popleft()
        self._used.add(port)
        return port

    def give_back(self, port: int, now: float) -> None:
        if port in self._used:
            self._used.remove(port)
            self._free.append((now + self._quarantine, port))
