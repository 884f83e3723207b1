from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import VirtualClock
from common.errors import RemoteError
from engine.jobs import JobRun, Plant, calls_now, claim_of, hopper_size, lanes_of, messages_now
from engine.plans import JobPlan, TrunkPlan
from engine.recorder import Recorder
from engine.shares import NOTHING, targets
from engine.store import FinishedAttempt, MemoryStore, Next, Outcome, Share
from engine.tuning import Tuning
from pacing.agentless import Pacing, Trunk
from pacing.hopper import Item
from tests.support.job_plans import NOW, PLAN

WIDE = replace(PLAN.trunk, max_channels=400, calls_per_second=100)


def _plant(plan: JobPlan, share: int, sharers: int, *, calls: int = 0, starts: tuple[float, ...] = ()) -> Plant:
    """With this engine's part of the trunk, as it aims at it."""
    trunk = plan.trunk
    whole = sum(targets([(trunk, trunk.id)], ["m"], share, sharers).values(), NOTHING)
    return Plant(calls, 500, 500, Trunk(whole.channels, whole.rate, calls, starts), share=share, sharers=sharers)


def test_a_slow_job_holds_few_contacts() -> None:
    slow = replace(PLAN, pacing=Pacing.from_json({"mode": "timed", "rate": 5, "per": "hour"}))
    assert hopper_size(slow, Tuning()) == 2
    assert hopper_size(replace(PLAN, pacing=Pacing.from_json({"mode": "ports", "ports": 4})), Tuning()) == 22
    assert hopper_size(replace(PLAN, trunk=replace(PLAN.trunk, calls_per_second=2)), Tuning()) == 50
    assert hopper_size(replace(PLAN, trunk=WIDE), Tuning()) == Tuning().hopper


def test_a_job_that_may_have_few_ports_holds_few_contacts_whatever_its_mode() -> None:
    few = replace(PLAN, trunk=WIDE, pacing=Pacing.from_json({"mode": "none", "maximum": 3}))
    assert hopper_size(few, Tuning()) == 19
    assert hopper_size(few, Tuning(), Share(0, 3)) == 13
    fewer = replace(few, pacing=Pacing.from_json({"mode": "ports", "ports": 20, "maximum": 3}))
    assert hopper_size(fewer, Tuning()) == 19


def _run(body: dict[str, Any], *, trunk: TrunkPlan = WIDE, waiting: int = 1000) -> JobRun:
    run: Any = JobRun.begin(replace(PLAN, pacing=Pacing.from_json(body), trunk=trunk), Tuning())
    run.hopper.put(Item(object(), voice, 1e9) for voice in (True, False) for _ in range(waiting))
    made: JobRun = run
    return made


def test_a_job_claims_the_ports_of_its_calls_and_of_what_it_may_start_next() -> None:
    share = Share()
    assert claim_of(_run({"mode": "none"}, trunk=WIDE), 7, share).wanted == 107
    assert claim_of(_run({"mode": "none"}, waiting=3), 7, share).wanted == 10
    assert claim_of(_run({"mode": "timed", "rate": 2}), 7, share).wanted == 10
    ports = claim_of(_run({"mode": "ports", "ports": 9, "weight": 2, "priority": 1, "reserved": 5}), 7, share)
    assert (ports.useful, ports.weight, ports.priority, ports.reserved) == (9, 2.0, 1, 5)
    most = claim_of(_run({"mode": "none", "minimum": 4, "maximum": 6}), 7, share)
    assert (most.minimum, most.most, most.trunks) == (4, 6, WIDE.id)


@pytest.mark.parametrize("maximum", [2, 9])
def test_what_is_kept_for_a_job_goes_to_the_engines_that_have_its_lanes(maximum: int) -> None:
    """Of 2 ports three engines cannot have a part each: one of them has the job, and all that is kept for it."""
    claims = []
    for index in range(3):
        run = _run({"mode": "none", "reserved": 2, "minimum": 2, "maximum": maximum})
        run.lanes = lanes_of(run.plan, Share(index, 3))
        claims.append((run.lanes, claim_of(run, 0, Share(index, 3))))
    assert sum(claim.reserved for _, claim in claims) == 2
    assert sum(claim.minimum for _, claim in claims) == 2
    assert all(lanes or not (claim.reserved or claim.minimum) for lanes, claim in claims)
    assert sum(claim.most or 0 for lanes, claim in claims if lanes) == maximum


def _starts(body: dict[str, Any], sharers: int, seconds: float, *, voice: bool) -> list[int]:
    """What so many engines start together, by tick; calls never end."""
    runs = [_run(body) for _ in range(sharers)]
    starts: list[list[float]] = [[] for _ in range(sharers)]
    placed = [0] * sharers
    totals = []
    for tick in range(int(seconds * 10)):
        now = 100.0 + tick / 10
        for share, run in enumerate(runs):
            recent = tuple(start for start in starts[share] if start > now - 1.0)
            plant = _plant(run.plan, share, sharers, calls=placed[share], starts=recent)
            decision = (calls_now if voice else messages_now)(run, plant, now)
            run.last_slot = decision.last_slot
            starts[share] += [now] * decision.place
            placed[share] += decision.place
        totals.append(sum(placed))
    return totals


