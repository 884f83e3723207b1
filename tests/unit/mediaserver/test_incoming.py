"""Calls to us on the switchboard: agents' phones become legs, test numbers run scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from common.conversation import Part
from common.errors import Refused
from mediaserver import wire
from mediaserver.lines import base
from tests.support.switchboard import Bench

pytestmark = pytest.mark.asyncio
LISTS = {
    "phones": [{"user": "201", "password": "secret"}],
    "numbers": [{"number": "+15550199", "application": "http://x/", "sources": ["127.0.0.1"], "values": {"a": 1}}],
}
PHONE = base.Incoming("in-1", "agent", "201", "sip:201@192.0.2.7:5062")
TESTER = base.Incoming("in-2", "+15550199", "", "sip:+15550123@127.0.0.1")


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    await bench.board.start()
    bench.board.incoming.configure(LISTS)
    yield bench
    await bench.board.close()


async def test_an_agents_phone_becomes_a_leg(bench: Bench) -> None:
    bench.line.say(PHONE)
    assert bench.line.asked == [("answer", "in-1")]
    bench.line.say(base.Answered("in-1"))

    call = bench.board.roster.find("in-1")
    assert call is not None
    assert (call.request.part, call.request.to) == (Part.AGENT, "sip:201@192.0.2.7")
    told = [orjson.loads(line) for line in bench.board.events.after(0)[1]]
    assert [one["type"] for one in told] == ["incoming", "answered"]
    assert told[0]["detail"] == {"part": "agent", "number": "agent", "user": "201"}


async def test_a_test_number_runs_its_script_with_the_caller_as_the_far_end(bench: Bench) -> None:
    bench.line.say(TESTER)
    bench.line.say(base.Answered("in-2"))

    (start,) = [one for one in bench.pool.worker.told if isinstance(one, wire.StartDialog)]
    assert (start.application, start.remote, start.local) == ("http://x/", "+15550123", "+15550199")
    assert start.values == {"a": 1}
    assert wire.CallAnswered("in-2") in bench.pool.worker.told


@pytest.mark.parametrize("sender", ["sip:anonymous@anonymous.invalid", "nonsense", "sip:a%20b@127.0.0.1"])
async def test_whoever_calls_a_test_number_has_a_name_that_scripts_can_read(bench: Bench, sender: str) -> None:
    bench.line.say(base.Incoming("in-3", "+15550199", "", sender))
    assert bench.line.asked == [("answer", "in-3")]


async def test_without_room_a_call_is_refused_as_busy_for_now(bench: Bench) -> None:
    bench.board.admission.draining = True
    bench.line.say(PHONE)
    assert bench.line.asked == [("refuse", "in-1", 503)]


async def test_a_number_that_has_just_been_taken_off_is_not_found(bench: Bench) -> None:
    bench.board.incoming.configure({})
    bench.line.say(TESTER)
    assert bench.line.asked == [("refuse", "in-2", 404)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"agents": []}, "agents"),
        ({"algorithms": ["SHA-1"]}, "algorithms"),
        ({"phones": {}}, "phones"),
        ({"phones": [{"user": "201"}]}, r"phones\.password"),
        ({"phones": [{"user": "a b", "password": "x"}]}, r"phones\.user"),
        ({"phones": [{"name": "x"}]}, r"phones\.name"),
        ({"numbers": [{"number": "+1555"}]}, r"numbers\.application"),
        ({"numbers": [{"number": "agent", "application": "http://x/"}]}, r"numbers\.number"),
        ({"numbers": [{"number": "1", "application": "http://x/", "sources": "all"}]}, r"numbers\.sources"),
    ],
)
async def test_lists_that_are_wrong_are_refused_by_their_field(bench: Bench, body: Any, field: str) -> None:
    with pytest.raises(Refused, match=field):
        bench.board.incoming.configure(body)
