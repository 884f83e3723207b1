"""How late something came, counted in buckets; and what a pump counts over all its streams."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

#: Seconds; as in the C loop (send.c). Beyond the last one there is a bucket more.
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(slots=True)
class Lateness:
    """`counts` has one bucket for each bound and one for what was later still; `seconds` is the sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def note(self, late: float, times: int = 1) -> None:
        self.counts[bisect_left(BOUNDS, late)] += times
        self.seconds += max(0.0, late) * times

    def add(self, other: Lateness) -> None:
        self.counts = [ours + theirs for ours, theirs in zip(self.counts, other.counts, strict=True)]
        self.seconds += other.seconds

    def copy(self) -> Lateness:
        return Lateness(list(self.counts), self.seconds)

    def since(self, before: Lateness) -> Lateness:
        counts = [now - then for now, then in zip(self.counts, before.counts, strict=True)]
        return Lateness(counts, self.seconds - before.seconds)

    @property
    def total(self) -> int:
        return sum(self.counts)

    def share_beyond(self, bound: float) -> float:
        """Of what was counted, later than `bound`, which is one of BOUNDS; 0 where nothing was counted."""
        total = self.total
        return sum(self.counts[BOUNDS.index(bound) + 1 :]) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class PumpTotals:
    """Of all streams since the start, packets unless said otherwise.

    `late` is by how much each left after its moment. `unsent` the system did not take; `strange` were no RTP of the
    call's far end; `unheard` found no room on their way to who listens. `given_up` is seconds that were passed over,
    because they could no longer be caught up. `streams` are those of this moment; `thread` is the system's number of
    the thread that sends them, 0 for the event loop's own.
    """

    late: Lateness = field(default_factory=Lateness)
    sent: int = 0
    unsent: int = 0
    received: int = 0
    strange: int = 0
    unheard: int = 0
    given_up: float = 0.0
    streams: int = 0
    thread: int = 0
