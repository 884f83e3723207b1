"""Cruise control: place the next call while the chance that nobody is free when it is answered stays under a threshold.

The threshold is steered slowly by the regulator's running balance, so the limit is held by what really happened,
however wrong the models are; they only decide when risk is taken. Calls that have rung as long as the law asks are
cancelled when no agent would be there for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacing.algorithms.ages import Ages
from pacing.algorithms.answers import Answers
from pacing.algorithms.base import Pacer
from pacing.algorithms.cancelling import Crossings
from pacing.algorithms.configuration import Configuration
from pacing.algorithms.observation import (
    Abandoned,
    CallId,
    Decision,
    Floats,
    InboundArrived,
    Seen,
    TalkEnded,
    WrapupEnded,
)
from pacing.algorithms.releases import Releases, bins_of
from pacing.algorithms.risk import Balance, Exact, Normal, Table
from pacing.algorithms.steering import Steering

#: Teams up to so many are reckoned exactly.
_SMALL = 30
#: Seconds between two looks of the chance, and between two renewals of the tables: of answers, of releases.
_STRIDE, _RENEW, _RENEW_RELEASES = 2.0, 5.0, 30.0
_AT_ONCE = 8
#: Counts tried at one time.
_PROBES = 18
#: Calls in the air for each agent at the most, however seldom anybody answers.
_IN_THE_AIR = 20
#: Calls are cancelled beyond so many times the threshold.
CANCEL = 1.0
#: Seconds before which no call is cancelled, though it may be: while most answers are still to come, to call many and
#: cancel nearly all looks free until so many CANCELs cross an answer that the limit is gone.
_SOONEST = 12.0
#: A person who stays longer than the time allowed after a greeting of so many seconds has been left waiting too long:
#: no sooner would it have been in time.
_GREETING = 5.0
#: Seconds of inbound arrivals, and abandoned people, that are remembered.
_INBOUND_MEMORY, _PATIENCE_MEMORY = 900.0, 200.0


@dataclass(frozen=True, slots=True)
class _Releases:
    """Chances to be free in time for a call answered at the times looked at."""

    talking: Table
    wrapup: Table


@dataclass(frozen=True, slots=True)
class _Answers:
    """Chances that a call asks for an agent by the times looked at."""

    #: P(a new call has asked by each time); and the share of its answers that falls to each.
    new: Floats
    weights: Floats
    ringing: Table
    #: People to come of a line's second, of a call ringing at each second of age; and the seconds it will hold it.
    worth: Floats
    left: Floats


class Predictive(Pacer):
    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self._ages = Ages()
        self._answers = Answers(configuration.ring_timeout)
        self._releases = Releases()
        self._steering = Steering(configuration.abandonment_limit)
        after = configuration.cancel_after
        self._cancel_after = None if after is None else max(after, _SOONEST)
        self._crossings = Crossings(self._cancel_after)
        horizon = math.ceil(min(configuration.ring_timeout, self._crossings.after)) + 1
        #: Seconds from now at which a new call may be answered.
        self._times = np.arange(_STRIDE / 2, horizon + _STRIDE / 2, _STRIDE)
        self._asking: _Answers | None = None
        self._freeing: _Releases | None = None
        #: When to learn anew for them; and the seconds that a person may wait, as of then.
        self._due = [0.0, 0.0]
        self._fresh = True
        self._grace = configuration.connect_within
        #: How many abandoned people, and the seconds they waited; inbound arrivals, and the seconds watched.
        self._patience = np.array([4.0, 4.0 * configuration.connect_within])
        self._inbound = np.zeros(2)

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        seen = self._ages.complete(seen)
        ringing = self._answers.see(seen, elapsed)
        self._learn(seen, elapsed)
        self._crossings.see(seen.events)
        small = max(seen.logged_in, seen.at_work) <= _SMALL and seen.in_the_air <= _SMALL * _IN_THE_AIR
        asking, freeing = self._chances(seen, exact=small)
        threshold = self._steering.threshold(self.ledger, self._answers.humans, elapsed)
        asked = self._asked(seen, ringing, asking)
        kind = Exact if small and Exact.holds(asked) else Normal
        balance = self._balance(kind, seen, ringing, asking, freeing)
        spare = seen.ready - seen.waiting - len(seen.inbound_waiting)
        cancel = self._to_cancel(seen, balance, spare, threshold)
        place = 0
        if not cancel and seen.logged_in:
            most = min(max(room, _AT_ONCE), _IN_THE_AIR * seen.logged_in - seen.in_the_air)
            wanted = self._how_many(balance, spare, threshold, asking, most)
            if kind is Exact and not Exact.holds(asked + wanted * float(asking.new[-1])):
                balance = self._balance(Normal, seen, ringing, asking, freeing)
                wanted = min(wanted, self._how_many(balance, spare, threshold, asking, most))
            place = min(wanted, room)
            cancel = self._to_renew(seen, wanted - place, asking, threshold)
        self._answers.place(place)
        old = int((seen.ringing >= self._crossings.after).sum())
        self._crossings.send(cancel, old - len(cancel), elapsed)
        return Decision(place, cancel)

    def _balance(
        self, kind: type[Exact | Normal], seen: Seen, ringing: Floats, asking: _Answers, freeing: _Releases
    ) -> Exact | Normal:
        """Before any new call; `ringing`: how many at each second of age."""
        balance = kind(len(self._times))
        balance.ask(ringing, asking.ringing)
        balance.free(bins_of(seen.talking) + bins_of(seen.inbound_talking), freeing.talking)
        balance.free(bins_of(seen.wrapup), freeing.wrapup)
        if len(seen.classifying) or self._inbound[0]:
            balance.ask_at_rate(self._arriving(seen))
        if isinstance(balance, Normal):
            balance.unsure(np.einsum("i,ij->j", ringing, asking.ringing.chances) * self._answers.uncertainty)
        return balance

    def _arriving(self, seen: Seen) -> Floats:
        """People expected by each time of calls that have been answered already, and inbound."""
        people = len(seen.classifying) * self._answers.classification[1]
        arriving: Floats = people + self._inbound_rate * (self._times + self._grace)
        return arriving

    def _asked(self, seen: Seen, ringing: Floats, asking: _Answers) -> float:
        """People expected by the last time, without new calls."""
        return float(ringing @ asking.ringing.chances[:, -1] + self._arriving(seen)[-1])

    def _how_many(self, balance: Balance, spare: int, threshold: float, asking: _Answers, most: int) -> int:
        """The most calls of which the last still has less than the threshold's chance of meeting nobody."""

        def good(counts: NDArray[np.int64]) -> int:
            """How many of these rising counts are good; the chance rises with the count."""
            chances = balance.short(spare, asking.new, asking.weights, counts - 1)
            return int(np.searchsorted(chances, threshold))

        if most < 1 or not good(np.array([1])):
            return 0
        counts = np.unique(np.append(2 ** np.arange(1, max(2, most.bit_length())), most).clip(max=most))
        fine = good(counts)
        if fine == len(counts):
            return most
        low, high = (int(counts[fine - 1]) if fine else 1), int(counts[fine])
        while high - low > 1:
            counts = np.unique(np.linspace(low, high, _PROBES).astype(np.int64))[1:-1]
            fine = good(counts)
            low, high = (int(counts[fine - 1]) if fine else low), (int(counts[fine]) if fine < len(counts) else high)
        return low

    def _to_cancel(self, seen: Seen, balance: Balance, spare: int, threshold: float) -> tuple[CallId, ...]:
        """Calls that have rung as long as the law asks, if one answered in the next seconds would meet nobody."""
        after = self._cancel_after
        if after is None or not seen.ringing_ids or not len(seen.ringing) or seen.ringing.max() < after:
            return ()
        if balance.short_now(spare) <= CANCEL * threshold:
            return ()
        crossing = self._crossings.seconds
        if crossing and _STRIDE * np.maximum(balance.short_alone(spare) - threshold, 0.0).sum() <= crossing:
            return ()
        return tuple(call for call, age in zip(seen.ringing_ids, seen.ringing, strict=True) if age >= after)

    def _to_renew(self, seen: Seen, missing: int, asking: _Answers, threshold: float) -> tuple[CallId, ...]:
        """Where lines run short: the oldest lawfully rung calls whose line a new call would use better."""
        lines, after = self.configuration.lines, self._cancel_after
        if missing <= 0 or lines is None or after is None or seen.lines_in_use < lines or not seen.ringing_ids:
            return ()
        at = np.minimum(seen.ringing, len(asking.worth) - 1).astype(np.int64)
        gain = (asking.worth[0] - asking.worth) * asking.left
        crossing = self._crossings.seconds
        if crossing:
            # A person more who talks is worth the threshold's share of one who meets nobody.
            gain -= self._answers.in_a_second * crossing * (1.0 - threshold) / threshold
        worse = np.flatnonzero((seen.ringing >= after) & (gain[at] > 0.0))
        oldest = worse[np.argsort(-seen.ringing[worse], kind="stable")][:missing]
        return tuple(seen.ringing_ids[at] for at in oldest)

    def _learn(self, seen: Seen, elapsed: float) -> None:
        releases = self._releases
        talks: list[float] = []
        wrapups: list[float] = []
        for event in seen.events:
            if isinstance(event, TalkEnded):
                if not event.inbound:
                    talks.append(event.duration)
            elif isinstance(event, WrapupEnded):
                wrapups.append(event.duration)
            elif isinstance(event, InboundArrived):
                self._inbound[0] += 1
            elif isinstance(event, Abandoned) and event.waited:
                self._patience += (1.0, min(event.waited, self.configuration.connect_within + _GREETING))
        releases.talk.end(talks)
        releases.wrapup.end(wrapups)
        self._inbound[1] += elapsed
        if self._inbound[1] > _INBOUND_MEMORY:
            self._inbound *= _INBOUND_MEMORY / self._inbound[1]
        if self._patience[0] > _PATIENCE_MEMORY:
            self._patience *= _PATIENCE_MEMORY / self._patience[0]

    @property
    def _inbound_rate(self) -> float:
        """Arrivals a second, lately."""
        return float(self._inbound[0] / self._inbound[1]) if self._inbound[1] else 0.0

    def _chances(self, seen: Seen, *, exact: bool) -> tuple[_Answers, _Releases]:
        """As learnt by now, reckoned anew every few seconds."""
        asking, freeing, now = self._asking, self._freeing, seen.now
        if self._fresh or now >= self._due[0]:
            self._answers.refresh()
            self._due[0], asking = now + _RENEW, None
        if self._fresh or now >= self._due[1]:
            self._releases.refresh(seen.talking, seen.wrapup)
            self._grace = float(self._patience[1] / self._patience[0])
            self._due[1], freeing = now + _RENEW_RELEASES, None
        self._fresh = False
        if asking is None or (exact and asking.ringing.functions is None):
            asking = self._asking = self._reckon_answers(exact=exact)
        if freeing is None or (exact and freeing.talking.functions is None):
            freeing = self._freeing = self._reckon_releases(exact=exact)
        return asking, freeing

    def _reckon_answers(self, *, exact: bool) -> _Answers:
        last = math.ceil(self._times[-1]) + 1
        table = self._answers.table(last, self._cancel_after, self._crossings.seconds)
        weights = np.diff(_at(table[:1], np.append(0.0, self._times + _STRIDE / 2))[0])
        worth, left = self._answers.worth()
        return _Answers(
            new=_at(table[:1], self._times)[0],
            weights=weights / max(float(weights.sum()), 1e-9),
            ringing=Table.of(_at(table, self._times), exact=exact),
            worth=worth,
            left=left,
        )

    def _reckon_releases(self, *, exact: bool) -> _Releases:
        times = self._times + self._grace
        talk, wrapup = self._releases.tables(math.ceil(times[-1]) + 1)
        return _Releases(
            talking=Table.of(_at(talk, times), exact=exact), wrapup=Table.of(_at(wrapup, times), exact=exact)
        )

    def _save(self) -> Any:
        return {
            "ages": self._ages.save(),
            "answers": self._answers.save(),
            "releases": self._releases.save(),
            "steering": self._steering.save(),
            "crossings": self._crossings.save(),
            "patience": self._patience.tolist(),
            "inbound": self._inbound.tolist(),
            "due": [*self._due, self._grace, self._fresh],
        }

    def _restore(self, learnt: Any, *, new_clock: bool) -> None:
        if not new_clock:
            self._ages.restore(learnt["ages"])
        self._answers.restore(learnt["answers"])
        self._releases.restore(learnt["releases"])
        self._steering.restore(learnt["steering"])
        if "crossings" in learnt:
            self._crossings.restore(learnt["crossings"], new_clock=new_clock)
        self._patience = np.array(learnt["patience"])
        self._inbound = np.array(learnt["inbound"])
        self._due, self._grace = learnt["due"][:2], float(learnt["due"][2])
        self._asking = self._freeing = None
        self._fresh = new_clock or bool(learnt["due"][3])


def _at(table: Floats, times: Floats) -> Floats:
    """The columns of a table of whole seconds, between them in proportion."""
    times = np.minimum(times, table.shape[1] - 1)
    whole = np.minimum(times.astype(np.int64), table.shape[1] - 2)
    part = times - whole
    columns: Floats = table[:, whole] * (1.0 - part) + table[:, whole + 1] * part
    return columns
