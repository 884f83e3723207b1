"""The chance that a call answered at t meets no agent: a count of answers and releases, neither of them certain.

Every agent at work is free by t with a probability, every call in the air has asked for one. The difference is a sum
of independent yes-or-no events: its distribution is computed exactly through its characteristic function for small
teams, and by its mean and variance for large ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pacing.algorithms.observation import Floats

Complexes = NDArray[np.complex128]

#: The lattice of the exact distribution: differences from -LATTICE / 2 to LATTICE / 2 - 1.
LATTICE = 64
_HALF = LATTICE // 2
_ROOTS = np.exp(-2j * np.pi * np.arange(_HALF + 1) / LATTICE)
_STEPS = 400
_NORMAL = np.array([0.5 * math.erfc(-(at / _STEPS) / math.sqrt(2)) for at in range(-6 * _STEPS, 6 * _STEPS + 1)])


def normal(z: Floats) -> Floats:
    """The normal distribution function, by table."""
    return _NORMAL[np.clip((z * _STEPS).astype(np.int64) + 6 * _STEPS, 0, len(_NORMAL) - 1)]


@dataclass(frozen=True, slots=True)
class Table:
    """Chances of one kind of yes-or-no event, a row for each bin, a column for each time; and what sums need."""

    chances: Floats
    variances: Floats
    #: The characteristic function of each, None where it is not asked for.
    functions: Complexes | None

    @classmethod
    def of(cls, chances: Floats, *, exact: bool) -> Table:
        return cls(chances, chances * (1.0 - chances), _functions(chances) if exact else None)


class Balance:
    """Calls that ask for an agent by each time, less agents free by then, before any new call is placed."""

    def __init__(self, times: int, *, exact: bool) -> None:
        self.exact = exact
        self._mean = np.zeros(times)
        self._variance = np.zeros(times)
        self._function = np.ones((times, _HALF + 1), dtype=np.complex128)

    def ask(self, counts: Floats, table: Table) -> None:
        """So many in each bin ask."""
        self._mean += np.einsum("i,ij->j", counts, table.chances)
        self._variance += np.einsum("i,ij->j", counts, table.variances)
        if self.exact:
            self._function *= _product(counts, table)

    def free(self, counts: Floats, table: Table) -> None:
        """So many in each bin come free."""
        self._mean -= np.einsum("i,ij->j", counts, table.chances)
        self._variance += np.einsum("i,ij->j", counts, table.variances)
        if self.exact:
            self._function *= np.conj(_product(counts, table))

    def ask_at_rate(self, expected: Floats) -> None:
        """Arrivals nobody can foresee one by one, so many expected by each time."""
        self._mean += expected
        self._variance += expected
        if self.exact:
            self._function *= np.exp(expected[:, None] * (_ROOTS - 1.0))

    def unsure(self, deviation: Floats) -> None:
        """Add what all calls have in common: the hit rate may be another."""
        self._variance += deviation * deviation

    def short(self, spare: int, new: Floats, beside: NDArray[np.int64]) -> Floats:
        """P(no agent is left) at each time, a row for each number of new calls `beside` the one asking.

        `spare`: agents ready now, less people waiting. `new`: P(a new call has asked by each time).
        """
        others = beside[:, None]
        if not self.exact:
            mean = self._mean + others * new
            deviation = np.sqrt(self._variance + others * (new * (1.0 - new)) + 1e-9)
            return normal((mean - spare + 0.5) / deviation)
        function = self._function * _functions(new) ** others[:, :, None] if beside[-1] else self._function[None]
        chances = np.fft.irfft(function, LATTICE, axis=2)
        # Differences from `spare` upwards; the upper half of the lattice holds the negative ones.
        spare = min(max(spare, -_HALF), _HALF)
        if spare >= 0:
            short: Floats = chances[:, :, spare:_HALF].sum(axis=2)
        else:
            short = 1.0 - chances[:, :, _HALF : LATTICE + spare].sum(axis=2)
        return short.clip(0.0, 1.0)


def _functions(chances: Floats) -> Complexes:
    functions: Complexes = 1.0 + chances[..., None] * (_ROOTS - 1.0)
    return functions


def _product(counts: Floats, table: Table) -> Complexes:
    """The function of the sum over all that are in the bins."""
    assert table.functions is not None
    rows = np.repeat(np.arange(len(counts)), counts.astype(np.int64))
    product: Complexes = table.functions[rows].prod(axis=0)
    return product
