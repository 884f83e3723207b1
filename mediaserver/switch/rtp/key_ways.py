"""One key, one count, whichever ways it came: telephone event, tones in the audio, SIP INFO.

Gateways that send telephone events often leave the tones in the audio, and some exchanges send INFO too. A key that
came by one way takes up the same key of another way within a second. Tones are a fallback: once a telephone event has
come they count no more, since noise may cut one long tone in two.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

_WINDOW = 1.0


class Way(StrEnum):
    #: RFC 4733.
    EVENT = "event"
    #: In the audio.
    TONES = "tones"
    #: SIP INFO.
    INFO = "info"


@dataclass(slots=True)
class _Counted:
    key: str
    at: float
    ways: set[Way]


class KeyWays:
    """Those of one call. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._counted: deque[_Counted] = deque()
        self._has_events = False

    def counts(self, key: str, way: Way, now: float) -> bool:
        """False for a key that has come another way already."""
        while self._counted and now - self._counted[0].at > _WINDOW:
            self._counted.popleft()
        if way is Way.TONES and self._has_events:
            return False
        self._has_events = self._has_events or way is Way.EVENT
        for counted in self._counted:
            if counted.key == key and way not in counted.ways:
                counted.ways.add(way)
                return False
        self._counted.append(_Counted(key, now, {way}))
        return True
