"""Agents' legs and customers on the switchboard: bridged, given back, let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from common.control import CallRequest, DialogResult, Disposition, RtpStats, Trunk
from common.conversation import Part, Supervision, Wish
from common.errors import Refused
from mediaserver import wire
from mediaserver.lines import base
from mediaserver.sounds.tones import zip_tone
from mediaserver.switch.bridges import Conflict
from tests.support.switchboard import MUSIC, Bench, FakeConversation

pytestmark = pytest.mark.asyncio


class Floor(Bench):
    """A switchboard with a customer `a1`; agents' legs are placed by name."""

    async def leg(self, name: str = "leg1", part: Part = Part.AGENT, joins: str = "") -> None:
        request = CallRequest(name, "201", "", Trunk("127.0.0.1"), part=part, joins=joins, max_duration=86_400)
        await self.board.place(request)

    async def up(self, name: str = "leg1", part: Part = Part.AGENT) -> None:
        await self.leg(name, part)
        self.line.say(base.Answered(name))

    def wants(self, kind: str = "bridge", timeout: float = 0.0, limit: float = 0.0) -> None:
        self.dialog(wire.Transfer("a1", 7, kind, "agent:sales", timeout, limit))

    def put(self, call: str = "leg1", **wish: Any) -> None:
        customer, member = self.board.roster.find("a1"), self.board.roster.find(call)
        assert customer is not None
        assert member is not None
        self.board.bridges.put(customer, member, Wish(**wish))

    async def bridged(self, kind: str = "bridge", **more: float) -> None:
        await self.up()
        await self.answered()
        self.wants(kind, **more)
        self.put()

    @property
    def room(self) -> FakeConversation:
        return self.line.conversations[-1]

    @property
    def outcomes(self) -> list[str]:
        return [told.outcome for told in self.pool.worker.told if isinstance(told, wire.Transferred)]

    def events(self) -> list[tuple[str, str, Any]]:
        lines = [orjson.loads(line) for line in self.board.events.after(0)[1]]
        return [(one["type"], one["attempt_id"], one["detail"]) for one in lines]


@pytest_asyncio.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    floor = Floor(tmp_path, max_calls=5)
    await floor.board.start()
    await floor.board.sounds.ready()
    yield floor
    await floor.board.close()


async def test_a_script_that_wants_an_agent_waits_with_music(floor: Floor) -> None:
    await floor.answered()
    floor.wants(timeout=20.0)

    assert ("agent_wanted", "a1", {"skill": "sales", "kind": "bridge", "timeout": 20.0}) in floor.events()
    assert floor.line.asked[-1] == ("play", 1 << 30, len(MUSIC), False)
    floor.line.say(base.Played("a1", 1 << 30, True, 100))
    assert floor.line.asked[-1] == ("play", (1 << 30) + 1, len(MUSIC), False)


async def test_the_agent_hears_a_zip_tone_and_both_are_in_one_room(floor: Floor) -> None:
    await floor.bridged()

    assert floor.line.asked[-2:] == [("stop_play", "a1"), ("play", (1 << 30) + 1, len(zip_tone()), False)]
    assert set(floor.room.inside) == {"a1", "leg1"}
    assert ("joined", "a1", {"call": "leg1", "part": "agent"}) in floor.events()


async def test_hold_mute_and_supervision_reach_the_room(floor: Floor) -> None:
    await floor.bridged()
    floor.line.say(base.Played("a1", 1 << 30, False, 0))
    await floor.up("boss", Part.SUPERVISOR)
    floor.put("boss", supervision=Supervision.WHISPER)
    floor.put("leg1", muted=True)
    floor.put("a1", held=True)

    inside = floor.room.inside
    assert (inside["boss"].supervision, inside["leg1"].muted) == (Supervision.WHISPER, True)
    assert inside["a1"].held
    assert floor.line.asked[-1][2] == len(MUSIC)
    members = floor.board.bridges.members("a1")
    assert [(one["call"], one["held"], one["supervision"]) for one in members] == [
        ("a1", True, None),
        ("leg1", False, None),
        ("boss", False, "whisper"),
    ]


async def test_the_customers_hang_up_leaves_the_leg_nailed_up(floor: Floor) -> None:
    await floor.bridged()
    floor.hung_up()

    assert ("hang_up", "leg1") not in floor.line.asked
    assert floor.status("leg1").state == "answered"
    assert ("left", "a1", {"call": "leg1", "part": "agent"}) in floor.events()
    assert floor.room.closed
    await floor.answered("a2", application="")
    customer, leg = floor.board.roster.find("a2"), floor.board.roster.find("leg1")
    assert customer is not None
    assert leg is not None
    floor.board.bridges.put(customer, leg, Wish())
    assert set(floor.room.inside) == {"a2", "leg1"}


async def test_a_lost_leg_gives_the_customer_what_the_script_says(floor: Floor) -> None:
    await floor.bridged()
    floor.hung_up("leg1")

    assert floor.outcomes == ["network_disconnect"]
    assert floor.status().state == "answered"
    assert floor.room.closed


async def test_an_agent_let_go_gives_the_customer_back(floor: Floor) -> None:
    await floor.bridged()
    floor.board.bridges.let_go("a1", "leg1")

    assert floor.outcomes == ["far_end_disconnect"]
    assert floor.status("leg1").state == "answered"


async def test_nobody_who_comes_in_time_is_no_answer(floor: Floor) -> None:
    await floor.answered()
    floor.wants(timeout=0.01)
    await asyncio.sleep(0.02)

    assert floor.outcomes == ["noanswer"]
    assert floor.events()[-1][:2] == ("agent_unwanted", "a1")


