"""Whether and when a ringing call will be a person who needs an agent: P(person by t | age), learnt.

Each second of age has its hazards: how many of the calls seen ringing at that age became a person, or anything else,
before the next look. Every call counts at every age it reached, whatever became of it, so neither the order in which
results arrive nor our own cancelling can bias the hit rate. The *shape* over ages is learnt slowly; a *level*
that multiplies the persons' hazards follows quickly: people who came by people who were expected. Where the last few
dozen differ from it more than chance explains, older ones are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pacing.algorithms.observation import Abandoned, Connected, Event, Floats, Outcome, Placed, Resolved, Seen

#: The shape remembers about so many calls.
_MEMORY = 6_000.0
#: People expected that the level remembers, and that are looked at for a change.
_LONG, _SHORT = 200.0, 25.0
#: A change is believed beyond so many standard deviations.
_SURE = 3.3
#: Before anything was seen: so many calls' worth of a hit rate of about a half. To begin with caution costs little.
_FIRST = 4.0
_FIRST_HUMAN, _FIRST_OTHER = 0.045, 0.015
#: No more people than that are thought to be waiting for word of them: reports get lost.
_OPEN = 50.0
#: Seconds within which a call that was asked for has left: lists run dry.
_LEAVING = 3.0
#: A ringing call is never taken to be less likely to be answered in a second: about 1 % over a whole call.
_FLOOR = 0.0005
#: Seconds that one look stands for at the most: who was not asked for longer knows no more of what happened then.
_INTERVAL = 10.0
#: So many calls' worth of what was thought at first is never forgotten: at ages that no call reaches, numbers decay
#: until the ratios of what is left mean nothing.
_NEVER_FORGOTTEN = 1e-100
#: The part of the seconds looked ahead that classification may take of them: beyond it nobody would seem to ask.
_CLASSIFYING = 4


class Answers:
    def __init__(self, ring_timeout: float) -> None:
        self.ages = min(300, int(ring_timeout) + 4)
        self._seen = np.full(self.ages, _FIRST)
        self._humans = np.full(self.ages, _FIRST * _FIRST_HUMAN)
        self._humans[:2] /= 10
        self._others = np.full(self.ages, _FIRST * _FIRST_OTHER)
        self._came, self._expected = 0.0, 0.0
        self._came_lately, self._expected_lately = 0.0, 0.0
        #: People expected a second of the calls that rang at the last look.
        self._awaited = 0.0
        #: Calls asked for of which it is not yet seen that they left.
        self._asked = 0.0
        self._hazards = self._shape()
        #: Level and seconds of classification as of the last renewal: what tables are made by.
        self._renewed = (1.0, 0.0)
        #: People and machines found after classification, and call-seconds spent in it.
        self._found = np.array([1.0, 1.0])
        self._classifying = 0.0
        self.humans = 0.0
        #: People found of whom it is not yet known whether there was an agent.
        self._open = 0.0

    def see(self, seen: Seen, elapsed: float) -> Floats:
        """Learn from one look; give how many calls ring at each second of age."""
        interval = min(elapsed, _INTERVAL)
        self._awaited *= interval
        if self._asked:
            self._leave(seen, elapsed)
        counts = np.zeros(self.ages)
        if len(seen.ringing):
            ages = np.minimum(seen.ringing, self.ages - 1).astype(np.int64)
            counts = np.bincount(ages, minlength=self.ages).astype(np.float64)
        came = self._resolve((event for event in seen.events if isinstance(event, Resolved)), seen.now, elapsed)
        self._follow(came + self._unreported(seen.events))
        self._seen += counts * interval
        self._classifying += len(seen.classifying) * interval
        self._awaited = float((counts * self._hazards[0]).sum())
        return counts

    def place(self, count: int) -> None:
        """So many calls are asked for. They are at age 0 now, if they leave at all."""
        self._asked += count

    @property
    def level(self) -> float:
        return (self._came + 8.0) / (self._expected + 8.0)

    @property
    def uncertainty(self) -> float:
        """Standard deviation of the level by its mean."""
        return float(1.0 / np.sqrt(self._came + 8.0))

    @property
    def classification(self) -> tuple[float, float]:
        """Mean seconds from answer to verdict, and the share of people among verdicts."""
        total = float(self._found.sum())
        return self._classifying / total, float(self._found[0]) / total

    def table(self, seconds: int, cancel_after: float | None = None, crossing: float = 0.0) -> Floats:
        """P(person within 0, 1, … `seconds` | ringing at age): one row a second of age.

        With `cancel_after`, of older calls only the next second counts: each later one can still be prevented, as far
        as `crossing` tells: for so many seconds after a CANCEL answers come through.
        """
        shape, others = self._hazards
        level, classifying = self._renewed
        humans = np.clip(shape * level, _FLOOR, 0.9 * (1.0 - others))
        stay = 1.0 - humans - others
        later = humans.copy()
        if cancel_after is not None:
            later[min(int(cancel_after) + 1, self.ages) :] *= min(1.0, crossing)
        table = np.zeros((self.ages, seconds + 1))
        beyond = np.zeros(self.ages)
        for second in range(1, seconds + 1):
            beyond[:-1] = table[1:, second - 1]
            table[:, second] = later + stay * beyond
        if cancel_after is not None:
            table[:, 1:] = np.maximum(table[:, 1:], humans[:, None])
        lag = min(seconds // _CLASSIFYING, round(classifying))
        return np.concatenate([np.zeros((self.ages, lag)), table[:, : seconds + 1 - lag]], axis=1)

    @property
    def in_a_second(self) -> Floats:
        """P(a person answers within a second | ringing at each age)."""
        return self._hazards[0] * self._renewed[0]

    def worth(self) -> tuple[Floats, Floats]:
        """By age, if the call is kept to its end: people expected of one more second of ringing; seconds to come."""
        humans, others = self._hazards
        people, seconds = 0.0, 1e-9
        worth, left = np.zeros(self.ages), np.zeros(self.ages)
        for age in range(self.ages - 1, -1, -1):
            stay = max(0.0, 1.0 - humans[age] - others[age])
            people, seconds = humans[age] + stay * people, 1.0 + stay * seconds
            worth[age], left[age] = people / seconds, seconds
        return worth, left

    def refresh(self) -> None:
        """Take what was learnt into the shape. The level goes on as if the new one had always been expected by."""
        before = float((self._seen * self._hazards[0]).sum())
        self._hazards = self._shape()
        ratio = float((self._seen * self._hazards[0]).sum()) / max(before, 1e-9)
        self._expected *= ratio
        self._expected_lately *= ratio
        self._awaited *= ratio
        self._renewed = (self.level, self.classification[0])

    def save(self) -> Any:
        arrays = [self._seen, self._humans, self._others, self._found, *self._hazards]
        numbers = [self._came, self._expected, self._came_lately, self._expected_lately]
        return [
            [array.tolist() for array in arrays],
            [*numbers, self._awaited, self._classifying, self.humans, *self._renewed, self._open, self._asked],
        ]

    def restore(self, learnt: Any) -> None:
        arrays, numbers = learnt
        self._seen, self._humans, self._others, self._found, *hazards = (np.array(array) for array in arrays)
        self._hazards = (hazards[0], hazards[1])
        self._came, self._expected, self._came_lately, self._expected_lately = numbers[:4]
        self._awaited, self._classifying, self.humans = numbers[4:7]
        self._renewed = (numbers[7], numbers[8])
        self._open = numbers[9] if len(numbers) > 9 else 0.0
        self._asked = numbers[10] if len(numbers) > 10 else 0.0
        if len(self._seen) != self.ages:
            raise ValueError("the ring timeout was another one")

    def _leave(self, seen: Seen, elapsed: float) -> None:
        """Count the calls asked for that were seen at age 0 or shortly after: others never rang, and teach nothing."""
        young = elapsed + _LEAVING
        told = sum(isinstance(event, Placed) for event in seen.events)
        over = sum(isinstance(event, Resolved) and event.age <= young for event in seen.events)
        shown = int((seen.ringing <= young).sum()) + int((seen.classifying <= young).sum()) + over
        left = min(self._asked, float(max(told, shown)))
        self._seen[0] += left
        self._awaited += left * float(self._hazards[0][0])
        self._asked = (self._asked - left) * max(0.0, 1.0 - elapsed / _LEAVING)

    def _resolve(self, events: Iterable[Resolved], now: float, elapsed: float) -> float:
        came = 0.0
        lag = self.classification[0]
        for event in events:
            if event.outcome == Outcome.CANCELLED:
                continue
            since = elapsed - (0.0 if event.at is None else min(max(now - event.at, 0.0), elapsed))
            answered = event.outcome in (Outcome.HUMAN, Outcome.MACHINE)
            if answered:
                self._found[event.outcome == Outcome.MACHINE] += 1
            age = int(max(0.0, event.age - since - (lag if answered else 0.0)))
            age = min(age, self.ages - 1)
            if event.outcome == Outcome.HUMAN:
                self._humans[age] += 1
                came += 1
            else:
                self._others[age] += 1
        return came

    def _unreported(self, events: Iterable[Event]) -> float:
        """People of whom only their agent, or that there was none, was reported. They answered when people do."""
        for event in events:
            if isinstance(event, Resolved):
                self._open += event.outcome == Outcome.HUMAN
            elif isinstance(event, Connected | Abandoned):
                self._open -= 1
        missing = max(0.0, -self._open)
        self._open = min(self._open + missing, _OPEN)
        if missing:
            expected = self._seen * self._hazards[0]
            self._humans += missing * expected / max(float(expected.sum()), 1e-9)
        return missing

    def _follow(self, came: float) -> None:
        """Move the level by what came and what had been awaited."""
        awaited = self._awaited
        self.humans += came
        # Forgotten by what was expected, not by time: an idle hour teaches nothing.
        keep_long = max(0.0, 1.0 - max(awaited, came * 0.5) / _LONG)
        keep_short = max(0.0, 1.0 - max(awaited, came * 0.5) / _SHORT)
        self._came = self._came * keep_long + came
        self._expected = self._expected * keep_long + awaited
        self._came_lately = self._came_lately * keep_short + came
        self._expected_lately = self._expected_lately * keep_short + awaited
        due = self.level * self._expected_lately
        if due > 2.0 and abs(self._came_lately - due) > _SURE * np.sqrt(due / 2.0 + 1.0):
            self._came, self._expected = self._came_lately, self._expected_lately
        if self._seen[0] > _MEMORY:
            kept = _MEMORY / self._seen[0]
            for numbers in (self._seen, self._humans, self._others):
                numbers *= kept

    def _shape(self) -> tuple[Floats, Floats]:
        seen = _smooth(self._seen) + _NEVER_FORGOTTEN
        humans = np.minimum((_smooth(self._humans) + _NEVER_FORGOTTEN * _FIRST_HUMAN) / seen, 0.9)
        others = np.minimum((_smooth(self._others) + _NEVER_FORGOTTEN * _FIRST_OTHER) / seen, 0.95 - humans)
        return humans, np.maximum(others, 0.0)


def _smooth(numbers: Floats) -> Floats:
    """Over neighbouring seconds, at a young age not at all: nothing answers in the first."""
    smooth = numbers.copy()
    smooth[1:-1] = 0.25 * numbers[:-2] + 0.5 * numbers[1:-1] + 0.25 * numbers[2:]
    smooth[0] = numbers[0]
    return smooth
