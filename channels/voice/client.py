"""The client of a media server's control API (docs/reference/control-api.md)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

import aiohttp
import orjson

from channels.voice.base import LOAD, BootChanged, NoAnswer, NotReached, ServerInfo
from common.control import CallEvent, CallRequest, CallStatus
from common.errors import Refused, RemoteError

_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=3)
#: Seconds between pings on the event socket; a dead server is noticed after two.
_HEARTBEAT = 10.0
_MAX_EVENT = 4 * 1024 * 1024

_T = TypeVar("_T")


class HttpMediaServer:
    """One media server. Make it inside a running event loop."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"}
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, headers=headers, json_serialize=_dump)

    async def place(self, request: CallRequest) -> CallStatus:
        status, body = await self._ask("POST", "/v1/calls", asdict(request))
        if status in (200, 202, 503):
            return self._readable(lambda: CallStatus.from_json(body))
        if status == 409:
            raise BootChanged(str(body.get("error", "the media server has restarted")))
        if status == 400:
            raise Refused(str(body.get("error", "the media server refused the request")))
        raise self._unexpected(status, body)

    async def status(self, attempt_id: str) -> CallStatus | None:
        status, body = await self._ask("GET", f"/v1/calls/{attempt_id}")
        if status == 404:
            return None
        if status != 200:
            raise self._unexpected(status, body)
        return self._readable(lambda: CallStatus.from_json(body))

    async def hang_up(self, attempt_id: str) -> bool:
        status, body = await self._ask("DELETE", f"/v1/calls/{attempt_id}")
        if status not in (200, 202, 204, 404):
            raise self._unexpected(status, body)
        return status != 404

    async def forget(self, attempt_id: str, since: datetime, until: datetime) -> int:
        query = {"since": since.isoformat(), "until": until.isoformat()}
        status, body = await self._ask("DELETE", f"/v1/attempts/{attempt_id}", query=query)
        if status != 200:
            raise self._unexpected(status, body)
        return int(body["recordings"])

    async def recordings(self, attempt_id: str) -> dict[str, bytes]:
        status, body = await self._ask("GET", f"/v1/attempts/{attempt_id}/recordings")
        if status != 200:
            raise self._unexpected(status, body)
        return {file: await self._read(f"/v1/recordings/{file}") for file in body["files"] if file.endswith(".wav")}

    async def info(self) -> ServerInfo:
        status, body = await self._ask("GET", "/v1/status")
        if status != 200:
            raise self._unexpected(status, body)
        return self._readable(
            lambda: ServerInfo(
                body["boot_id"],
                body["calls"],
                body["capacity"],
                body.get("draining", False),
                body.get("last_seq", 0),
                body.get("room"),
                {name: body[name] for name in LOAD if name in body},
            )
        )

    async def events(self, boot_id: str, after: int) -> AsyncGenerator[CallEvent, None]:
        query = {"after": str(after), "boot": boot_id}
        try:
            async with self._session.ws_connect(
                f"{self._url}/v1/events", params=query, heartbeat=_HEARTBEAT, max_msg_size=_MAX_EVENT
            ) as socket:
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        yield CallEvent.from_json(orjson.loads(message.data))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotReached(f"media server {self._url}: {_words(error)}") from error

    async def close(self) -> None:
        await self._session.close()

    async def _read(self, path: str) -> bytes:
        try:
            async with self._session.get(self._url + path) as answer:
                if answer.status != 200:
                    raise self._unexpected(answer.status, {})
                return await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswer(f"media server {self._url}: {_words(error)}") from error

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        try:
            async with self._session.request(method, self._url + path, json=body, params=query) as answer:
                raw = await answer.read()
                return answer.status, orjson.loads(raw) if raw else {}
        except aiohttp.ClientConnectorError as error:
            raise NotReached(f"media server {self._url}: {_words(error)}") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise NotReached(f"media server {self._url}: no connection in time") from error
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
            raise NoAnswer(f"media server {self._url}: {_words(error)}") from error

    def _readable(self, read: Callable[[], _T]) -> _T:
        """What cannot be read is no answer."""
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NoAnswer(f"media server {self._url}: its answer cannot be read: {_words(error)}") from error

    def _unexpected(self, status: int, body: Mapping[str, Any]) -> RemoteError:
        if status == 401:
            return RemoteError(f"media server {self._url} refused our token; set CLARION_MEDIASERVER_TOKEN alike")
        return NoAnswer(f"media server {self._url} answered {status}: {body.get('error', '')}")


def _dump(body: Any) -> str:
    return orjson.dumps(body).decode()


def _words(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()
