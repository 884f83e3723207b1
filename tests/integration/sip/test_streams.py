"""TCP connections that come and go: reconnecting, keep-alives, strangers, servers that never shake hands."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from common.control import Disposition
from common.errors import ConfigError
from mediaserver.switch.sip import streams
from mediaserver.switch.sip.endpoint import SipConfig, SipEndpoint
from mediaserver.switch.sip.events import Failed
from mediaserver.switch.sip.framing import PING, PONG, StreamFramer
from mediaserver.switch.sip.message import Request, parse_message
from mediaserver.switch.sip.responses import make_response
from mediaserver.switch.sip.tls import TlsFiles
from mediaserver.switch.sip.transaction import Address
from tests.support.certificates import Authority
from tests.support.sip_near import NOTHING, near

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


class BusyServer:
    """Answers each INVITE with 486 over a connection that it closes after the ACK; pings are answered."""

    def __init__(self) -> None:
        self.connections = 0
        self.pings = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        framer, acknowledged = StreamFramer(), False
        while not acknowledged and (data := await reader.read(65_536)):
            for message in framer.feed(data):
                request = parse_message(message)
                assert isinstance(request, Request)
                acknowledged = request.method == "ACK"
                if not acknowledged:
                    source = Address("127.0.0.1", 1, "tcp")
                    writer.write(make_response(request, 486, source, to_tag="far").serialize())
            self.pings += framer.pings
            writer.write(PONG * framer.pings)
            framer.pings = 0
        writer.close()


def test_a_connection_that_was_closed_is_opened_again_for_the_next_call() -> None:
    async def scene() -> None:
        far = BusyServer()
        server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
        async with server, near() as end:
            end.transport = "tcp"
            for count in (1, 2):
                end.call(server.sockets[0].getsockname()[1])
                await end.wait(Failed)
                assert end.of(Failed)[0].sip_status == 486
                end.events.clear()
                assert await end.connections(0)
                assert far.connections == count
            assert await end.settled() == NOTHING

    asyncio.run(scene())


def test_a_quiet_connection_is_kept_alive_and_a_dead_one_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE", 0.3)
    monkeypatch.setattr(streams, "PONG_LIMIT", 0.2)

    async def scene() -> None:
        heard = bytearray()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # The first ping is answered, so the peer is known to answer; then it falls silent.
            while data := await reader.read(65_536):
                heard.extend(data)
                if heard.count(PING) == 1:
                    writer.write(PONG)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, near() as end:
            end.transport = "tcp"
            end.call(server.sockets[0].getsockname()[1], ring_timeout=20.0)
            assert await end.connections(1)
            assert await end.connections(0)
            assert bytes(heard).endswith(PING)

    asyncio.run(scene())


def test_strangers_are_answered_and_noise_is_hung_up_on() -> None:
    async def scene() -> None:
        async with near() as end:
            reader, writer = await asyncio.open_connection(*end.endpoint.address)
            writer.write(PING)
            assert await asyncio.wait_for(reader.readexactly(len(PONG)), 60) == PONG
            writer.write(b"x" * 70_000)
            assert await asyncio.wait_for(_rest(reader), 60) == b""
            writer.close()
            assert await end.settled() == NOTHING

    asyncio.run(scene())


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


def test_a_server_that_never_shakes_hands_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CONNECT_LIMIT", 0.5)

    async def scene() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, near() as end:
            end.transport = "tls"
            end.call(server.sockets[0].getsockname()[1])
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            assert end.end.disposition is Disposition.TRANSPORT_ERROR
            assert await end.settled() == NOTHING

    asyncio.run(scene())


def test_a_server_that_says_goodbye_is_left_though_it_keeps_the_connection(tmp_path: Path) -> None:
    async def scene() -> None:
        authority = Authority(tmp_path)
        pair, context = authority.issue("localhost"), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)

        seen = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65_536)
            await seen.wait()
            # Its TLS waits 30 s for our answer before it closes.
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with server, near(tls=TlsFiles(authority.file)) as end:
            end.transport = "tls"
            end.call(server.sockets[0].getsockname()[1], host="localhost")
            assert await end.connections(1)
            seen.set()
            assert await end.connections(0)

    asyncio.run(scene())


def test_whoever_connects_over_tls_and_never_shakes_hands_is_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STRANGER_LIMIT", 0.3)

    async def scene() -> None:
        shown = Authority(tmp_path).issue("localhost")
        async with near(tls=TlsFiles(None, shown.certificate, shown.key), tls_port=0) as end:
            reader, writer = await asyncio.open_connection("127.0.0.1", end.endpoint.tls_port)
            assert await asyncio.wait_for(_rest(reader), 60) == b""
            writer.close()

    asyncio.run(scene())


@pytest.mark.parametrize("given", [TlsFiles(), TlsFiles(None, Path("/dev/null"))])
def test_a_certificate_that_is_missing_or_none_is_told_at_the_start(given: TlsFiles) -> None:
    async def scene() -> None:
        endpoint = SipEndpoint(SipConfig(tls=given, tls_port=0))
        with pytest.raises(ConfigError, match="certificate"):
            await endpoint.start(lambda event: None)

    asyncio.run(scene())


def test_a_port_without_listener_is_a_transport_error_at_once() -> None:
    async def scene() -> None:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with near() as end:
            end.transport = "tcp"
            end.call(port)
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            assert end.end.disposition is Disposition.TRANSPORT_ERROR

    asyncio.run(scene())
