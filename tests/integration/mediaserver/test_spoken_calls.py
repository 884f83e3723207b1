"""Customers who speak, over RTP, through a real `clarion call`: understood, refused, and barging in."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.behaviour import Behaviour
from simulators.carrier.call import Call
from simulators.carrier.population import Population

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
LONG = " ".join(f"This is sentence {number} of a long announcement." for number in range(1, 15))
ASK = """<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="en-US"><form><field name="city">
<grammar mode="voice" version="1.0" root="r"><rule id="r"><one-of><item>seattle</item><item>washington</item>
<item>new york<tag>out='NYC'</tag></item><item>philadelphia</item></one-of></rule></grammar>
<prompt>{prompt}</prompt>
<filled><var name="mode" expr="city$.inputmode"/><var name="sure" expr="city$.confidence >= 0.5"/>
<exit namelist="city mode sure"/></filled>
<catch event="nomatch noinput error"><var name="event" expr="_event"/><exit namelist="event"/></catch>
</field></form></vxml>"""


@asynccontextmanager
async def customer(script: str) -> AsyncIterator[Carrier]:
    """A carrier at which everybody does what `script` says."""
    population = Population(everyone=Behaviour("speaker", script=script, patience=40))
    async with Carrier(CarrierSettings(port=0), population) as carrier:
        yield carrier


async def call(carrier: Carrier, folder: Path, prompt: str) -> tuple[dict[str, Any], Call]:
    """What `clarion call` printed, and the call as the customer's side saw it."""
    script = folder / "ask.vxml"
    script.write_text(ASK.format(prompt=prompt).replace('root="r"', 'root="r" tag-format="semantics/1.0"'))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "call", "+15550100100"),
        *("--trunk", f"127.0.0.1:{carrier.port}", "--script", str(script), "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    (seen,) = carrier.calls.values()
    return json.loads(printed), seen


async def test_what_a_customer_says_fills_the_field(tmp_path: Path) -> None:
    async with customer("prompt speak:new+york") as carrier:
        outcome, _ = await call(carrier, tmp_path, "Which city?")
    assert outcome["exit"] == {"city": "NYC", "mode": "voice", "sure": True}


async def test_words_that_are_in_no_grammar_are_no_match(tmp_path: Path) -> None:
    async with customer("prompt speak:elephants+are+purple") as carrier:
        outcome, _ = await call(carrier, tmp_path, "Which city?")
    assert outcome["exit"] == {"event": "nomatch"}


async def test_a_voice_cuts_the_prompt(tmp_path: Path) -> None:
    async with customer("talk wait:2 speak:new+york") as carrier:
        outcome, seen = await call(carrier, tmp_path, LONG)
    assert outcome["exit"]["city"] == "NYC"
    assert seen.media is not None
    assert seen.media.customer is not None
    spoke_at, last_heard = seen.media.customer.spoke_at, seen.media.ear.last_loud
    assert spoke_at is not None
    assert last_heard is not None
    # The announcement would have gone on for half a minute; `benchmarks/recognition.py` has the figure.
    assert last_heard - spoke_at < 15


async def test_who_says_nothing_is_no_input(tmp_path: Path) -> None:
    async with customer("prompt wait:30") as carrier:
        outcome, _ = await call(carrier, tmp_path, "Which city?")
    assert outcome["exit"] == {"event": "noinput"}
