"""HTTP for dialogs. Imported when the first script comes over HTTP: the library is a third of a worker's start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import aiohttp

from mediaserver.dialog.answer import MAX_BODY, Answer, Problem, loggable
from vxml.messages import FetchProblem

#: Seconds a refused connection is tried again: a web server being restarted must not end calls.
_RECONNECT = 5.0
_RECONNECT_PAUSE = 0.2


class HttpClient:
    """Connections kept open for all sessions of a worker. Created inside a running event loop."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": "Clarion"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        await self._session.close()

    async def request(self, url: str, method: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """No redirect is followed. Raise Problem."""
        give_up = time.monotonic() + _RECONNECT
        while True:
            try:
                return await self._send(url, method, body, headers)
            except aiohttp.ClientConnectionError as error:
                # A request that may have arrived is repeated only where repeating does no harm.
                again = isinstance(error, aiohttp.ClientConnectorError) or method == "GET"
                if not again or isinstance(error, aiohttp.ClientConnectorDNSError) or time.monotonic() > give_up:
                    raise Problem(FetchProblem.UNREACHABLE, f"{loggable(url)}: {type(error).__name__}") from error
                await asyncio.sleep(_RECONNECT_PAUSE)
            except (aiohttp.ClientError, ValueError) as error:
                raise Problem(FetchProblem.UNREACHABLE, f"{loggable(url)}: {type(error).__name__}") from error

    async def _send(self, url: str, method: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        request = self._session.request(method, url, data=body, headers=headers, allow_redirects=False)
        async with request as response:
            received = bytearray()
            async for piece in response.content.iter_chunked(65536):
                received += piece
                if len(received) > MAX_BODY:
                    raise Problem(FetchProblem.TOO_LARGE, f"{loggable(url)} is larger than {MAX_BODY} bytes")
            answered = {name.lower(): value for name, value in response.headers.items()}
            return Answer(url, response.status, bytes(received), answered)
