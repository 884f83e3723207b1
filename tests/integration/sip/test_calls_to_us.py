"""Calls to a media server, by SIPp: an agent's phone by digest, a test number, and the refusal of all else."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from common.control import Trunk
from common.setting_types import Endpoint, PumpKind
from mediaserver.lines import base
from mediaserver.lines.native import NativeLine
from mediaserver.server import ServerOptions, build
from mediaserver.switch.sip.door import Door, Phone
from mediaserver.switch.sip.endpoint import SipConfig
from mediaserver.switch.sip.tls import TlsFiles
from mediaserver.switch.switchboard import Switchboard
from tests.support.baresip import baresip
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.sipp import Sipp
from tests.support.stunnel import Front, stunnel

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]
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
TRANSPORTS = ("udp", "tcp", "tls")
OFFERED = "AES_CM_128_HMAC_SHA1_80"


def server(folder: Path, pump: PumpKind = PumpKind.AUTO, tls: TlsFiles | None = None) -> Switchboard:
    script = folder / "wait.vxml"
    script.write_text(SCRIPT)
    options = ServerOptions(
        sip=Endpoint("127.0.0.1", 0),
        ports=None,
        max_calls=16,
        state_dir=folder,
        allow=(folder.as_uri() + "/",),
        pump=pump,
        tls=tls or TlsFiles(),
        tls_port=0 if tls else None,
    )
    board = build(options)
    number = {"number": "7001", "application": script.as_uri(), "sources": ["127.0.0.1"]}
    board.incoming.configure({"phones": [{"user": "201", "password": "secret"}], "numbers": [number]})
    return board


def native(board: Switchboard) -> NativeLine:
    line = board.lines["native"]
    assert isinstance(line, NativeLine)
    return line


async def call(address: tuple[str, int], scenario: str, transport: str, suite: str) -> str:
    """What SIPp complains of; over TLS `address` is stunnel's."""
    host, port = address
    dialled = {"phone_calls_in": "agent@", "stranger_calls_in": "agent@", "phone_dials_nowhere": "7002@"}
    uri = ("-auth_uri", f"{dialled.get(scenario, '')}{host}:{port}")
    how = "udp" if transport == "udp" else "tcp"
    far = await Sipp.start(scenario, remote=address, transport=how, suite=suite, options=uri)
    try:
        return await far.wait()
    finally:
        far.kill()


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """What SIPp complained of, by scenario and transport; all call side by side."""

    async def all_of_them() -> dict[tuple[str, str], str]:
        folder = tmp_path_factory.mktemp("server")
        authority = Authority(folder)
        shown = authority.issue("127.0.0.1")
        board = server(folder, tls=TlsFiles(authority.file, shown.certificate, shown.key))
        await board.start()
        line, port = native(board), free_port()
        try:
            async with stunnel([Front(port, line.endpoint.tls_port, near=True)], authority):
                to = {"udp": line.address, "tcp": line.address, "tls": ("127.0.0.1", port)}
                # One after the other: a stranger's guesses count for its address, which is everybody's here.
                return {
                    (name, transport): await call(to[transport], name, transport, suite)
                    for name, suite in SCENARIOS.items()
                    for transport in TRANSPORTS
                }
        finally:
            await board.close()

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_whoever_calls_is_answered_as_it_should_be(
    complaints: dict[tuple[str, str], str], name: str, transport: str
) -> None:
    assert complaints[name, transport] == ""


def test_a_phone_that_registers_over_tls_is_called_by_its_own_connection(tmp_path: Path) -> None:
    async def scene() -> list[type[base.LineEvent]]:
        authority, door, told = Authority(tmp_path), Door(), list[base.LineEvent]()
        shown = authority.issue("localhost")
        door.open_to([Phone("alice", "secret")], {})
        files = TlsFiles(authority.file, shown.certificate, shown.key)
        line = NativeLine(SipConfig("127.0.0.1", 0, tls=files, tls_port=0, door=door), None, "127.0.0.1")
        await line.start(told.append)
        try:
            async with baresip(modules=("g711", "srtp"), certificate=shown.both) as phone:
                login = "auth_user=alice;auth_pass=secret;regint=60;answermode=auto;mediaenc=srtp-mand"
                phone.command("uanew", f"<sip:alice@127.0.0.1:{line.endpoint.tls_port};transport=tls>;{login}")
                while door.place_of("alice", time.monotonic()) is None:
                    await asyncio.sleep(0.05)
                trunk = Trunk("127.0.0.1", srtp="require")
                line.place(base.Place("leg", "phone:alice", "+15550100", "", trunk, 10.0))
                await until(told, base.Answered)
                assert line.endpoint.connections == 1
                line.hang_up("leg")
                await until(told, base.HungUp)
                assert line.endpoint.connections == 1
                return [type(event) for event in told]
        finally:
            await line.close()

    assert asyncio.run(scene()).count(base.HungUp) == 1


async def until(told: list[base.LineEvent], kind: type[base.LineEvent]) -> None:
    async with asyncio.timeout(60):
        while not any(isinstance(event, kind | base.Failed) for event in told):
            await asyncio.sleep(0.05)
    assert not any(isinstance(event, base.Failed) for event in told), told


def test_a_media_server_without_srtp_says_so_instead_of_being_silent(tmp_path: Path) -> None:
    async def scene() -> str:
        board = server(tmp_path, PumpKind.PYTHON)
        await board.start()
        try:
            return await call(native(board).address, "call_in_with_srtp_in_vain", "udp", OFFERED)
        finally:
            await board.close()

    assert asyncio.run(scene()) == ""