async def test_the_time_with_an_agent_can_run_out(floor: Floor) -> None:
    await floor.bridged(limit=0.01)
    await asyncio.sleep(0.02)

    assert floor.outcomes == ["maxtime_disconnect"]


async def test_after_a_consultation_the_script_is_over_and_a_lost_leg_ends_the_call(floor: Floor) -> None:
    await floor.bridged("consultation")
    assert floor.outcomes == ["connection.disconnect.transfer"]
    floor.dialog(wire.DialogOver("a1", "exit", {}, ""))
    assert ("hang_up", "a1") not in floor.line.asked
    floor.hung_up("leg1")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert floor.line.asked[-1] == ("hang_up", "a1")
    assert floor.status().dialog is DialogResult.COMPLETED


async def test_a_lost_dialog_does_not_part_who_talk(floor: Floor) -> None:
    await floor.bridged()
    floor.board.sessions.dialog_lost("a1", "killed")

    assert not floor.room.closed
    assert floor.board.bridges.hands_over(floor.board.roster.under_way()[1])


async def test_an_agent_is_called_for_a_customer_and_joins_at_the_answer(floor: Floor) -> None:
    await floor.answered()
    floor.wants()
    await floor.leg("leg2", joins="a1")
    floor.line.say(base.Answered("leg2"))

    assert set(floor.room.inside) == {"a1", "leg2"}


async def test_a_blind_transfer_that_fails_tells_the_script(floor: Floor) -> None:
    await floor.bridged()
    await floor.leg("out", Part.OTHER, joins="a1")
    floor.board.bridges.let_go("a1", "leg1")
    assert floor.outcomes == []
    floor.line.say(base.Failed("out", Disposition.REFUSED, 486, "Busy Here", True))

    assert floor.outcomes == ["busy"]


async def test_who_was_called_for_a_customer_who_is_gone_is_let_go(floor: Floor) -> None:
    await floor.bridged()
    await floor.leg("out", Part.OTHER, joins="a1")
    floor.hung_up()
    assert floor.line.asked[-1] == ("hang_up", "out")
    floor.line.say(base.Answered("out"))
    floor.line.say(base.HungUp("out", False, RtpStats()))
    assert floor.status("out").state == "ended"


async def test_what_cannot_be_joined_is_refused_with_the_reason(floor: Floor) -> None:
    await floor.up()
    await floor.answered()
    with pytest.raises(Conflict, match="asks for an agent"):
        floor.put()
    floor.wants()
    floor.put()
    await floor.answered("a2", application="")
    second, leg, first = (floor.board.roster.find(name) for name in ("a2", "leg1", "a1"))
    assert second is not None
    assert leg is not None
    assert first is not None
    with pytest.raises(Conflict, match="already"):
        floor.board.bridges.put(second, leg, Wish())
    with pytest.raises(Refused, match="customer"):
        floor.board.bridges.put(first, second, Wish())
    with pytest.raises(Conflict, match="waits for nobody"):
        await floor.leg("leg9", joins="unknown")


async def test_a_phone_that_is_gone_without_a_word_is_a_lost_leg(floor: Floor) -> None:
    await floor.bridged()
    floor.line.life = {"leg1": 100, "a1": 100}
    for now in (0.0, 3.0, 6.0, 9.0, 12.0):
        floor.line.life["a1"] += 150
        floor.board.bridges.watch(now)
    assert floor.outcomes == []
    floor.board.bridges.watch(12.5)

    assert floor.outcomes == ["network_disconnect"]
    assert floor.line.asked[-1] == ("hang_up", "leg1")
    floor.wants()
    with pytest.raises(Conflict, match="being ended"):
        floor.put()


async def test_a_customer_who_is_gone_without_a_word_leaves_the_agent(floor: Floor) -> None:
    await floor.bridged()
    floor.line.life = {"leg1": 100, "a1": 100}
    for now in (0.0, 30.0, 61.0):
        floor.line.life["leg1"] += 150
        floor.board.bridges.watch(now)

    assert ("left", "a1", {"call": "leg1", "part": "agent"}) in floor.events()
    assert floor.line.asked[-1] == ("hang_up", "a1")
    assert floor.status("leg1").state == "answered"


async def test_silence_of_one_that_holds_us_means_nothing(floor: Floor) -> None:
    await floor.bridged()
    for now in (0.0, 50.0, 100.0):
        floor.board.bridges.watch(now)
    assert floor.outcomes == []


async def test_draining_waits_for_customers_and_lets_legs_go(floor: Floor) -> None:
    await floor.up()
    drain = asyncio.create_task(floor.board.drain(30.0))
    for _ in range(5):
        await asyncio.sleep(0)
    assert floor.line.asked[-1] == ("hang_up", "leg1")
    floor.hung_up("leg1", by_far_end=False)
    await drain


@pytest.mark.parametrize(
    "wrong",
    [
        {"part": "boss"},
        {"to": "+15550101234", "music": 3},
        {"part": "agent", "application": "http://x/"},
        {"to": "+15550101234", "joins": "a1"},
        {"part": "agent", "to": "sip:a b@c"},
    ],
)
async def test_a_call_of_a_part_it_cannot_have_is_refused(wrong: dict[str, Any]) -> None:
    body = {"attempt_id": "x", "to": "201", "sender": "", "trunk": {"host": "h"}, **wrong}
    with pytest.raises(Refused, match=next(reversed(wrong))):
        CallRequest.from_json(body)
