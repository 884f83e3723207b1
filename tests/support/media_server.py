"""A media server with real worker processes in the test's loop, with its control API, and the pages it fetches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from common.setting_types import Endpoint
from mediaserver.control import ControlApi
from mediaserver.server import ServerOptions, build
from mediaserver.switch.loadgate import Observation
from mediaserver.switch.switchboard import Switchboard
from simulators.carrier.agent import Carrier

TOKEN = "token-of-the-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
FORM = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form>{}</form></vxml>'


class Pages:
    """The application server: its pages by name, what was posted, and how often each page was asked for."""

    def __init__(self, pages: Mapping[str, str]) -> None:
        self.pages = pages
        self.asked: list[str] = []
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._news = asyncio.Event()

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(60):
            while len(self.asked) < times:
                self._news.clear()
                await self._news.wait()

    async def start(self, port: int = 0) -> None:
        application = web.Application()
        application.router.add_route("*", "/{name}", self._page)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    async def _page(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(f"{request.method} {name}?{(await request.text()) or request.query_string}")
        self._news.set()
        if name == "away":
            raise web.HTTPFound("http://127.0.0.1:1/elsewhere")
        if name == "result":
            return web.Response(text=FORM.format("<block><exit/></block>"))
        if name not in self.pages:
            raise web.HTTPNotFound
        return web.Response(text=self.pages[name], headers={"Cache-Control": "max-age=60", "ETag": '"1"'})


def keep_open(board: Switchboard) -> None:
    """Its gate sees no overload: what else the machine is at refuses none of the test's calls."""
    board.watch._decide = lambda now: board.watch.gate.decide(Observation(), now)


class Bench:
    def __init__(
        self, board: Switchboard, api: str, http: aiohttp.ClientSession, carrier: Carrier, pages: Pages
    ) -> None:
        self.board, self.api, self.http, self.carrier, self.pages = board, api, http, carrier, pages

    async def place(self, attempt: str, suffix: str, page: str = "ask", **more: Any) -> tuple[int, dict[str, Any]]:
        body = {
            "attempt_id": attempt,
            "to": f"+155501010{suffix}",
            "sender": "+15550100000",
            "trunk": {"host": "127.0.0.1", "port": self.carrier.port},
            "application": self.pages.url(page),
            "values": {"who": "Ana"},
            **more,
        }
        async with self.http.post(f"{self.api}/v1/calls", json=body) as answer:
            return answer.status, await answer.json()

    async def status(self, attempt: str) -> dict[str, Any]:
        async with self.http.get(f"{self.api}/v1/calls/{attempt}") as answer:
            status: dict[str, Any] = await answer.json()
            return status

    async def event(self, attempt: str, kind: str) -> dict[str, Any]:
        """The event, from the WebSocket, whether it has happened or not."""
        async with asyncio.timeout(60), self.http.ws_connect(f"{self.api}/v1/events?after=0") as socket:
            while True:
                event: dict[str, Any] = await socket.receive_json()
                if (event["attempt_id"], event["type"]) == (attempt, kind):
                    return event

    async def ended(self, attempt: str) -> dict[str, Any]:
        status: dict[str, Any] = (await self.event(attempt, "ended"))["status"]
        return status


@asynccontextmanager
async def media_server(directory: Path, carrier: Carrier, pages: Pages) -> AsyncIterator[Bench]:
    options = ServerOptions(
        sip=Endpoint("127.0.0.1", 0),
        ports=None,
        max_calls=4,
        state_dir=directory,
        allow=(pages.url("").rstrip("/"),),
    )
    board = build(options)
    keep_open(board)
    await board.start()
    api = ControlApi(board, TOKEN)
    address = await api.start(Endpoint("127.0.0.1", 0))
    async with aiohttp.ClientSession(headers=HEADERS) as http:
        yield Bench(board, f"http://{address}", http, carrier, pages)
    await api.close()
    await board.close()
