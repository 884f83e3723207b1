"""The contacts of a shift in list order, their fates drawn beforehand: two pacers of one seed meet the same people."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pacing.simulation.scenario import Scenario

_BLOCK = 2_048


class Fate(NamedTuple):
    """What will come of a call to this contact, whenever it is placed. `lot` decides by the hit rate of the hour."""

    lot: float
    answer: float
    machine_answer: float
    refusal: float
    greeting: float
    detection: float
    mistake: float
    talk: float
    machine_talk: float


class Contacts:
    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._chance = np.random.default_rng((seed, 1))
        self._block: list[Fate] = []

    def next(self) -> Fate:
        if not self._block:
            self._block = self._draw()
        return self._block.pop()

    def _draw(self) -> list[Fate]:
        s, chance = self._scenario, self._chance
        delay = s.detection.delay.draw(chance, _BLOCK) if s.detection else np.zeros(_BLOCK)
        columns = (
            chance.random(_BLOCK),
            s.answer.draw(chance, _BLOCK),
            s.machine_answer.draw(chance, _BLOCK),
            s.refusal.draw(chance, _BLOCK),
            s.greeting.draw(chance, _BLOCK),
            delay,
            chance.random(_BLOCK),
            s.talk.draw(chance, _BLOCK),
            s.machine_talk.draw(chance, _BLOCK),
        )
        return [Fate(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
