"""The Line contract: one suite over every line driver, against the simulated carrier's own user agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from common.control import Disposition, Trunk
from mediaserver.lines.asterisk import AsteriskLine
from mediaserver.lines.asterisk_access import AriAccess
from mediaserver.lines.base import (
    Answered,
    Capability,
    Failed,
    Heard,
    HungUp,
    Key,
    Ladder,
    Line,
    LineEvent,
    Place,
    Played,
    Ringing,
    Unsupported,
)
from mediaserver.lines.native import NativeLine
from mediaserver.lines.pyvoip import PyVoipLine
from mediaserver.switch.sip.endpoint import SipConfig
from simulators.carrier.agent import Carrier, CarrierSettings
from tests.support.asterisk import ABSENT, PASSWORD, USER, asterisk, asterisk_root
from tests.support.garbage import garbage

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
#: Spoken for a second, so that the simulated customer hears a prompt.
PROMPT = bytes((0x20, 0xA0)) * 4000


def native() -> Line:
    return NativeLine(SipConfig("127.0.0.1", 0), None, "127.0.0.1")


def pyvoip() -> Line:
    return PyVoipLine("127.0.0.1")


@pytest.fixture(scope="module")
def ari(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AriAccess]:
    if asterisk_root() is None:
        pytest.skip(ABSENT)
    with asterisk(tmp_path_factory.mktemp("asterisk")) as server:
        yield AriAccess(server.url, USER, PASSWORD)


class Bench:
    """One line, one carrier, and what the line reported."""

    def __init__(self, line: Line, carrier: Carrier) -> None:
        self.line, self.carrier = line, carrier
        self.events: list[LineEvent] = []
        self._news = asyncio.Event()

    def hear(self, event: LineEvent) -> None:
        self.events.append(event)
        self._news.set()

    def place(self, suffix: str, ring_timeout: float = 20.0, call: str = "c1") -> None:
        trunk = Trunk("127.0.0.1", self.carrier.port, username="clarion", password="clarion")
        self.line.place(Place(call, f"+155501010{suffix}", "+15550100000", "", trunk, ring_timeout))

    async def until(self, kind: type[Any], count: int = 1, seconds: float = 60.0) -> Any:
        """The first event of its kind, once there are `count`."""
        async with asyncio.timeout(seconds):
            while True:
                found = self.of(kind)
                if len(found) >= count:
                    return found[0]
                self._news.clear()
                await self._news.wait()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest_asyncio.fixture(params=["native", "pyvoip", "asterisk"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    line: Line
    match request.param:
        case "native":
            line = native()
        case "pyvoip":
            line = pyvoip()
        case _:
            line = AsteriskLine(request.getfixturevalue("ari"), "127.0.0.1")
    async with Carrier(CarrierSettings(port=0)) as carrier:
        bench = Bench(line, carrier)
        await bench.line.start(bench.hear)
        yield bench
        await bench.line.close()


async def test_the_far_end_sees_what_the_trunk_dials_for_the_number(bench: Bench) -> None:
    trunk = Trunk("127.0.0.1", bench.carrier.port, username="clarion", password="clarion", name="t")
    dialled = {"t": "*6715550101034", "other": "1"}
    bench.line.place(Place("c1", "+15550101034", "+15550100000", "", trunk, 20.0, dialled=dialled))
    async with asyncio.timeout(60):
        while not bench.carrier.rings:
            await asyncio.sleep(0.05)
    assert list(bench.carrier.rings) == ["*6715550101034"]


async def test_a_call_is_answered_talks_hears_keys_and_ends(bench: Bench) -> None:
    bench.place("34")
    await bench.until(Answered)
    bench.line.play("c1", 5, (PROMPT, PROMPT[:80]), True)
    assert (await bench.until(Key)) == Key("c1", "1")
    played = await bench.until(Played)
    assert (played.play, played.completed) == (5, True)
    assert 1000 <= played.heard_ms <= 1040
    bench.line.hang_up("c1")
    ended = await bench.until(HungUp)
    assert not ended.by_far_end
    assert ended.rtp.sent > 50
    assert ended.rtp.received > 20
    assert len(bench.of(Key)) == 1
    assert bench.of(Ladder)


async def test_every_key_is_heard_once_and_in_order(bench: Bench) -> None:
    bench.place("35")
    await bench.until(Answered)
    bench.line.play("c1", 1, (PROMPT,), False)
    await bench.until(Key, count=12)
    assert "".join(key.key for key in bench.of(Key))[:12] in ("1234567890*#", "0123456789*#")


async def test_a_key_cuts_a_prompt_that_may_be_barged_into(bench: Bench) -> None:
    bench.place("36")
    await bench.until(Answered)
    bench.line.play("c1", 2, (PROMPT * 20,), True)
    played = await bench.until(Played)
    assert not played.completed
    assert played.heard_ms < 15_000
    assert bench.of(Key)


@pytest.mark.parametrize(
    ("suffix", "status"), [("01", 486), ("04", 404), ("05", 480), ("06", 503), ("03", 603), ("27", 608)]
)
async def test_a_final_code_is_reported_and_the_call_is_over(bench: Bench, suffix: str, status: int) -> None:
    bench.place(suffix)
    failed = await bench.until(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.REFUSED, status)
    assert not bench.of(Answered)


async def test_early_media_is_ringing_and_then_answered(bench: Bench) -> None:
    bench.place("12")
    assert (await bench.until(Ringing)).sip_status == 183
    await bench.until(Answered)


async def test_an_answer_without_ringing_is_an_answer(bench: Bench) -> None:
    bench.place("10")
    await bench.until(Answered)
    assert not bench.of(Ringing)


async def test_the_ring_timer_cancels(bench: Bench) -> None:
    if Capability.CANCEL not in bench.line.capabilities:
        pytest.skip("this line cannot cancel")
    bench.place("02", ring_timeout=0.5)
    failed = await bench.until(Failed)
    assert (failed.disposition, failed.provisional) == (Disposition.RING_TIMEOUT, True)


async def test_hanging_up_while_it_rings_cancels(bench: Bench) -> None:
    bench.place("02")
    await bench.until(Ringing)
    bench.line.hang_up("c1")
    assert (await bench.until(Failed)).disposition is Disposition.CANCELLED


async def test_the_far_end_hangs_up(bench: Bench) -> None:
    bench.place("13")
    assert (await bench.until(HungUp)).by_far_end


async def test_stopping_a_prompt_ends_it_incomplete(bench: Bench) -> None:
    bench.place("10")
    await bench.until(Answered)
    bench.line.play("c1", 9, (PROMPT,) * 20, False)
    await asyncio.sleep(0.2)
    bench.line.stop_play("c1")
    played = await bench.until(Played)
    assert (played.play, played.completed) == (9, False)


async def test_every_call_ends_with_exactly_one_last_event(bench: Bench) -> None:
    for number, suffix in enumerate(("01", "10", "02", "13")):
        bench.place(suffix, call=f"m{number}")
    await asyncio.sleep(1.5)
    await bench.line.close()
    ends = [event.call for event in bench.events if isinstance(event, Failed | HungUp)]
    assert sorted(ends) == ["m0", "m1", "m2", "m3"]


async def test_the_right_credentials_pass_a_challenge(bench: Bench) -> None:
    bench.place("24")
    await bench.until(Answered)


async def test_a_call_that_is_over_leaves_nothing_to_the_garbage_collector(bench: Bench) -> None:
    with garbage("mediaserver") as left:
        bench.place("10")
        await bench.until(Answered)
        bench.line.hang_up("c1")
        await bench.until(HungUp)
        await asyncio.sleep(0.05)
    assert left == []


async def test_the_far_end_is_heard_by_who_listens(bench: Bench) -> None:
    bench.place("37")
    await bench.until(Answered)
    bench.line.listen("c1", True)
    heard = await bench.until(Heard, count=100)
    assert len(heard.audio) == 160
    assert any(set(event.audio) - {0x7F, 0xFF} for event in bench.of(Heard))


async def test_what_a_line_cannot_do_is_unsupported_and_the_rest_works(bench: Bench) -> None:
    bench.place("10")
    await bench.until(Answered)
    asked: dict[Capability, Callable[[], object]] = {
        Capability.SEND_KEYS: lambda: bench.line.send_keys("c1", "1"),
        Capability.TRANSFER: lambda: bench.line.transfer("c1", "sip:+15550101010@127.0.0.1"),
        Capability.CONVERSATION: lambda: bench.line.conversation().close(),
        Capability.RECORD: lambda: bench.line.tap("c1", True),
        Capability.INCOMING: lambda: bench.line.answer("nobody"),
    }
    refused = set()
    for capability, ask in asked.items():
        try:
            ask()
        except Unsupported:
            refused.add(capability)
    assert refused == set(asked) - bench.line.capabilities
