"""HTTP for dialogs. Imported when the first script comes over HTTP: the library is a third of a worker's start."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from yarl import URL

from common.origins import is_public
from mediaserver.dialog.answer import MAX_BODY, Answer, Problem, loggable
from mediaserver.dialog.policy import Place, Reach
from vxml.messages import FetchProblem

#: Seconds a refused connection is tried again: a web server being restarted must not end calls.
_RECONNECT = 5.0
_RECONNECT_PAUSE = 0.2


class HttpClient:
    """Connections kept open for all sessions of a worker. Created inside a running event loop.

    Origins that only an organization listed have connections of their own, each to an address that `public` approved of
    at the moment of connecting: between a look-up and the connection no name can change its meaning.
    """

    def __init__(self, public: Callable[[str], bool] = is_public) -> None:
        self._public = public
        self._anywhere = _session(aiohttp.TCPConnector())
        self._outside = _session(aiohttp.TCPConnector(socket_factory=self._public_socket))

    async def close(self) -> None:
        await self._anywhere.close()
        await self._outside.close()

    async def request(self, place: Place, method: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        give_up = time.monotonic() + _RECONNECT
        while True:
            try:
                return await self._send(place, method, body, headers)
            except aiohttp.ClientConnectionError as error:
                if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno == errno.EACCES:
                    raise Problem(FetchProblem.FORBIDDEN, f"{place.origin} is at no public address") from error
                # A request that may have arrived is repeated only where repeating does no harm.
                again = isinstance(error, aiohttp.ClientConnectorError) or method == "GET"
                if not again or isinstance(error, aiohttp.ClientConnectorDNSError) or time.monotonic() > give_up:
                    raise _unreachable(place, error) from error
                await asyncio.sleep(_RECONNECT_PAUSE)
            except (aiohttp.ClientError, ValueError) as error:
                raise _unreachable(place, error) from error

    async def _send(self, place: Place, method: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        session = self._anywhere if place.reach is Reach.ANYWHERE else self._outside
        request = session.request(method, place.url, data=body, headers=headers, allow_redirects=False)
        async with request as response:
            received = bytearray()
            async for piece in response.content.iter_chunked(65536):
                received += piece
                if len(received) > MAX_BODY:
                    raise Problem(FetchProblem.TOO_LARGE, f"{loggable(place.url)} is larger than {MAX_BODY} bytes")
            names = {name.lower() for name in response.headers} - {"set-cookie"}
            together = {name: ", ".join(response.headers.getall(name)) for name in names}
            cookies = tuple(response.headers.getall("Set-Cookie", ()))
            return Answer(place.url, response.status, bytes(received), together, cookies)

    def _public_socket(self, address: Any) -> socket.socket:
        """For one address that a name was found to have, or that was written as such."""
        family, kind, protocol, _, where = address
        if not self._public(str(where[0])):
            raise PermissionError(errno.EACCES, "no public address")
        return socket.socket(family, kind, protocol)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"User-Agent": "Clarion"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _unreachable(place: Place, error: Exception) -> Problem:
    return Problem(FetchProblem.UNREACHABLE, f"{loggable(place.url)}: {type(error).__name__}")


class Cookies:
    """One session's cookies (RFC 6265); servers that are named by their IP address may set them too."""

    def __init__(self) -> None:
        self._jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)

    def header(self, url: str) -> str:
        """What to send as Cookie, "" for none."""
        return "; ".join(f"{name}={one.coded_value}" for name, one in self._jar.filter_cookies(URL(url)).items())

    def take(self, url: str, lines: tuple[str, ...]) -> None:
        """The Set-Cookie lines that came with an answer of `url`."""
        self._jar.update_cookies_from_headers(lines, URL(url))
