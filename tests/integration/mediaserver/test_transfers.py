"""Transfers in real calls: SIP and RTP both ways, between two of the simulated carrier's customers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.population import load_population
from tests.support.media_server import FORM, Bench, Pages, media_server

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
#: Each talks and waits for the other's voice: only audio both ways gets the destination (92) to hang up.
PEOPLE = {
    "91": {"script": "talk say:1", "patience": 30},
    "92": {"script": "wait:0.3 say:0.6 talk hangup", "patience": 30},
    "93": {"script": "talk say:0.5 wait:0.5 hangup", "patience": 30},
    "94": {"script": "wait:0.3 say:30", "patience": 60},
}
TRANSFER = FORM.format(
    '<transfer name="to" type="{kind}" dest="tel:+155501010{suffix}" {more}>{grammar}'
    '<catch event="connection.disconnect.transfer error"><var name="to" expr="_event"/>'
    '<exit namelist="to"/></catch>'
    '<filled><var name="seconds" expr="to$.duration"/><exit namelist="to seconds"/></filled></transfer>'
)


def page(kind: str, suffix: str, more: str = "", grammar: str = "") -> str:
    return TRANSFER.format(kind=kind, suffix=suffix, more=more, grammar=grammar)


KEY = (
    '<grammar mode="dtmf" version="1.0" root="r" xmlns="http://www.w3.org/2001/06/grammar">'
    '<rule id="r">9</rule></grammar>'
)
PAGES = {
    "bridge": page("bridge", "92"),
    "busy": page("bridge", "01"),
    "short": page("bridge", "94", 'maxtime="1s"'),
    "ended": page("bridge", "94", grammar=KEY),
    "consult": page("consultation", "93"),
    "blind": page("blind", "92"),
    "elsewhere": page("bridge", "92").replace("+155501010", "+1900555"),
}


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    people = tmp_path / "people.json"
    people.write_text(json.dumps({"suffixes": {**PEOPLE, "95": {"script": "talk keys:9", "patience": 30}}}))
    pages = Pages(PAGES)
    await pages.start()
    carrier = Carrier(CarrierSettings(port=0), load_population(people))
    async with carrier, media_server(tmp_path, carrier, pages) as bench:
        yield bench
    await pages.stop()


async def transfer(bench: Bench, name: str, suffix: str = "91") -> dict[str, Any]:
    trunk = {"host": "127.0.0.1", "port": bench.carrier.port, "transfers": ["+1555"]}
    await bench.place("a1", suffix, name, trunk=trunk)
    status = await bench.ended("a1")
    assert bench.board.lines["native"].pump.streams == 0
    return status


async def test_a_bridge_carries_both_voices_and_ends_with_the_destination(bench: Bench) -> None:
    status = await transfer(bench, "bridge")

    assert (status["exit"]["to"], status["dialog"]) == ("far_end_disconnect", "completed")
    assert status["exit"]["seconds"] > 0.5
    assert any(line["text"].startswith("transfer: <- 200") for line in status["trace"])


async def test_a_busy_destination_leaves_the_caller_with_the_script(bench: Bench) -> None:
    assert (await transfer(bench, "busy"))["exit"]["to"] == "busy"


async def test_the_time_of_a_bridge_can_run_out(bench: Bench) -> None:
    status = await transfer(bench, "short")

    assert status["exit"]["to"] == "maxtime_disconnect"
    assert status["exit"]["seconds"] > 0.9


async def test_the_caller_can_come_back_by_a_key(bench: Bench) -> None:
    assert (await transfer(bench, "ended", "95"))["exit"]["to"] == "near_end_disconnect"


async def test_after_a_consultation_the_two_talk_on_without_the_script(bench: Bench) -> None:
    status = await transfer(bench, "consult", "91")

    assert status["exit"]["to"] == "connection.disconnect.transfer"
    # The script was over at the answer; the call lasted until the destination had heard the caller and hung up.
    over = next(line["at"] for line in status["trace"] if line["text"].startswith("transfer: connection.disconnect"))
    assert status["times"]["ended"] > over


async def test_a_far_end_that_knows_no_refer_makes_a_blind_transfer_unsupported(bench: Bench) -> None:
    assert (await transfer(bench, "blind"))["exit"]["to"] == "error.unsupported.transfer.blind"


async def test_a_destination_that_the_trunk_does_not_name_is_never_dialled(bench: Bench) -> None:
    assert (await transfer(bench, "elsewhere"))["exit"]["to"] == "error.connection.noauthorization"
    assert sum(bench.carrier.rings.values()) == 1
