"""The chance that a call answered at t meets no agent: a count of answers and releases, neither of them certain.

Every agent at work is free by t with a probability, every call in the air has asked for one. The difference is a sum
of independent yes-or-no events: its distribution is computed exactly through its characteristic function for small
teams, and by its mean and variance for large ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pacing.algorithms.observation import Floats

Complexes = NDArray[np.complex128]

#: The lattice of the exact distribution: differences from -LATTICE / 2 to LATTICE / 2 - 1.
LATTICE = 64
_HALF = LATTICE // 2
_ROOTS = np.exp(-2j * np.pi * np.arange(_HALF + 1) / LATTICE)
#: Standard deviations above what is expected that the lattice must have room for.
_SURE = 3.0
#: What a call is worth that takes the last idle agent, the last but one, and so on: the last one is the hardest to
#: keep at work, for beside it hardly any call may ring.
_WORTH, _LEAST_WORTH = 0.8, 0.5
_STEPS = 400
_NORMAL = np.array([0.5 * math.erfc(-(at / _STEPS) / math.sqrt(2)) for at in range(-6 * _STEPS, 6 * _STEPS + 1)])


def normal(z: Floats) -> Floats:
    """The normal distribution function, by table."""
    at = (z * _STEPS).astype(np.int64) + 6 * _STEPS
    return _NORMAL[np.minimum(np.maximum(at, 0), len(_NORMAL) - 1)]


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


class Balance(Protocol):
    """Calls that ask for an agent by each time, less agents free by then, before any new call is placed."""

    def ask(self, counts: Floats, table: Table) -> None:
        """So many in each bin ask."""

    def free(self, counts: Floats, table: Table) -> None:
        """So many in each bin come free."""

    def ask_at_rate(self, expected: Floats) -> None:
        """Arrivals nobody can foresee one by one, so many expected by each time."""

    def short(self, spare: int, new: Floats, weights: Floats, beside: NDArray[np.int64]) -> Floats:
        """P(no agent is left), for each number of new calls `beside` the one that asks.

        It asks at each time with the chance `weights`. `spare`: agents ready now, less people waiting. `new`: P(a new
        call has asked by each time).
        """

    def short_now(self, spare: int) -> float:
        """P(no agent is left) at the first time, without new calls."""

    def short_alone(self, spare: int) -> Floats:
        """The same at each time."""


class Exact:
    def __init__(self, times: int) -> None:
        self._function = np.ones((times, _HALF + 1), dtype=np.complex128)

    @staticmethod
    def holds(asked: float) -> bool:
        """Whether the lattice has room if so many are expected to ask: beyond it they would count as agents free."""
        return asked + _SURE * math.sqrt(asked) < _HALF

    def ask(self, counts: Floats, table: Table) -> None:
        self._function *= _product(counts, table)

    def free(self, counts: Floats, table: Table) -> None:
        self._function *= np.conj(_product(counts, table))

    def ask_at_rate(self, expected: Floats) -> None:
        self._function *= np.exp(expected[:, None] * (_ROOTS - 1.0))

    def short(self, spare: int, new: Floats, weights: Floats, beside: NDArray[np.int64]) -> Floats:
        """As Balance says; by what those who do find one are worth."""
        function = self._function * weights[:, None]
        if beside[-1]:
            sums = (function * _functions(new) ** beside[:, None, None]).sum(axis=1)
        else:
            sums = function.sum(axis=0)[None]
        lost, worth = (sums @ _kernels(spare)).real.T
        lost = np.maximum(lost, 0.0)
        chances: Floats = lost / (lost + np.maximum(worth, 1e-9))
        return chances

    def short_now(self, spare: int) -> float:
        return float((self._function[0] @ _kernels(spare)[:, 0]).real)

    def short_alone(self, spare: int) -> Floats:
        chances: Floats = (self._function @ _kernels(spare)[:, 0]).real
        return chances


class Normal:
    def __init__(self, times: int) -> None:
        self._mean = np.zeros(times)
        self._variance = np.zeros(times)

    def ask(self, counts: Floats, table: Table) -> None:
        self._mean += counts @ table.chances
        self._variance += counts @ table.variances

    def free(self, counts: Floats, table: Table) -> None:
        self._mean -= counts @ table.chances
        self._variance += counts @ table.variances

    def ask_at_rate(self, expected: Floats) -> None:
        self._mean += expected
        self._variance += expected

    def unsure(self, deviation: Floats) -> None:
        """Add what all calls have in common: the hit rate may be another."""
        self._variance += deviation * deviation

    def short(self, spare: int, new: Floats, weights: Floats, beside: NDArray[np.int64]) -> Floats:
        others = beside[:, None]
        mean = self._mean + others * new
        deviation = np.sqrt(self._variance + others * (new * (1.0 - new)) + 1e-9)
        chances: Floats = normal((mean - spare + 0.5) / deviation) @ weights
        return chances

    def short_now(self, spare: int) -> float:
        return float(self.short_alone(spare)[0])

    def short_alone(self, spare: int) -> Floats:
        return normal((self._mean - spare + 0.5) / np.sqrt(self._variance + 1e-9))


def _functions(chances: Floats) -> Complexes:
    functions: Complexes = 1.0 + chances[..., None] * (_ROOTS - 1.0)
    return functions


def _product(counts: Floats, table: Table) -> Complexes:
    """The function of the sum over all that are in the bins."""
    assert table.functions is not None
    rows = np.repeat(np.arange(len(counts)), counts.astype(np.int64))
    product: Complexes = table.functions[rows].prod(axis=0)
    return product


def _kernels(spare: int) -> Complexes:
    kernels: Complexes = _KERNELS[min(max(spare, -_HALF), _HALF) + _HALF]
    return kernels


def _all_kernels() -> Complexes:
    """By `spare` from -LATTICE / 2: what turns a characteristic function into P(short), and into the worth."""
    differences = np.arange(-_HALF, _HALF)
    back = np.exp(2j * np.pi * np.outer(differences, np.arange(_HALF + 1)) / LATTICE) / LATTICE
    # The other half of the frequencies is the mirror of this one.
    back[:, 1:-1] *= 2.0
    left = np.arange(-_HALF, _HALF + 1)[:, None] - differences
    worth = np.maximum(_WORTH ** np.maximum(left - 1, 0), _LEAST_WORTH)
    return np.stack([(left <= 0) @ back, np.where(left > 0, worth, 0.0) @ back], axis=-1)


_KERNELS = _all_kernels()