@pytest.mark.parametrize("voice", [True, False])
@pytest.mark.parametrize("sharers", [2, 3])
@pytest.mark.parametrize("rate", [1, 2, 4])
def test_engines_together_keep_a_timed_jobs_rate(rate: int, sharers: int, voice: bool) -> None:
    body = {"mode": "timed", "rate": rate, "per": "second"}
    alone, together = (_starts(body, count, 12.0, voice=voice) for count in (1, sharers))
    # A slot may fall into the tick before or after by rounding, never more.
    assert all(shared <= single + 1 for shared, single in zip(together, alone, strict=True))
    assert together[-1] >= alone[-1] - sharers


def test_engines_together_keep_a_jobs_ports() -> None:
    for ports in (1, 2, 3, 5, 20):
        assert _starts({"mode": "ports", "ports": ports}, 3, 5.0, voice=True)[-1] == ports


@given(
    st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), st.integers(1, 50), st.integers(1, 50)
)
def test_every_lane_has_one_engine_that_may_start(
    channels: int, rate: int, ports: int, sharers: int, job_id: int, trunk_id: int
) -> None:
    trunk = replace(PLAN.trunk, id=trunk_id, max_channels=channels, calls_per_second=rate)
    run = _run({"mode": "ports", "ports": ports}, trunk=trunk, waiting=5)
    run.plan = replace(run.plan, job_id=job_id)
    served = []
    for share in range(sharers):
        lanes = lanes_of(run.plan, Share(share, sharers))
        place = calls_now(run, _plant(run.plan, share, sharers), 100.0).place
        assert bool(place) == (lanes is not None)
        served += [] if lanes is None else [lane for lane in range(64) if lane % lanes.count == lanes.index]
    assert sorted(served) == list(range(64))


class Moody(MemoryStore):
    """Fails first for a while, and for good with any reason it is given."""

    failures = 2
    kept: list[FinishedAttempt]

    def finish(self, finished: Sequence[FinishedAttempt], now: object) -> None:
        if self.failures:
            self.failures -= 1
            raise RemoteError("database: away")
        if any(item.outcome.reason for item in finished):
            raise RemoteError("database: unfit", permanent=True)
        self.kept.extend(finished)


def test_the_recorder_writes_what_it_was_given_whatever_the_database_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.recorder._RETRY", 0.01)

    async def scenario() -> list[FinishedAttempt]:
        store = Moody()
        store.kept = []
        recorder = Recorder(store, VirtualClock(), 0.0)
        task = asyncio.create_task(recorder.run())
        for number, reason in enumerate(("", "\0", "")):
            outcome = Outcome("CALL_BUSY", NOW, reason=reason)
            recorder.finish(FinishedAttempt(f"a{number}", number, number, 1, outcome, Next(NOW, {})))
        async with asyncio.timeout(30):
            await recorder.drained()
        task.cancel()
        return store.kept

    kept = asyncio.run(scenario())
    assert [item.attempt_id for item in kept] == ["a0", "a1", "a2"]
    assert kept[1].outcome.reason == ""


class Strict(MemoryStore):
    """As the SQL stores: a result that JSON cannot hold is refused by the serializer, not by the database."""

    kept: list[FinishedAttempt]

    def finish(self, finished: Sequence[FinishedAttempt], now: object) -> None:
        for item in finished:
            orjson.dumps(item.outcome.result)
        self.kept.extend(finished)


def test_a_result_nested_too_deep_cuts_down_its_own_row_only_and_the_recorder_lives_on() -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"exit": deep}

    async def scenario() -> list[FinishedAttempt]:
        store = Strict()
        store.kept = []
        recorder = Recorder(store, VirtualClock(), 0.0)
        task = asyncio.create_task(recorder.run())
        results: tuple[dict[str, Any], ...] = ({"exit": {"a": 1}}, deep, {"exit": {"b": 2}})
        for number, result in enumerate(results):
            outcome = Outcome("ANSWER_HUMAN", NOW, result=result)
            recorder.finish(FinishedAttempt(f"a{number}", number, number, 1, outcome, Next(NOW, {})))
            async with asyncio.timeout(30):
                await recorder.drained()
        task.cancel()
        return store.kept

    kept = asyncio.run(scenario())
    assert [item.outcome.completion_code for item in kept] == ["ANSWER_HUMAN"] * 3
    first, cut, last = (item.outcome.result or {} for item in kept)
    assert first == {"exit": {"a": 1}}
    assert set(cut) == {"cut_down"}
    assert last == {"exit": {"b": 2}}
