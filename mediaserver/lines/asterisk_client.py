"""The connection to Asterisk's REST interface: orders as HTTP requests, events by WebSocket, opened again when lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import orjson
import structlog

from common.errors import ClarionError
from common.tasks import Tasks, keep_going, note_failure
from mediaserver.lines.asterisk_access import AriAccess
from mediaserver.lines.asterisk_calls import Order

#: Seconds. Asterisk closes an idle HTTP connection after 15 unless told otherwise; ours must be gone before.
_IDLE, _REQUEST, _PING = 10.0, 10.0, 15.0
#: HTTP connections at a time; Asterisk takes 100 from all its clients unless told otherwise.
_CONNECTIONS = 32
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0

log = structlog.get_logger()


class AsteriskUnreachable(ClarionError):
    """Asterisk's REST interface does not answer as it should."""


class AriUser(Protocol):
    """Called on the event loop."""

    def heard(self, event: Mapping[str, Any]) -> None: ...

    def answered(self, order: Order, status: int, body: Any) -> None: ...

    def connected(self) -> None: ...


class AriClient:
    def __init__(self, access: AriAccess, user: AriUser) -> None:
        self._access, self._user = access, user
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._listener: asyncio.Task[None] | None = None
        self._requests = Tasks()

    @property
    def is_connected(self) -> bool:
        return self._socket is not None and not self._socket.closed

    @property
    def requests(self) -> int:
        """Under way."""
        return len(self._requests)

    async def start(self) -> None:
        """Connect, and hang up what an earlier process of this name left behind. Raise AsteriskUnreachable."""
        access = self._access
        self._http = aiohttp.ClientSession(
            headers={"Authorization": aiohttp.encode_basic_auth(access.user, access.password)},
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_IDLE),
            timeout=aiohttp.ClientTimeout(total=_REQUEST),
            json_serialize=lambda value: orjson.dumps(value).decode(),
        )
        try:
            self._socket = await self._connect()
            await self._clean()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            await self._http.close()
            raise AsteriskUnreachable(_why(access, error)) from error
        self._listener = asyncio.get_running_loop().create_task(keep_going("asterisk", self._listen))

    async def close(self) -> None:
        """Once the orders under way are carried out, ten seconds at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._requests.ended(), _REQUEST)
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        if self._http is not None:
            await self._http.close()

    def send(self, order: Order) -> None:
        self._requests.start(self._request(order))

    async def _request(self, order: Order) -> None:
        status, body = 0, None
        try:
            status, body = await self._ask(order.method, order.path, order.query, order.body)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            body = f"it does not answer ({type(error).__name__})"
        except Exception as error:
            # Whatever it is, the call waits for an answer.
            note_failure("asterisk order", error)
            body = f"a defect of Clarion ({type(error).__name__})"
        self._user.answered(order, status, body)

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> tuple[int, Any]:
        assert self._http is not None
        async with self._http.request(method, self._access.url + path, params=query, json=body) as answer:
            text = await answer.read()
            return answer.status, orjson.loads(text) if text else None

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        assert self._http is not None
        query = {"app": self._access.app, "subscribeAll": "false"}
        return await self._http.ws_connect(
            self._access.url + "/events", params=query, heartbeat=_PING, max_msg_size=1 << 20
        )

    async def _clean(self) -> None:
        """A process that was killed leaves its calls up: nobody else would ever hang them up."""
        mine = f"{self._access.app}-"
        for kind in ("channels", "bridges"):
            _, found = await self._ask("GET", f"/{kind}", {})
            for each in found or ():
                if str(each["id"]).startswith(mine):
                    await self._ask("DELETE", f"/{kind}/{each['id']}", {})

    async def _listen(self) -> None:
        wait = _FIRST_WAIT
        while True:
            if self.is_connected:
                wait = _FIRST_WAIT
                await self._hear()
                log.warning("asterisk_lost", url=self._access.url)
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                self._socket = await self._connect()
                log.warning("asterisk_found_again", url=self._access.url)
                self._user.connected()

    async def _hear(self) -> None:
        """Until the connection ends."""
        assert self._socket is not None
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                try:
                    event = orjson.loads(message.data)
                except ValueError:
                    continue
                try:
                    self._take(event)
                except Exception as error:
                    # One call's event: the line hears on for the others.
                    note_failure("asterisk event", error)

    def _take(self, event: Mapping[str, Any]) -> None:
        if event.get("type") == "ApplicationReplaced":
            log.error("asterisk_app_taken", app=self._access.app, mend="give each media server its own name")
        self._user.heard(event)


def _why(access: AriAccess, error: Exception) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError) and error.status in (401, 403):
        return (
            f"Asterisk at {access.url} refuses the user {access.user!r}: see its ari.conf and"
            " CLARION_MEDIASERVER_ASTERISK_USER and _PASSWORD"
        )
    return (
        f"Asterisk at {access.url} cannot be reached ({type(error).__name__}): start it, switch on http.conf and"
        " ari.conf, and set CLARION_MEDIASERVER_ASTERISK_URL"
    )
