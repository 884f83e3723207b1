from __future__ import annotations

import math


class Loudness:
    """The mean power of frames."""

    def __init__(self) -> None:
        self._power = 0.0
        self._frames = 0

    def add(self, level: float) -> None:
        """Decibels of one more frame."""
        self._power += 10 ** (level / 10)
        self._frames += 1

    @property
    def decibels(self) -> float:
        return 10 * math.log10(self._power / self._frames) if self._frames else -math.inf
