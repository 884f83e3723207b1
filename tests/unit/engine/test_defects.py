"""What nobody foresaw ends one attempt, with a code, and stands in no other's way."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from app.core.strategy import RunnerState
from channels.memory import MemoryChannel
from channels.voice.memory import MemoryMediaServer
from common import tasks
from common.clock import VirtualClock
from common.control import CallStatus, Disposition, Times
from common.errors import RemoteError
from engine import calls as calls_module
from engine import gate, leading, messenger, outcomes
from engine.bus import Hint, MemoryBus
from engine.calls import Call, Calls
from engine.gate import judge
from engine.leading import Leading
from engine.links import MediaLink
from engine.messenger import Messenger
from engine.outcomes import Running
from engine.placing import Placing
from engine.routes import Port
from engine.runner import EngineRunner
from engine.servers import Servers
from engine.store import Claimed, FinishedAttempt, NewAttempt, Next, Outcome
from engine.store.connections import Connections
from engine.tuning import Tuning
from pacing.agentless import Trunk
from tests.support.job_plans import NOW, PLAN

UNUSED: Any = None
ATTEMPT = NewAttempt("a1", 1, 1, 1, 1, 1, 1, "voice", "call/voice", "+12", "+13", "o", NOW, "m", "boot-1")
RUNNING = Running(ATTEMPT, PLAN, RunnerState.from_json({}), "phone1")
AWAY = OperationalError("SELECT", {}, Exception("the server is gone"))


@pytest.fixture(autouse=True)
def _begin_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_FIRST_WAIT", 0.0)
    monkeypatch.setattr(tasks, "_LONGEST_WAIT", 0.0)
    monkeypatch.setattr(leading, "_FREEZE_AGAIN", 0.0)


class Kept:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.finished: list[FinishedAttempt] = []

    def finish(self, item: FinishedAttempt) -> None:
        self.finished.append(item)

    @property
    def codes(self) -> list[str]:
        return [item.outcome.completion_code for item in self.finished]


class Voice:
    """Calls on one media server that is up."""

    def __init__(self, server: MemoryMediaServer | None = None) -> None:
        self.kept, self.clock, self.server = Kept(), VirtualClock(), server or MemoryMediaServer()
        self.links: dict[str, MediaLink] = {}
        recorder: Any = self.kept
        self.calls = Calls(UNUSED, UNUSED, recorder, self.clock, Tuning(), self.links, lambda: 0.0)
        row: Any = SimpleNamespace(name="m")
        self.link = MediaLink(row, self.server, self.clock, Tuning(), self.calls.hear, self.calls.resync, up=True)
        self.links["m"] = self.link

    def follow(self) -> Call:
        call = Call(RUNNING)
        self.calls._follow(call)
        return call

    async def launch(self) -> None:
        work: Any = SimpleNamespace(plan=PLAN, state=RUNNING.state, address=SimpleNamespace(name="phone1"))
        self.calls.launch(work, ATTEMPT, Port("m", "boot-1", (), ()))
        await self.calls.tasks.ended()


async def _passing(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


# --- contacts


def test_a_contact_that_cannot_be_judged_is_done_and_the_others_of_its_batch_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def judged(_plan: object, claimed: Claimed, *_: object) -> Next:
        if claimed.id == 2:
            raise KeyError("handler")
        return Next(NOW, {})

    monkeypatch.setattr(gate, "look_up", lambda *_, **__: None)
    monkeypatch.setattr(gate, "_judge_one", judged)
    claims = [Claimed(number, 1, 1, number, 0, {}) for number in (1, 2, 3)]
    verdict = judge(UNUSED, PLAN, claims, frozenset(), NOW)
    assert [(parked.job_contact_id, parked.next.final_code) for parked in verdict.parked] == [
        (1, ""),
        (2, "SYSTEM_ERROR"),
        (3, ""),
    ]


def test_a_strategy_that_cannot_go_on_ends_the_contact_by_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(outcomes, "step", broken)
    finished = outcomes.finish(RUNNING, Outcome("CALL_BUSY", NOW), NOW)
    assert finished.next.final_code == "CALL_BUSY"


# --- calls


def test_an_outcome_that_makes_no_sense_ends_the_call_as_unknown_instead_of_being_asked_for_again_and_again() -> None:
    async def scenario() -> None:
        voice = Voice()
        call = voice.follow()
        status = CallStatus("a1", "boot-1", "ended", Disposition.REFUSED, 486, times=Times(ended="yesterday"))
        voice.calls._hear_status(call, status)
        assert voice.kept.codes == ["OUTCOME_UNKNOWN"]
        assert len(voice.calls) == 0
        assert voice.link.calls == set()

    asyncio.run(scenario())


def test_a_call_that_its_media_server_calls_under_way_for_ever_ends_as_unknown() -> None:
    async def scenario() -> None:
        voice = Voice()
        voice.follow()
        voice.server.calls["a1"] = CallStatus("a1", "boot-1", "invited")
        voice.clock.advance(Tuning().max_call + 600)
        await voice.calls.sweep()
        await voice.calls.tasks.ended()
        assert voice.kept.codes == []
        voice.clock.advance(Tuning().max_attempt)
        await voice.calls.sweep()
        assert voice.kept.codes == ["OUTCOME_UNKNOWN"]

    asyncio.run(scenario())


def test_a_request_that_cannot_be_made_ends_its_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("values")

    async def scenario() -> None:
        voice = Voice()
        monkeypatch.setattr(voice.calls, "_request", broken)
        await voice.launch()
        assert voice.kept.codes == ["SYSTEM_ERROR"]
        assert voice.server.requests == []

    asyncio.run(scenario())


def test_a_call_does_not_leave_while_the_database_is_away_for_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> bool:
        raise AWAY

    async def scenario() -> None:
        voice = Voice()
        monkeypatch.setattr(voice.calls, "_request", lambda *_: None)
        monkeypatch.setattr(calls_module, "listed_by_now", away)
        await voice.launch()
        assert voice.kept.codes == ["NO_PORTS"]
        assert voice.server.requests == []

    asyncio.run(scenario())


def test_a_link_whose_event_nobody_can_take_goes_on_with_the_next() -> None:
    async def scenario() -> None:
        voice = Voice()
        heard: list[int] = []

        def hear(_link: MediaLink, event: Any) -> None:
            heard.append(event.seq)
            if event.seq == 1:
                raise AttributeError("a defect")

        servers = Servers(UNUSED, lambda _url: voice.server, voice.clock, Tuning(server_poll=0.0), "")
        servers.attend(hear, voice.calls.resync)
        row: Any = SimpleNamespace(name="m", url="")
        servers._open(row)
        while not servers.links["m"].up:
            await asyncio.sleep(0)
        status = CallStatus("a1", "boot-1", "ended", Disposition.REFUSED, 486)
        for kind in calls_module.EventType.INVITED, calls_module.EventType.RINGING:
            voice.server._tell(kind, status)
        while len(heard) < 2:
            await asyncio.sleep(0)
        assert heard == [1, 2]
        await servers.close()

    asyncio.run(asyncio.wait_for(scenario(), 30))


# --- messages


@pytest.mark.parametrize("broken", ["last look", "what was sent"])
def test_a_message_on_whose_way_something_fails_ends_as_unknown_and_gives_its_place_back(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> Any:
        raise KeyError("a defect")

    async def listed(*_: object) -> bool:
        return bool(defect()) if broken == "last look" else False

    async def scenario() -> None:
        kept, channel = Kept(), MemoryChannel("sms")
        recorder: Any = kept
        sender = Messenger(UNUSED, {"sms": channel}, UNUSED, recorder, VirtualClock(), Tuning(), lambda: 0.0)
        free = sender.free
        message: Any = SimpleNamespace(attempt_id="a1", to="+12", status_url="")
        monkeypatch.setattr(messenger, "listed_by_now", listed)
        if broken == "what was sent":
            monkeypatch.setattr(outcomes, "of_message", defect)
        work: Any = SimpleNamespace(plan=PLAN, state=RUNNING.state, address=SimpleNamespace(name="phone1"))
        sender.send(work, replace(ATTEMPT, channel="sms"), message)
        assert sender.free == free - 1
        await sender.tasks.ended()
        await _passing()
        assert kept.codes == ["OUTCOME_UNKNOWN"]
        assert not sender.holds("a1")
        assert sender.free == free

    asyncio.run(scenario())


def test_a_message_that_waited_while_the_engines_life_ran_out_does_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    async def listed(*_: object) -> bool:
        return False

    async def scenario() -> None:
        kept, channel = Kept(), MemoryChannel("sms")
        recorder: Any = kept
        sender = Messenger(UNUSED, {"sms": channel}, UNUSED, recorder, VirtualClock(), Tuning(), lambda: 1.0)
        monkeypatch.setattr(messenger, "listed_by_now", listed)
        message: Any = SimpleNamespace(attempt_id="a1", to="+12", status_url="")
        work: Any = SimpleNamespace(plan=PLAN, state=RUNNING.state, address=SimpleNamespace(name="phone1"))
        sender.send(work, replace(ATTEMPT, channel="sms"), message)
        await sender.tasks.ended()
        assert channel.sent == []
        assert kept.codes == ["NO_PORTS"]

    asyncio.run(scenario())


# --- loops


def test_a_hint_that_one_listener_cannot_read_reaches_the_others() -> None:
    heard: list[str] = []

    def broken(_hint: Hint) -> None:
        raise KeyError("attempt_id")

    bus = MemoryBus()
    bus.subscribe(["receipt"], broken)
    bus.subscribe(["receipt"], lambda hint: heard.append(hint.topic))
    asyncio.run(bus.publish(Hint("receipt", {})))
    assert heard == ["receipt"]


def test_a_loop_of_the_engine_outlives_a_defect() -> None:
    worked: list[int] = []

    async def work() -> None:
        worked.append(1)
        if len(worked) < 3:
            raise AttributeError("a defect")

    async def scenario() -> None:
        loop = EngineRunner._every(UNUSED, 0.0, work)
        while len(worked) < 4:
            await asyncio.sleep(0)
        assert not loop.done()
        loop.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 30))


@pytest.mark.parametrize("error", [KeyError("filter"), AWAY])
def test_an_audience_that_cannot_be_frozen_is_tried_again(error: Exception) -> None:
    tries: list[int] = []

    class Director:
        def direct(self, _lease: object) -> list[int]:
            return [1]

        def fail(self, *_: object) -> None:
            """Nothing to say."""

        def freeze(self, *_: object) -> None:
            tries.append(1)
            raise error

    async def scenario() -> None:
        director: Any = Director()
        chair = Leading(UNUSED, UNUSED, director, VirtualClock(), Tuning(), "o", UNUSED)
        lease: Any = SimpleNamespace()
        chair._lease, chair._renew_at, chair._clean_at = lease, 1e9, 1e9
        while len(tries) < 2:
            await chair.step()
        await asyncio.gather(*chair._freezing.values())

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_job_whose_pacing_fails_rests_and_the_others_start_their_calls() -> None:
    asked: list[int] = []

    def limits(group: Any, *_: object) -> Trunk:
        asked.append(group[0].id)
        if group[0].id == 1:
            raise ZeroDivisionError
        return Trunk(0, 0, 0, ())

    def fakes(**made: Callable[..., Any]) -> Any:
        return SimpleNamespace(**made)

    async def scenario() -> None:
        clock = VirtualClock()
        calls = fakes(of_job=lambda _job: 0)
        servers = fakes(free_ports=lambda: 10, with_room=list)
        routes = fakes(limits=limits, use=lambda _group: None, choose=lambda *_: [], launched=lambda _ports: None)
        talk: Any = SimpleNamespace(free=10)
        placing = Placing(UNUSED, UNUSED, calls, talk, servers, routes, clock, Tuning(), "o")
        second = replace(PLAN, job_id=2, trunk=replace(PLAN.trunk, id=2))
        await placing.follow({1: PLAN, 2: second})
        for run in placing._runs.values():
            run.refilling = True
        placing.tick()
        assert 2 in asked
        before = asked.count(1)
        placing.tick()
        assert asked.count(1) == before
        assert asked.count(2) > 1
        clock.advance(10)
        placing.tick()
        assert asked.count(1) > before

    asyncio.run(scenario())


def test_a_database_that_cannot_be_reached_is_told_as_one_that_may_come_back() -> None:
    def refused() -> Any:
        raise sqlite3.OperationalError("unable to open database file")

    connections = Connections(create_engine("sqlite://", creator=refused))
    with pytest.raises(RemoteError) as caught, connections.statement():
        raise AssertionError
    assert not caught.value.permanent
