"""The address that is really connected to decides, whatever name led there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from mediaserver.dialog.answer import MAX_BODY
from mediaserver.dialog.fetch import HttpFetcher, Visitor
from mediaserver.dialog.http import HttpClient
from mediaserver.dialog.policy import Policy
from vxml.messages import Fetch, Fetched, FetchFailed, FetchProblem

pytestmark = pytest.mark.asyncio


class Server:
    """One page on loopback, on IPv4 and, where the machine has it, on IPv6."""

    def __init__(self) -> None:
        self.asked = 0
        self.size = 4
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        return web.Response(body=b"x" * self.size)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


async def fetch(policy: Policy, url: str, client: HttpClient | None = None, **command: Any) -> Fetched | FetchFailed:
    fetcher = HttpFetcher(transport=client or HttpClient())
    try:
        return await fetcher.fetch(Fetch(1, url, **command), Visitor(policy))
    finally:
        await fetcher.close()


@pytest.mark.parametrize("host", ["localhost", "localhost.", "127.0.0.1", "127.1", "0x7f000001", "[::ffff:127.0.0.1]"])
async def test_an_organization_cannot_list_this_machine_by_any_name(server: Server, host: str) -> None:
    origin = f"http://{host}:{server.port}"
    answer = await fetch(Policy((), (origin,)), origin + "/")
    assert isinstance(answer, FetchFailed)
    assert answer.problem is FetchProblem.FORBIDDEN
    assert server.asked == 0


async def test_the_operator_can(server: Server) -> None:
    origin = f"http://localhost:{server.port}"
    assert isinstance(await fetch(Policy((origin,)), origin + "/"), Fetched)
    assert server.asked == 1


async def test_a_listed_name_at_an_approved_address_is_reached(server: Server) -> None:
    origin = f"http://localhost:{server.port}"
    client = HttpClient(public=lambda address: address == "127.0.0.1")
    answer = await fetch(Policy((), (origin,)), origin + "/", client)
    assert isinstance(answer, Fetched)


async def test_a_name_that_changes_its_meaning_after_it_was_looked_up_gains_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer of the name server is public; the address connected to is what counts."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    real = asyncio.get_running_loop().getaddrinfo

    async def rebinding(host: str, port: int, **rest: Any) -> Any:
        if host != "rebind.example":
            return await real(host, port, **rest)
        address = next(answers, "127.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))]

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    first = await loop.getaddrinfo("rebind.example", server.port)
    assert first[0][4][0] == "93.184.216.34"
    origin = f"http://rebind.example:{server.port}"
    answer = await fetch(Policy((), (origin,)), origin + "/")
    assert isinstance(answer, FetchFailed)
    assert answer.problem is FetchProblem.FORBIDDEN
    assert server.asked == 0


async def test_a_connection_made_for_the_operators_server_serves_no_listed_name(server: Server) -> None:
    """Both name the same host and port: the pools are apart."""
    origin = f"http://localhost:{server.port}"
    client = HttpClient()
    fetcher = HttpFetcher(transport=client)
    try:
        trusted = await fetcher.fetch(Fetch(1, origin + "/a"), Visitor(Policy((origin,))))
        listed = await fetcher.fetch(Fetch(2, origin + "/b"), Visitor(Policy((), (origin,))))
    finally:
        await fetcher.close()
    assert isinstance(trusted, Fetched)
    assert isinstance(listed, FetchFailed)


async def test_a_body_without_end_is_cut_off(server: Server) -> None:
    server.size = MAX_BODY + 1
    origin = f"http://127.0.0.1:{server.port}"
    answer = await fetch(Policy((origin,)), origin + "/")
    assert isinstance(answer, FetchFailed)
    assert answer.problem is FetchProblem.TOO_LARGE


async def test_nobody_listening_is_unreachable_once_patience_is_over() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{free.getsockname()[1]}"
        answer = await fetch(Policy((origin,)), origin + "/", timeout=0.3)
    assert isinstance(answer, FetchFailed)
    assert answer.problem in (FetchProblem.TIMEOUT, FetchProblem.UNREACHABLE)
