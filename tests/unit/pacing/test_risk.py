"""The chance of meeting nobody, against counting every possibility."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacing.algorithms.risk import Exact, Normal, Table

chance = st.floats(0, 1)
ONCE = np.ones(1)


def left(asks: list[float], frees: list[float], spare: int) -> dict[int, float]:
    """P(so many agents are left), over all outcomes."""
    chances: dict[int, float] = {}
    for outcome in itertools.product([0, 1], repeat=len(asks) + len(frees)):
        count = spare - sum(outcome[: len(asks)]) + sum(outcome[len(asks) :])
        each = [p if hit else 1 - p for hit, p in zip(outcome, asks + frees, strict=True)]
        chances[count] = chances.get(count, 0.0) + float(np.prod(each))
    return chances


def worth(agents: int) -> float:
    """What it is worth to find so many agents left."""
    return max(0.8 ** (agents - 1), 0.5) if agents > 0 else 0.0


@settings(max_examples=40)
@given(st.lists(chance, max_size=5), st.lists(chance, max_size=4), st.integers(-3, 5), chance, st.integers(0, 3))
def test_small_teams_are_reckoned_exactly(
    asks: list[float], frees: list[float], spare: int, new: float, others: int
) -> None:
    balance = Exact(1)
    balance.ask(np.ones(len(asks)), Table.of(np.array(asks).reshape(-1, 1), exact=True))
    balance.free(np.ones(len(frees)), Table.of(np.array(frees).reshape(-1, 1), exact=True))
    chances = left([*asks, *[new] * others], frees, spare)
    lost = sum(chance for agents, chance in chances.items() if agents <= 0)
    found = sum(chance * worth(agents) for agents, chance in chances.items())
    short = balance.short(spare, np.array([new]), ONCE, np.arange(others + 1))
    assert short[others] == pytest.approx(lost / (lost + found), abs=1e-6)
    now = sum(chance for agents, chance in left(asks, frees, spare).items() if agents <= 0)
    assert balance.short_now(spare) == pytest.approx(now, abs=1e-9)


def test_large_teams_are_reckoned_nearly_so() -> None:
    asks, frees = np.full((1, 1), 0.2), np.full((1, 1), 0.1)
    exact, large = Exact(1), Normal(1)
    for balance in (exact, large):
        balance.ask(np.array([40.0]), Table.of(asks, exact=True))
        balance.free(np.array([60.0]), Table.of(frees, exact=True))
    for spare in range(0, 12, 3):
        assert large.short_now(spare) == pytest.approx(exact.short_now(spare), abs=0.01)
        assert large.short(spare, np.array([0.2]), ONCE, np.arange(1))[0] == pytest.approx(large.short_now(spare))
