"""What a CANCEL costs: one that crosses the answer is a person who meets nobody, and how often that happens is learnt.

Crossings are measured in seconds: for so long answers still come through after a CANCEL has left. A fraction of a
second costs next to nothing. More is believed once chance does not explain it; then no call is cancelled whose answer
would have met nobody for a shorter time than that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from pacing.algorithms.observation import CallId, Event, Outcome, Resolved

#: Seconds that cost next to nothing; more is believed beyond so many standard deviations.
_USUAL, _SURE = 0.25, 3.0
#: Answers foregone a second that are remembered, and calls whose end is awaited.
_MEMORY, _AWAITED = 400.0, 2_000


class Crossings:
    def __init__(self) -> None:
        #: Cancelled calls that had been answered; and how many answers a second all of them together were good for.
        self._crossed, self._foregone = 0.0, 0.0
        #: Calls cancelled of which it is not yet known whether anybody had answered.
        self._sent: dict[CallId, None] = {}

    @property
    def seconds(self) -> float:
        """For how long answers still come through, 0 where it is no longer than usual."""
        usual = _USUAL * self._foregone
        if self._crossed - usual <= _SURE * math.sqrt(usual + 1.0):
            return 0.0
        return self._crossed / self._foregone

    def send(self, calls: Iterable[CallId], hazards: Iterable[float]) -> None:
        """CANCEL goes out for these calls, each of which would have been answered in a second by this chance."""
        for call, hazard in zip(calls, hazards, strict=True):
            self._foregone += hazard
            self._sent[call] = None
        for call in list(self._sent)[:-_AWAITED]:
            del self._sent[call]
        if self._foregone > _MEMORY:
            self._crossed *= _MEMORY / self._foregone
            self._foregone = _MEMORY

    def see(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Resolved) and event.call in self._sent:
                del self._sent[event.call]
                self._crossed += event.outcome == Outcome.HUMAN

    def save(self) -> Any:
        sent = [call for call in self._sent if isinstance(call, str | int)]
        return [self._crossed, self._foregone, sent]

    def restore(self, learnt: Any, *, new_clock: bool) -> None:
        self._crossed, self._foregone, sent = learnt
        self._sent = {} if new_clock else dict.fromkeys(sent)
