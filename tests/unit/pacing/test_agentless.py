from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Refused
from pacing.agentless import CATCH_UP, Decision, Mode, Observation, Pacing, Trunk, decide

WIDE = Trunk(channels=10_000, calls_per_second=10_000)


def simulate(
    pacing: Pacing, trunk: Trunk, ticks: list[float], waiting: int = 10_000, length: float = 0.0
) -> list[float]:
    """Start times over the ticks, each call lasting `length` seconds."""
    starts: list[float] = []
    slot: float | None = None
    for now in ticks:
        busy = sum(1 for start in starts if start + length > now)
        seen = Observation(
            waiting=waiting - len(starts),
            in_progress=busy,
            free_ports=10_000,
            trunk=replace(trunk, in_progress=busy, recent_starts=tuple(start for start in starts if start > now - 1)),
            last_slot=slot,
        )
        decision = decide(pacing, seen, now)
        slot = decision.last_slot
        starts += [now] * decision.place
    return starts


def steady(seconds: float) -> list[float]:
    return [100 + n / 10 for n in range(int(seconds * 10))]


TICKS = st.lists(st.floats(0.001, 3.0), min_size=1, max_size=80).map(
    lambda gaps: [100 + sum(gaps[: n + 1]) for n in range(len(gaps))]
)


@given(TICKS, st.integers(1, 50), st.integers(1, 40), st.floats(0, 20))
def test_never_more_than_the_trunk_takes(ticks: list[float], cps: int, channels: int, length: float) -> None:
    starts = simulate(Pacing(), Trunk(channels, cps), ticks, length=length)
    for start in starts:
        assert sum(1 for other in starts if start - 1 < other <= start) <= cps
    for now in ticks:
        assert sum(1 for start in starts if start <= now < start + length) <= channels


@given(TICKS, st.integers(1, 300), st.sampled_from(["second", "minute", "hour"]))
def test_timed_pacing_never_runs_ahead_in_any_window(ticks: list[float], rate: int, per: str) -> None:
    pacing = Pacing.from_json({"mode": "timed", "rate": rate, "per": per})
    starts = simulate(pacing, WIDE, ticks)
    for index, start in enumerate(starts):
        for later in range(index, len(starts), 7):
            span = starts[later] - start
            assert later - index + 1 <= (span + CATCH_UP) / pacing.interval + 1 + 1e-6


@pytest.mark.parametrize(("rate", "per", "expected"), [(5, "second", 300), (60, "minute", 60), (360, "hour", 6)])
def test_timed_pacing_keeps_its_rate(rate: int, per: str, expected: int) -> None:
    starts = simulate(Pacing.from_json({"mode": "timed", "rate": rate, "per": per}), WIDE, steady(60))
    assert abs(len(starts) - expected) <= 1


def test_a_pause_is_not_made_up_for() -> None:
    pacing = Pacing.from_json({"mode": "timed", "rate": 100, "per": "second"})
    assert decide(pacing, Observation(500, 0, 500, WIDE, last_slot=10.0), 60.0).place <= 26


def test_without_pacing_the_trunk_is_used_to_the_full() -> None:
    assert len(simulate(Pacing(), Trunk(10_000, 20), steady(10))) >= 190


def test_ports_bound_the_calls_at_one_time() -> None:
    pacing = Pacing.from_json({"mode": "ports", "ports": 3})
    assert pacing.mode is Mode.PORTS
    assert decide(pacing, Observation(10, 1, 10, WIDE), 1.0).place == 2
    assert decide(pacing, Observation(10, 3, 10, WIDE), 1.0).place == 0
    assert decide(pacing, Observation(10, 9, 10, WIDE), 1.0).place == 0


def test_messages_need_neither_ports_nor_trunk() -> None:
    assert decide(Pacing(), Observation(waiting=7, in_progress=0), 1.0).place == 7
    assert decide(Pacing(Mode.PORTS, ports=1), Observation(waiting=7, in_progress=5), 1.0).place == 7


def test_nothing_starts_while_the_job_or_the_trunk_rests() -> None:
    assert decide(Pacing(), Observation(5, 0, 5, WIDE, running=False), 1.0) == Decision(0)
    assert decide(Pacing(), Observation(5, 0, 5, replace(WIDE, paused=True)), 1.0).place == 0
    assert decide(Pacing(), Observation(5, 0, 0, WIDE), 1.0).place == 0


@pytest.mark.parametrize(
    "body",
    [
        {"mode": "predictive"},
        {"mode": "timed", "rate": 0},
        {"mode": "timed", "rate": True},
        {"mode": "timed", "rate": 5, "per": "day"},
        {"mode": "ports"},
        {"mode": "ports", "ports": "3"},
    ],
)
def test_refuses_a_wrong_pacing(body: dict[str, object]) -> None:
    with pytest.raises(Refused, match="pacing"):
        Pacing.from_json(body)
