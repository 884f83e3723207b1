"""The service level of an inbound queue, half hour by half hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

HALF_HOUR = 1_800.0


@dataclass(slots=True)
class HalfHours:
    #: In each half hour: callers, and those answered in time.
    half_hours: dict[int, list[int]] = field(default_factory=dict)

    def count(self, arrived: float, *, in_time: bool) -> None:
        entry = self.half_hours.setdefault(int(arrived // HALF_HOUR), [0, 0])
        entry[0] += 1
        entry[1] += in_time

    @property
    def levels(self) -> list[float]:
        """The share answered in time, half hour by half hour; those without a caller are left out."""
        return [good / calls for _, (calls, good) in sorted(self.half_hours.items())]

    @property
    def share(self) -> float:
        """Of the whole day."""
        callers = sum(calls for calls, _ in self.half_hours.values())
        return sum(good for _, good in self.half_hours.values()) / callers if callers else 1.0

    @classmethod
    def together(cls, parts: Sequence[HalfHours]) -> HalfHours:
        whole = cls()
        for part in parts:
            for half, (calls, good) in part.half_hours.items():
                entry = whole.half_hours.setdefault(half, [0, 0])
                entry[0] += calls
                entry[1] += good
        return whole
