"""`clarion call` against SIPp: each behaviour once, the core of them over UDP, TCP and TLS, some by Kamailio.

`script/soak sip` plays every one over every way.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.integration.sip.test_calls_to_us import SCENARIOS as CALLS_TO_US
from tests.support.sip_catalog import BEHAVIOURS, LEAVE, WAYS
from tests.support.sip_product import play_all
from tests.support.sipp import SCENARIOS, Sipp, in_one_piece, own_ports
from tests.support.stunnel import Front, stunnel

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

CORE = (
    *("answer after 180", "busy", "no answer", "reject", "early media", "PRACK", "hold", "session timer"),
    "BYE by the far end",
)
#: Not placed by `clarion call`: what others ask of us (test_sipp.py), and agents' phones (test_behaviours.py).
FROM_OUTSIDE = {"ask_options", "call_in", "refers", *CALLS_TO_US}


def _once(number: int, name: str) -> str:
    """Each way has its turn."""
    ways = BEHAVIOURS[name].ways()
    return ways[number % len(ways)]


PAIRS = (
    *((name, way) for name in CORE for way in ("udp", "tcp", "tls")),
    *((name, _once(number, name)) for number, name in enumerate(BEHAVIOURS) if name not in CORE),
    *(("answer after 180", way) for way in ("mtls", "proxy-udp", "proxy-tcp", "proxy-tls")),
)


@pytest.fixture(scope="module")
def wrong() -> dict[tuple[str, str], str]:
    return asyncio.run(play_all(PAIRS, 4, lambda pair, wrong: None))


@pytest.mark.parametrize("pair", PAIRS, ids=", ".join)
def test_a_call_goes_as_the_far_end_makes_it(wrong: dict[tuple[str, str], str], pair: tuple[str, str]) -> None:
    assert wrong[pair] == ""


def test_every_scenario_and_every_way_is_in_the_catalog() -> None:
    ours = {behaviour.scenario for behaviour in BEHAVIOURS.values()} | FROM_OUTSIDE
    assert ours == {file.stem for file in SCENARIOS.glob("*.xml")}
    assert {way for _, way in PAIRS} == set(WAYS)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_load_of_calls_is_answered_over_every_transport(tmp_path: Path, transport: str) -> None:
    async def load() -> tuple[int | None, dict[str, object]]:
        port, script = own_ports(), tmp_path / "leave.vxml"
        script.write_text(LEAVE)
        front = port + 7 if transport == "tls" else 0
        async with stunnel([Front(port + 7, port)]) as tls:
            behind = "udp" if transport == "udp" else "tcp"
            far = await Sipp.start("answer_after_180", port=port, transport=behind, calls=6, front=front)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "app.cli", "load", "--numbers", "+1212555{:04d}", "--calls", "6"),
                    *("--trunk", f"sip:localhost:{front or port};transport={transport}", "--json"),
                    *("--script", str(script), "--ca-file", str(tls.authority.file)),
                    stdout=asyncio.subprocess.PIPE,
                )
                printed, _ = await process.communicate()
                assert await far.wait() == ""
            finally:
                await far.stop()
        return process.returncode, json.loads(printed)

    code, report = asyncio.run(in_one_piece(load))
    assert (code, report["disposition"], report["sip_status"]) == (0, {"answered": 6}, {"200": 6})
