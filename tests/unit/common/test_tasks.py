from __future__ import annotations

import asyncio
import threading
from functools import partial
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from common import tasks
from common.tasks import Tasks, each_in_turn, failures, keep_going, keep_running, tell_failures


@pytest.fixture(autouse=True)
def _begin_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_FIRST_WAIT", 0.0)
    monkeypatch.setattr(tasks, "_LONGEST_WAIT", 0.0)


async def _fails() -> None:
    raise KeyError("nobody foresaw it")


def test_what_comes_out_of_work_that_nobody_waits_for_is_logged_counted_and_forgotten() -> None:
    async def scenario() -> None:
        running = Tasks()
        before = failures["_fails"]
        running.start(_fails())
        assert len(running) == 1
        with capture_logs() as logged:
            await running.ended()
            await asyncio.sleep(0)
        assert [(line["work"], line["error"]) for line in logged] == [("_fails", "KeyError('nobody foresaw it')")]
        assert failures["_fails"] == before + 1
        assert len(running) == 0

    asyncio.run(scenario())


def test_who_wants_to_know_of_a_failure_is_told_in_place_of_the_log_and_not_of_a_cancelling() -> None:
    async def scenario() -> None:
        running, told = Tasks(), list[Exception]()
        running.start(_fails(), told.append)
        running.start(asyncio.sleep(3600), told.append)
        await asyncio.sleep(0)
        with capture_logs() as logged:
            await running.cancel()
            await asyncio.sleep(0)
        assert [type(error) for error in told] == [KeyError]
        assert logged == []

    asyncio.run(scenario())


def test_a_loop_that_fails_is_begun_again_until_it_ends_by_itself() -> None:
    left = [3]

    async def loop() -> None:
        left[0] -= 1
        if left[0]:
            raise RuntimeError("a defect")

    async def scenario() -> None:
        async with asyncio.timeout(30):
            await keep_going("loop", loop)

    before = failures["loop"]
    asyncio.run(scenario())
    assert left == [0]
    assert failures["loop"] == before + 2


def test_a_thread_whose_work_fails_goes_on_with_it_until_it_is_told_to_stop() -> None:
    stopping, begun = threading.Event(), [0]

    def work() -> None:
        begun[0] += 1
        if begun[0] == 3:
            stopping.set()
        raise RuntimeError("a defect")

    keep_running("work", work, stopping)
    assert begun == [3]


def test_the_waits_between_two_tries_double_and_begin_anew_after_steady_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_FIRST_WAIT", 0.5)
    monkeypatch.setattr(tasks, "_LONGEST_WAIT", 3.0)
    now = [0.0]
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: now[0]))
    waits = tasks._Waits()
    assert [waits.following() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    now[0] += 100.0
    assert waits.following() == 0.5


def test_what_fails_keeps_nothing_else_from_its_turn_and_is_told_when_all_have_had_theirs() -> None:
    done: list[int] = []

    def step(number: int) -> int:
        done.append(number)
        if number == 2:
            raise KeyError("a defect")
        if number == 4:
            raise ConnectionError("away")
        return 1

    with pytest.raises(KeyError):
        each_in_turn([partial(step, number) for number in (1, 2, 3)], ConnectionError)
    assert done == [1, 2, 3]
    assert each_in_turn([partial(step, number) for number in (1, 3)], ConnectionError) == 2
    done.clear()
    with pytest.raises(ConnectionError):
        each_in_turn([partial(step, number) for number in (1, 4, 3)], ConnectionError)
    assert done == [1, 4]


def test_what_comes_out_of_a_callback_of_the_loop_is_told_as_well() -> None:
    def callback() -> None:
        raise KeyError("a defect")

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        tell_failures(loop)
        with capture_logs() as logged:
            loop.call_soon(callback)
            await asyncio.sleep(0)
            loop.call_exception_handler({"message": "no exception"})
        assert [line["event"] for line in logged] == ["task_failed", "event_loop"]

    before = failures["event loop"]
    asyncio.run(scenario())
    assert failures["event loop"] == before + 1
