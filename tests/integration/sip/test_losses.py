"""Packets lost each way, a tenth and a third of them, and a far end that goes silent: benchmarks/losses.py, shorter."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.loss_count import GONE, WAYS, Outcome, lossy_calls, silent_call

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
#: RFC 3261's 32 s are 5.1 s, more than a machine stands still at a time.
T1 = 0.08
CALLS = 20
#: 64 s and 35 s of a real network by the same clock, the latter with a second more for a busy machine.
LOSSY_PATIENCE, SILENT_PATIENCE = 128 * T1, 70 * T1 + 1


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    async def all_of_them() -> list[Outcome]:
        tenth = [lossy_calls(way, CALLS, 10, T1, LOSSY_PATIENCE) for way in WAYS]
        third = [lossy_calls(way, CALLS, 30, T1, LOSSY_PATIENCE) for way in WAYS]
        gone = [silent_call(when, T1, SILENT_PATIENCE) for when in GONE]
        return await asyncio.gather(*tenth, *third, *gone)

    names = [*(f"10 {way}" for way in WAYS), *(f"30 {way}" for way in WAYS), *GONE]
    return dict(zip(names, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_with_a_tenth_lost_every_call_ends_with_the_right_code(outcomes: dict[str, Outcome], way: str) -> None:
    outcome = outcomes[f"10 {way}"]
    assert (dict(outcome.ends), outcome.left) == ({WAYS[way]: CALLS}, "")


@pytest.mark.parametrize("way", WAYS)
def test_with_a_third_lost_no_channel_is_stuck(outcomes: dict[str, Outcome], way: str) -> None:
    outcome = outcomes[f"30 {way}"]
    assert (outcome.ends.total(), outcome.left) == (CALLS, "")


@pytest.mark.parametrize("when", GONE)
def test_a_far_end_that_goes_silent_gives_the_channel_back(outcomes: dict[str, Outcome], when: str) -> None:
    assert (dict(outcomes[when].ends), outcomes[when].left) == ({GONE[when][2]: 1}, "")
