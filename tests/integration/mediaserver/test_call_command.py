"""`clarion call` and `clarion load` as an operator runs them, against the simulated carrier."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from simulators.carrier.agent import Carrier, CarrierSettings
from tests.support.asterisk import ABSENT, USER, asterisk, asterisk_root
from tests.support.asterisk import PASSWORD as ASTERISK_PASSWORD
from tests.support.kamailio import PASSWORD, kamailio

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
SCRIPT = """<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><field name="key" type="digits?length=1">
<prompt>Hello. Press one.</prompt><filled><exit namelist="key"/></filled>
<noinput><exit/></noinput></field></form></vxml>"""


@pytest_asyncio.fixture
async def carrier() -> AsyncIterator[Carrier]:
    async with Carrier(CarrierSettings(port=0)) as carrier:
        yield carrier


async def clarion(
    carrier: Carrier, directory: Path, *arguments: str, trunk: str = "", secret: str = "clarion"
) -> tuple[int, dict[str, Any]]:
    script, password = directory / "hello.vxml", directory / "password"
    script.write_text(SCRIPT)
    password.write_text(f"{secret}\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "app.cli", arguments[0], "--trunk", trunk or f"127.0.0.1:{carrier.port}", "--script", str(script)),
        *("--auth", "clarion", "--password-file", str(password), "--json", *arguments[1:]),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(directory)},
    )
    printed, _ = await process.communicate()
    lines = printed.decode().splitlines()
    assert len(lines) == 1
    assert process.returncode is not None
    return process.returncode, json.loads(lines[0])


def left_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.skipif(asterisk_root() is None, reason=ABSENT)
async def test_an_answered_call_by_asterisk_runs_the_script(
    carrier: Carrier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = tmp_path / "call"
    call.mkdir()
    with asterisk(tmp_path / "asterisk") as server:
        for name, value in (("URL", server.url), ("USER", USER), ("PASSWORD", ASTERISK_PASSWORD)):
            monkeypatch.setenv(f"CLARION_MEDIASERVER_ASTERISK_{name}", value)
        code, outcome = await clarion(carrier, call, "call", "+15550101034", "--line", "asterisk", "--left")
    assert (code, outcome["completion_code"], outcome["disposition"]) == (0, "ANSWER_HUMAN", "answered")
    assert (outcome["dtmf"], outcome["exit"], outcome["left"]) == ("1", {"key": "1"}, {})
    assert left_in(call) == ["hello.vxml", "password"]


async def test_an_asterisk_that_is_not_there_is_told_with_the_mend(carrier: Carrier, tmp_path: Path) -> None:
    (tmp_path / "hello.vxml").write_text(SCRIPT)
    arguments = (
        "call",
        "+15550101034",
        "--trunk",
        f"127.0.0.1:{carrier.port}",
        "--script",
        str(tmp_path / "hello.vxml"),
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *arguments, "--line", "asterisk"),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "CLARION_MEDIASERVER_ASTERISK_URL": "http://127.0.0.1:9/ari"},
    )
    _, complaint = await process.communicate()
    assert process.returncode == 1
    assert b"set CLARION_MEDIASERVER_ASTERISK_URL" in complaint
    assert b"Traceback" not in complaint


@pytest.mark.parametrize("line", ["native", "pyvoip"])
async def test_an_answered_call_runs_the_script(carrier: Carrier, tmp_path: Path, line: str) -> None:
    code, outcome = await clarion(carrier, tmp_path, "call", "+15550101034", "--line", line)
    assert (code, outcome["completion_code"], outcome["disposition"]) == (0, "ANSWER_HUMAN", "answered")
    assert (outcome["dtmf"], outcome["exit"]) == ("1", {"key": "1"})
    assert outcome["rtp"]["sent"]["packets"] > 20
    assert left_in(tmp_path) == ["hello.vxml", "password"]


async def test_a_recorded_call_leaves_its_sound(carrier: Carrier, tmp_path: Path) -> None:
    target = tmp_path / "call.wav"
    code, outcome = await clarion(carrier, tmp_path, "call", "+15550101034", "--record", str(target))
    assert (code, outcome["recording"]["problem"]) == (0, "")
    with wave.open(str(target)) as file:
        assert file.getnframes() / 8000 == pytest.approx(outcome["recording"]["seconds"], abs=0.01)
        assert max(memoryview(file.readframes(8000)).cast("h")) > 1000


@pytest.mark.parametrize(
    ("suffix", "completion", "status"),
    [("01", "CALL_BUSY", 486), ("04", "INVALID_NUMBER", 404), ("06", "FAST_BUSY", 503), ("24", "ANSWER_HUMAN", 200)],
)
async def test_what_the_network_says_becomes_a_code(
    carrier: Carrier, tmp_path: Path, suffix: str, completion: str, status: int
) -> None:
    code, outcome = await clarion(carrier, tmp_path, "call", f"+155501010{suffix}")
    assert (code, outcome["completion_code"], outcome["sip_status"]) == (int(status != 200), completion, status)


async def test_nobody_answering_is_cancelled(carrier: Carrier, tmp_path: Path) -> None:
    code, outcome = await clarion(carrier, tmp_path, "call", "+15550101002", "--timeout", "1")
    assert (code, outcome["completion_code"], outcome["disposition"]) == (1, "RING_NO_ANSWER", "ring_timeout")


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_calls_go_through_a_proxy_over_every_transport(carrier: Carrier, tmp_path: Path, transport: str) -> None:
    async with kamailio(carrier.port) as proxy:
        port = proxy.tls if transport == "tls" else proxy.port
        ours = proxy.authority.issue("client.test")
        files = ("--ca-file", proxy.authority.file, "--client-cert", ours.certificate, "--client-key", ours.key)
        trunk = f"sip:localhost:{port};transport={transport}"
        options = (*map(str, files), "--numbers", "+1555010{:02d}34", "--calls", "4", "--rate", "20")
        code, report = await clarion(carrier, tmp_path, "load", *options, trunk=trunk, secret=PASSWORD)
    assert (code, report["completion_code"], report["dtmf"]) == (0, {"ANSWER_HUMAN": 4}, {"1": 4})


async def test_a_load_counts_by_value(carrier: Carrier, tmp_path: Path) -> None:
    numbers = ("--numbers", "+1555010{:02d}34", "--calls", "8", "--rate", "20")
    code, report = await clarion(carrier, tmp_path, "load", *numbers)
    assert (code, report["calls"], report["completion_code"], report["dtmf"]) == (0, 8, {"ANSWER_HUMAN": 8}, {"1": 8})
    assert set(report["setup_ms"]) == {"p50", "p90", "p99", "max"}
    assert report["memory_mb"]["switch"] > 0
