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

from pacing.algorithms.answers import Answers
from pacing.algorithms.base import Pacer
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
from pacing.algorithms.risk import Balance, Table
from pacing.algorithms.steering import Steering

#: Teams up to so many are reckoned exactly.
_SMALL = 30
#: Seconds between two looks of the chance, and between two renewals of the tables.
_STRIDE, _RENEW = 2.0, 5.0
_AT_ONCE = 8
#: Calls are cancelled beyond so many times the threshold.
CANCEL = 1.0
#: Seconds of inbound arrivals, and abandoned people, that are remembered.
_INBOUND_MEMORY, _PATIENCE_MEMORY = 900.0, 200.0


@dataclass(frozen=True, slots=True)
class _Tables:
    """Chances at the times a new call may be answered, as learnt by now."""

    #: Seconds from now; and those after which an agent is still in time for a call answered then.
    times: Floats
    grace: float
    #: P(a new call has asked by each time); and the share of its answers that falls to each.
    new: Floats
    weights: Floats
    ringing: Table
    talking: Table
    wrapup: Table
    #: People to come of a line's second, of a call ringing at each second of age.
    worth: Floats

    @property
    def ones(self) -> Floats:
        return np.ones(len(self.times))


class Predictive(Pacer):
    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self._answers = Answers(configuration.ring_timeout)
        self._releases = Releases()
        self._steering = Steering(configuration.abandonment_limit)
        self._due: float | None = None
        self._tables: _Tables | None = None
        #: How many abandoned people, and the seconds they waited; inbound arrivals, and the seconds watched.
        self._patience = np.array([4.0, 4.0 * configuration.connect_within])
        self._inbound = np.zeros(2)

    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        ringing = self._answers.see(seen, elapsed)
        talking, wrapup, inbound = bins_of(seen.talking), bins_of(seen.wrapup), bins_of(seen.inbound_talking)
        self._learn(seen, talking, wrapup, elapsed)
        small = seen.logged_in <= _SMALL
        tables = self._renewed(seen.now, small)
        threshold = self._steering.threshold(self.ledger, self._answers.humans, elapsed)
        balance = Balance(len(tables.times), exact=small)
        balance.ask(ringing, tables.ringing)
        balance.free(talking + inbound, tables.talking)
        balance.free(wrapup, tables.wrapup)
        expected = np.zeros(len(tables.times))
        if len(seen.classifying):
            expected += len(seen.classifying) * self._answers.classification[1]
        if self._inbound[0]:
            expected += self._inbound[0] / self._inbound[1] * (tables.times + tables.grace)
        balance.ask_at_rate(expected)
        if not balance.exact:
            balance.unsure(np.einsum("i,ij->j", ringing, tables.ringing.chances) * self._answers.uncertainty)
        spare = seen.ready - seen.waiting - len(seen.inbound_waiting)
        cancel = self._to_cancel(seen, balance, spare, threshold, tables)
        place = 0
        if not cancel and seen.logged_in:
            wanted = self._how_many(balance, spare, threshold, tables, max(room, _AT_ONCE))
            place = min(wanted, room)
            cancel = self._to_renew(seen, wanted - place, tables)
        self._answers.place(place)
        return Decision(place, cancel)

    def _how_many(self, balance: Balance, spare: int, threshold: float, tables: _Tables, room: int) -> int:
        """The most calls of which the last still has less than the threshold's chance of meeting nobody."""
        place, step = 0, 1
        while place < room:
            last = min(place + step, room) - 1
            short = balance.short(spare, tables.new, place, last) @ tables.weights
            good = int(np.searchsorted(short, threshold))
            place += good
            if good < len(short):
                break
            step = min(4 * step, 64 if not balance.exact else _AT_ONCE)
        return place

    def _to_cancel(
        self, seen: Seen, balance: Balance, spare: int, threshold: float, tables: _Tables
    ) -> tuple[CallId, ...]:
        """Calls that have rung as long as the law asks, if one answered in the next seconds would meet nobody."""
        after = self.configuration.cancel_after
        if after is None or not seen.ringing_ids or not len(seen.ringing) or seen.ringing.max() < after:
            return ()
        chance = float(balance.short(spare, tables.new, 0, 0)[0, 0])
        if chance <= CANCEL * threshold:
            return ()
        return tuple(call for call, age in zip(seen.ringing_ids, seen.ringing, strict=True) if age >= after)

    def _to_renew(self, seen: Seen, missing: int, tables: _Tables) -> tuple[CallId, ...]:
        """Where lines run short: the oldest lawfully rung calls whose line a new call would use better."""
        lines, after = self.configuration.lines, self.configuration.cancel_after
        if missing <= 0 or lines is None or after is None or seen.lines_in_use < lines or not seen.ringing_ids:
            return ()
        worth = tables.worth[np.minimum(seen.ringing, len(tables.worth) - 1).astype(np.int64)]
        worse = np.flatnonzero((seen.ringing >= after) & (worth < tables.worth[0]))
        oldest = worse[np.argsort(-seen.ringing[worse], kind="stable")][:missing]
        return tuple(seen.ringing_ids[at] for at in oldest)

    def _learn(self, seen: Seen, talking: Floats, wrapup: Floats, elapsed: float) -> None:
        releases = self._releases
        releases.talk.spend(talking, elapsed)
        releases.wrapup.spend(wrapup, elapsed)
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
                self._patience += (1.0, event.waited)
        releases.talk.end(talks)
        releases.wrapup.end(wrapups)
        self._inbound[1] += elapsed
        if self._inbound[1] > _INBOUND_MEMORY:
            self._inbound *= _INBOUND_MEMORY / self._inbound[1]
        if self._patience[0] > _PATIENCE_MEMORY:
            self._patience *= _PATIENCE_MEMORY / self._patience[0]

    def _renewed(self, now: float, small: bool) -> _Tables:
        stale = self._tables is None or (small and self._tables.ringing.functions is None)
        if self._tables is None or stale or self._due is None or now >= self._due:
            self._due = now + _RENEW
            self._answers.refresh()
            self._tables = self._reckon(small)
        return self._tables

    def _reckon(self, exact: bool) -> _Tables:
        after = self.configuration.cancel_after
        horizon = math.ceil(min(self.configuration.ring_timeout, after or math.inf)) + 1
        times = np.arange(_STRIDE / 2, horizon + _STRIDE / 2, _STRIDE)
        count, waited = self._patience
        grace = float(waited / count)
        last = math.ceil(times[-1] + grace) + 1
        talk, wrapup = self._releases.tables(last)
        answers = self._answers.table(last, after)
        cumulated = _at(answers[:1], np.append(0.0, times + _STRIDE / 2))[0]
        weights = np.diff(cumulated)
        return _Tables(
            times=times,
            grace=grace,
            new=_at(answers[:1], times)[0],
            weights=weights / max(float(weights.sum()), 1e-9),
            ringing=Table.of(_at(answers, times), exact=exact),
            talking=Table.of(_at(talk, times + grace), exact=exact),
            wrapup=Table.of(_at(wrapup, times + grace), exact=exact),
            worth=self._answers.worth(),
        )

    def _save(self) -> Any:
        return {
            "answers": self._answers.save(),
            "releases": self._releases.save(),
            "steering": self._steering.save(),
            "patience": self._patience.tolist(),
            "inbound": self._inbound.tolist(),
        }

    def _restore(self, learnt: Any) -> None:
        self._answers.restore(learnt["answers"])
        self._releases.restore(learnt["releases"])
        self._steering.restore(learnt["steering"])
        self._patience = np.array(learnt["patience"])
        self._inbound = np.array(learnt["inbound"])
        self._tables = None


def _at(table: Floats, times: Floats) -> Floats:
    """The columns of a table of whole seconds, between them in proportion."""
    times = np.minimum(times, table.shape[1] - 1)
    whole = np.minimum(times.astype(np.int64), table.shape[1] - 2)
    part = times - whole
    columns: Floats = table[:, whole] * (1.0 - part) + table[:, whole + 1] * part
    return columns
