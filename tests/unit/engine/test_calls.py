from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.strategy import RunnerState
from channels.voice.base import NoAnswer
from channels.voice.memory import Ending, MemoryMediaServer
from common.clock import VirtualClock
from common.control import CallRequest, CallStatus
from engine import calls as calls_module
from engine.calls import Call, Calls
from engine.effects import ServerRow
from engine.links import MediaLink
from engine.outcomes import Running
from engine.routes import Port
from engine.store import FinishedAttempt, NewAttempt
from engine.tuning import Tuning
from tests.support.job_plans import NOW, PLAN


class Deaf(MemoryMediaServer):
    """Every answer to a request is lost, and nothing was placed."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self.asked = 0
        self.then = then

    async def place(self, request: CallRequest) -> CallStatus:
        self.asked += 1
        self.then()
        raise NoAnswer("lost")


class Bench:
    """One call about to be ordered from a media server."""

    def __init__(self, server: MemoryMediaServer, may_act: Callable[[], bool]) -> None:
        self.finished: list[FinishedAttempt] = []
        recorder: Any = type("Kept", (), {"finish": lambda _self, item: self.finished.append(item)})()
        unused: Any = None
        attempt = NewAttempt("a1", 1, 1, 1, 1, 1, 1, "voice", "call/voice", "+12", "+13", "o", NOW, "m", "boot-1")
        clock = VirtualClock()
        links: dict[str, MediaLink] = {}
        alive_since = lambda: 0.0 if may_act() else math.inf  # noqa: E731
        self.calls = Calls(unused, unused, recorder, clock, Tuning(), links, alive_since)
        row: Any = type("Row", (), {"name": "m"})()
        server_row: ServerRow = row
        self.link = MediaLink(server_row, server, clock, Tuning(), lambda *_: None, self.calls.resync, up=True)
        links["m"] = self.link
        self.call = Call(Running(attempt, PLAN, RunnerState.from_json({}), "phone1"))
        self.calls._follow(self.call)

    async def order(self) -> None:
        request: Any = type("Request", (), {"attempt_id": "a1", "boot_id": ""})()
        async with asyncio.timeout(30):
            await self.calls._order(self.call, self.link, request)

    @property
    def codes(self) -> list[str]:
        return [item.outcome.completion_code for item in self.finished]


@pytest.fixture(autouse=True)
def _ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "_ASK_AGAIN", 0.0)


def test_an_engine_whose_life_ran_out_asks_no_further_time_to_place_a_call() -> None:
    alive = [True]
    server = Deaf(lambda: alive.__setitem__(0, False))

    async def scenario() -> None:
        bench = Bench(server, lambda: alive[0])
        await bench.order()
        assert server.asked == 1
        assert bench.codes == []

    asyncio.run(scenario())


def test_an_engine_whose_life_ran_out_for_a_moment_places_nothing_that_it_had_begun_before() -> None:
    since = [0.0]
    server = Deaf(lambda: since.__setitem__(0, 1.0))

    async def scenario() -> None:
        bench = Bench(server, lambda: True)
        bench.calls._alive_since = lambda: since[0]
        await bench.order()
        assert server.asked == 1
        assert bench.codes == []

    asyncio.run(scenario())


def test_a_call_on_its_way_to_a_server_that_does_not_know_it_yet_is_not_taken_for_one_that_never_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def slow_look(*_: object) -> bool:
        for _turn in range(20):
            await asyncio.sleep(0)
        return False

    async def scenario() -> None:
        server = MemoryMediaServer(lambda _request: Ending(seconds=60))
        bench = Bench(server, lambda: True)
        attempt = bench.call.running.attempt
        request: Any = type("Request", (), {"attempt_id": attempt.id, "boot_id": ""})()
        monkeypatch.setattr(calls_module, "listed_by_now", slow_look)
        monkeypatch.setattr(bench.calls, "_request", lambda *_: request)
        work: Any = SimpleNamespace(plan=PLAN, state=bench.call.running.state, address=SimpleNamespace(name="phone1"))
        bench.calls.launch(work, attempt, Port("m", "boot-1", (), ()))
        await bench.calls.sweep()
        await bench.calls.resync(bench.link)
        for _turn in range(50):
            await asyncio.sleep(0)
        await bench.calls.sweep()
        for _turn in range(20):
            await asyncio.sleep(0)
        assert bench.codes == []
        assert server.invites == {attempt.id: 1}
        server.shut_down()

    asyncio.run(scenario())


def test_a_call_cancelled_while_its_answer_is_lost_is_asked_after_and_not_placed_again() -> None:
    async def scenario() -> None:
        bench = Bench(Deaf(lambda: setattr(bench.call, "unwanted", True)), lambda: True)
        await bench.order()
        assert bench.link.client.asked == 1
        assert bench.codes == ["NO_PORTS"]

    asyncio.run(scenario())


def test_a_cancelled_call_that_its_server_does_not_know_does_not_count_as_closed_and_never_leaves() -> None:
    async def scenario() -> None:
        server = MemoryMediaServer()
        bench = Bench(server, lambda: True)
        await bench.calls._cancel(bench.call, "IN_DNC_LIST")
        assert bench.call.running.closed_as == ""
        await bench.order()
        assert server.requests == []
        assert bench.codes == ["NO_PORTS"]

    asyncio.run(scenario())


def test_a_server_that_refuses_is_given_no_more_until_it_is_looked_at_again() -> None:
    async def scenario() -> None:
        server = MemoryMediaServer()
        bench = Bench(server, lambda: True)
        await bench.link.look()
        assert bench.link.free_ports > 0
        server.capacity = 0
        await bench.order()
        assert bench.codes == ["NO_PORTS"]
        assert bench.link.free_ports == 0
        server.capacity = 1
        await bench.link.look()
        assert bench.link.free_ports > 0

    asyncio.run(scenario())


def test_no_more_calls_are_sent_than_a_recovering_server_has_room_for() -> None:
    async def scenario() -> None:
        bench = Bench(MemoryMediaServer(), lambda: True)
        await bench.link.look()
        assert bench.link.info is not None
        bench.link.info = replace(bench.link.info, room=2)
        assert bench.link.free_ports == 2
        bench.link.calls.add("another")
        assert bench.link.free_ports == 1

    asyncio.run(scenario())
