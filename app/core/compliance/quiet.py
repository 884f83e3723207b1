"""When a channel must stay quiet to a person because of another attempt, of whichever job. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: After an attempt whose outcome could not be learnt, its channel is not used again to this person for so long.
GUARD = timedelta(hours=1)
#: Nobody knows when an attempt under way will end: look again after so long.
LOOK_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Another attempt to the same address: under way (`ended_at` None), or ended and nobody knows how."""

    channel: str
    started_at: datetime
    ended_at: datetime | None
    #: None for a test call.
    job_id: int | None = None

    def holds(self, channel: str, now: datetime) -> bool:
        """One attempt at a time, by whichever channel; an unknown outcome keeps its own channel quiet."""
        return self.ended_at is None or (channel == self.channel and now < self.ended_at + GUARD)

    def until(self, now: datetime) -> datetime:
        return now + LOOK_AGAIN if self.ended_at is None else self.ended_at + GUARD

    @property
    def text(self) -> str:
        by = f"job {self.job_id}" if self.job_id else "a test call"
        since = f"{self.started_at:%H:%M:%S} UTC"
        if self.ended_at is None:
            return f"another {self.channel} attempt ({by}) is under way since {since}"
        return f"whether the {self.channel} attempt of {since} ({by}) reached the person is not known; guard time"
