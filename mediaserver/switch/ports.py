"""RTP ports: an even one for RTP and the odd one after it for RTCP, given out so that late packets meet nobody."""

from __future__ import annotations

from collections import deque

from common.errors import ClarionError
from common.setting_types import PortRange

#: Seconds a port rests after a call, so that the old call's last packets do not reach a new one.
QUARANTINE = 10.0


class NoPorts(ClarionError):
    """Every RTP port of this media server is in use or resting; raise CLARION_MEDIASERVER_RTP_PORTS."""


class PortAllocator:
    """Gives the port that rested longest. `now` is monotonic seconds; without `bounds` the system chooses ports."""

    def __init__(self, bounds: PortRange | None, quarantine: float = QUARANTINE) -> None:
        even = range(0) if bounds is None else range(bounds.first + bounds.first % 2, bounds.last, 2)
        self._any = bounds is None
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
