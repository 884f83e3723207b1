from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from common.clock import VirtualClock
from common.errors import RemoteError
from engine.jobs import TrunkUse, hopper_size, part
from engine.recorder import Recorder
from engine.store import FinishedAttempt, MemoryStore, Next, Outcome
from engine.tuning import Tuning
from pacing.agentless import Pacing
from tests.support.job_plans import NOW, PLAN


@given(st.integers(0, 1000), st.integers(1, 12))
def test_the_parts_of_a_limit_add_up_to_it(whole: int, sharers: int) -> None:
    parts = [part(whole, share, sharers) for share in range(sharers)]
    assert sum(parts) == whole
    assert max(parts) - min(parts) <= 1


def test_a_slow_job_holds_few_contacts() -> None:
    slow = replace(PLAN, pacing=Pacing.from_json({"mode": "timed", "rate": 5, "per": "hour"}))
    assert hopper_size(slow, Tuning()) == 2
    assert hopper_size(replace(PLAN, pacing=Pacing.from_json({"mode": "ports", "ports": 4})), Tuning()) == 22
    assert hopper_size(PLAN, Tuning()) == Tuning().hopper


def test_only_the_starts_of_the_last_second_count() -> None:
    use = TrunkUse()
    use.note(2, 10.0)
    use.note(1, 10.6)
    assert use.recent(10.9) == (10.0, 10.0, 10.6)
    assert use.recent(11.0) == (10.6,)


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


def test_the_recorder_writes_what_it_was_given_whatever_the_database_says() -> None:
    async def scenario() -> list[FinishedAttempt]:
        store = Moody()
        store.kept = []
        recorder = Recorder(store, VirtualClock(), 0.0)
        task = asyncio.create_task(recorder.run())
        for number, reason in enumerate(("", "\0", "")):
            outcome = Outcome("CALL_BUSY", NOW, reason=reason)
            recorder.finish(FinishedAttempt(f"a{number}", number, number, 1, outcome, Next(NOW, {})))
        async with asyncio.timeout(10):
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
            async with asyncio.timeout(10):
                await recorder.drained()
        task.cancel()
        return store.kept

    kept = asyncio.run(scenario())
    assert [item.outcome.completion_code for item in kept] == ["ANSWER_HUMAN"] * 3
    first, cut, last = (item.outcome.result or {} for item in kept)
    assert first == {"exit": {"a": 1}}
    assert set(cut) == {"cut_down"}
    assert last == {"exit": {"b": 2}}
