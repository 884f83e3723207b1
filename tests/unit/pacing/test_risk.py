"""The chance of meeting nobody, against counting every possibility."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacing.algorithms.risk import Balance, Table

chance = st.floats(0, 1)


def counted(asks: list[float], frees: list[float], spare: int) -> float:
    """P(asked - freed >= spare), over all outcomes."""
    total = 0.0
    for ask in itertools.product([0, 1], repeat=len(asks)):
        for free in itertools.product([0, 1], repeat=len(frees)):
            if sum(ask) - sum(free) >= spare:
                chances = [p if hit else 1 - p for hit, p in zip(ask + free, asks + frees, strict=True)]
                total += float(np.prod(chances))
    return total


@settings(max_examples=40)
@given(st.lists(chance, max_size=5), st.lists(chance, max_size=4), st.integers(-3, 5), chance, st.integers(0, 3))
def test_small_teams_are_reckoned_exactly(
    asks: list[float], frees: list[float], spare: int, new: float, others: int
) -> None:
    balance = Balance(1, exact=True)
    balance.ask(np.ones(len(asks)), Table.of(np.array(asks).reshape(-1, 1), exact=True))
    balance.free(np.ones(len(frees)), Table.of(np.array(frees).reshape(-1, 1), exact=True))
    short = balance.short(spare, np.array([new]), np.arange(others + 1))
    assert short[others, 0] == pytest.approx(counted([*asks, *[new] * others], frees, spare), abs=1e-9)


def test_large_teams_are_reckoned_nearly_so() -> None:
    asks, frees = np.full((1, 1), 0.2), np.full((1, 1), 0.1)
    exact, large = Balance(1, exact=True), Balance(1, exact=False)
    for balance in (exact, large):
        balance.ask(np.array([40.0]), Table.of(asks, exact=True))
        balance.free(np.array([60.0]), Table.of(frees, exact=True))
    for spare in range(0, 12, 3):
        near = large.short(spare, np.array([0.2]), np.arange(3))
        assert near == pytest.approx(exact.short(spare, np.array([0.2]), np.arange(3)), abs=0.01)
