"""What a CANCEL costs: one that crosses the answer is a person who meets nobody, and how often that happens is learnt.

Crossings are measured in seconds: for so long answers still come through after a CANCEL has left. A fraction of a
second costs next to nothing. More is believed once chance does not explain it; then no call is cancelled whose answer
would have met nobody for a shorter time than that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pacing.algorithms.observation import CallId, Event, Outcome, Resolved

#: Seconds that cost next to nothing; more is believed beyond so many standard deviations.
_USUAL, _SURE = 0.25, 3.0
#: Cancelled calls that are remembered, seconds of ringing, and calls whose end is awaited.
_MEMORY, _WATCHED, _AWAITED = 10_000.0, 4_000.0, 2_000
#: So many people at the least are thought to have answered late: a share of nothing cannot be divided by.
_FEWEST = 1e-6


class Crossings:
    def __init__(self, cancel_after: float | None) -> None:
        #: Seconds after which a call may be cancelled, infinite where it never may.
        self.after = math.inf if cancel_after is None else cancel_after
        #: People who answered after so long, and seconds that calls as old rang: of those left to ring, since of a
        #: cancelled one nobody knows. One in 25 s to begin with.
        self._answered, self._watched = 1.0, 25.0
        #: Cancelled calls that had been answered; all that were cancelled.
        self._crossed, self._cancelled = 0.0, 0.0
        #: Calls cancelled of which it is not yet known whether anybody had answered.
        self._sent: dict[CallId, None] = {}

    @property
    def seconds(self) -> float:
        """For how long answers still come through, 0 where it is no longer than usual."""
        foregone = self._cancelled * self._answered / self._watched
        usual = _USUAL * foregone
        if self._crossed - usual <= _SURE * math.sqrt(usual + 1.0):
            return 0.0
        return self._crossed / foregone

    def send(self, calls: Sequence[CallId], left: int, elapsed: float) -> None:
        """CANCEL goes out for these calls, perhaps again; so many that have rung as long are left to ring."""
        self._watched += left * elapsed
        if self._watched > _WATCHED:
            self._answered = max(self._answered * _WATCHED / self._watched, _FEWEST)
            self._watched = _WATCHED
        self._cancelled += sum(call not in self._sent for call in calls)
        if self._cancelled > _MEMORY:
            self._crossed *= _MEMORY / self._cancelled
            self._cancelled = _MEMORY
        self._sent.update(dict.fromkeys(calls))
        for call in list(self._sent)[:-_AWAITED]:
            del self._sent[call]

    def see(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Resolved):
                human = event.outcome == Outcome.HUMAN
                if event.call in self._sent:
                    del self._sent[event.call]
                    self._crossed += human
                elif human and event.age >= self.after:
                    self._answered += 1

    def save(self) -> Any:
        sent = [call for call in self._sent if isinstance(call, str | int)]
        return [self._answered, self._watched, self._crossed, self._cancelled, sent]

    def restore(self, learnt: Any, *, new_clock: bool) -> None:
        self._answered, self._watched, self._crossed, self._cancelled, sent = learnt
        self._sent = {} if new_clock else dict.fromkeys(sent)
