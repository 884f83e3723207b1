"""Calls to a media server, by SIPp: an agent's phone by digest, a test number, and the refusal of all else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from common.setting_types import Endpoint, PumpKind
from mediaserver.lines.native import NativeLine
from mediaserver.server import ServerOptions, build
from mediaserver.switch.switchboard import Switchboard
from tests.support.sipp import Sipp

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]
SCRIPT = """<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form>
<block><prompt><break time="20s"/></prompt></block></form></vxml>"""
#: And the suite that is offered, of SRTP.
SCENARIOS = {
    "phone_registers": "",
    "phone_calls_in": "",
    "stranger_calls_in": "",
    "phone_dials_nowhere": "",
    "call_in_and_hang_up": "",
    "call_in_with_srtp": "",
    "call_in_with_srtp_in_vain": "F8_128_HMAC_SHA1_80",
}
TRANSPORTS = ("udp", "tcp")
OFFERED = "AES_CM_128_HMAC_SHA1_80"


def server(folder: Path, pump: PumpKind = PumpKind.AUTO) -> Switchboard:
    script = folder / "wait.vxml"
    script.write_text(SCRIPT)
    options = ServerOptions(
        sip=Endpoint("127.0.0.1", 0),
        ports=None,
        max_calls=16,
        state_dir=folder,
        allow=(folder.as_uri() + "/",),
        pump=pump,
    )
    board = build(options)
    number = {"number": "7001", "application": script.as_uri(), "sources": ["127.0.0.1"]}
    board.incoming.configure({"phones": [{"user": "201", "password": "secret"}], "numbers": [number]})
    return board


async def call(board: Switchboard, scenario: str, transport: str, suite: str) -> str:
    line = board.lines["native"]
    assert isinstance(line, NativeLine)
    host, port = line.address
    dialled = {"phone_calls_in": "agent@", "stranger_calls_in": "agent@", "phone_dials_nowhere": "7002@"}
    uri = ("-auth_uri", f"{dialled.get(scenario, '')}{host}:{port}")
    far = await Sipp.start(scenario, remote=line.address, transport=transport, suite=suite, options=uri)
    try:
        return await far.wait()
    finally:
        far.kill()


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """What SIPp complained of, by scenario and transport; all call side by side."""

    async def all_of_them() -> dict[tuple[str, str], str]:
        board = server(tmp_path_factory.mktemp("server"))
        await board.start()
        pairs = [(name, transport) for name in SCENARIOS for transport in TRANSPORTS]
        try:
            # One after the other: a stranger's guesses count for its address, which is everybody's here.
            return {pair: await call(board, *pair, SCENARIOS[pair[0]]) for pair in pairs}
        finally:
            await board.close()

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_whoever_calls_is_answered_as_it_should_be(
    complaints: dict[tuple[str, str], str], name: str, transport: str
) -> None:
    assert complaints[name, transport] == ""


def test_a_media_server_without_srtp_says_so_instead_of_being_silent(tmp_path: Path) -> None:
    async def scene() -> str:
        board = server(tmp_path, PumpKind.PYTHON)
        await board.start()
        try:
            return await call(board, "call_in_with_srtp_in_vain", "udp", OFFERED)
        finally:
            await board.close()

    assert asyncio.run(scene()) == ""
