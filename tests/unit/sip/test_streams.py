"""What is sent over a connection that takes nothing any more: refused, never lost, never an error of ours."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from mediaserver.switch.sip.streams import Hooks, Stream, StreamPool
from mediaserver.switch.sip.tls import TlsChannel, TlsFiles, client_context, server_context
from mediaserver.switch.sip.transaction import Address
from tests.support.certificates import Authority

FAR = Address("127.0.0.1", 5061, "tls", "far.test")
MESSAGE = b"OPTIONS sip:far.test SIP/2.0\r\nContent-Length: 0\r\n\r\n"
MORE = MESSAGE.replace(b"OPTIONS", b"INVITE")


class FarEnd(asyncio.Transport):
    """A TLS server in memory, at the other end of a wire whose bytes arrive in a later turn of the loop."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._in, self._out, server_side=True)
        self._is_closing = False
        self.stream: Stream
        self.heard = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._in.write(data)
        try:
            self.heard += self._session.read(65_536)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            # Whoever is not wanted is told by an alert.
            pass
        self._answer()

    def say_goodbye(self) -> None:
        with suppress(ssl.SSLWantReadError):
            self._session.unwrap()
        self._answer()

    def _answer(self) -> None:
        if answer := self._out.read():
            asyncio.get_running_loop().call_soon(self.stream.data_received, answer)

    def abort(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self.stream.connection_lost, None)

    def is_closing(self) -> bool:
        return self._is_closing

    def get_write_buffer_size(self) -> int:
        return 0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(authority: Authority) -> TlsFiles:
    pair = authority.issue("far.test")
    return TlsFiles(authority.file, pair.certificate, pair.key)


@asynccontextmanager
async def connected(
    files: TlsFiles, *, wanted: Path | None = None
) -> AsyncIterator[tuple[Stream, FarEnd, list[bytes]]]:
    """A stream that is open, its far end, what was refused; `wanted`: whose certificates the far end asks for."""
    refused: list[bytes] = []
    pool = StreamPool(
        Hooks(lambda data, source: None, refused.append, lambda: None), "127.0.0.1", ssl.create_default_context
    )
    context = server_context(files)
    if wanted is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(wanted)
    far = FarEnd(context)
    far.stream = Stream(pool, FAR, TlsChannel(client_context(TlsFiles(files.authorities)), FAR.name))
    far.stream.connection_made(far)
    await far.stream.opened
    try:
        yield far.stream, far, refused
    finally:
        far.abort()
        await far.stream.closed
        await pool.close()


def test_what_is_sent_after_the_far_ends_goodbye_is_refused(files: TlsFiles) -> None:
    async def scene() -> None:
        async with connected(files) as (stream, far, refused):
            stream.send(MESSAGE)
            assert far.heard == MESSAGE
            far.say_goodbye()
            while not stream.is_leaving:
                await asyncio.sleep(0)
            stream.send(MORE)
            await stream.closed
            assert refused == [MORE]
            stream.send(MORE)
            await asyncio.sleep(0)
            assert (refused, far.heard) == ([MORE, MORE], MESSAGE)

    asyncio.run(scene())


def test_a_session_that_fails_while_we_send_refuses_what_did_not_leave(
    files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encrypt(_: TlsChannel, data: bytes) -> bytes:
        raise ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF)")

    async def scene() -> None:
        async with connected(files) as (stream, far, refused):
            monkeypatch.setattr(TlsChannel, "encrypt", encrypt)
            stream.send(MESSAGE)
            await stream.closed
            assert (refused, far.heard) == ([MESSAGE], b"")

    asyncio.run(scene())


def test_a_server_that_does_not_want_us_has_read_nothing_of_what_we_sent(authority: Authority, files: TlsFiles) -> None:
    async def scene() -> None:
        async with connected(files, wanted=authority.file) as (stream, far, refused):
            stream.send(MESSAGE)
            stream.send(MORE)
            await stream.closed
            assert (refused, far.heard) == ([MESSAGE, MORE], b"")

    asyncio.run(scene())


def test_what_a_server_may_have_read_is_not_refused(files: TlsFiles) -> None:
    async def scene() -> None:
        async with connected(files) as (stream, far, refused):
            stream.send(MESSAGE)
            far.abort()
            await stream.closed
            assert (refused, far.heard) == ([], MESSAGE)

    asyncio.run(scene())
