"""An HTTP client for the `twilio` package: pooled aiohttp connections, a base address that can be set.

The package's own async client logs request parameters (telephone numbers) and has no setting for the address.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from common.errors import ConfigError


class PooledHttpClient(AsyncHttpClient):
    """Sends every request to `api_url`, keeping its path. Opens its session on the first request."""

    def __init__(self, api_url: str, *, timeout: float = 15.0, connections: int = 50) -> None:
        super().__init__(logging.getLogger("clarion.twilio"), is_async=True, timeout=timeout)
        self._base = urlsplit(api_url)
        if self._base.scheme not in ("http", "https") or not self._base.netloc:
            raise ConfigError(f"CLARION_TWILIO_API_URL: {api_url!r} is not an address such as https://api.twilio.com")
        self._limit = connections
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        sent_headers = dict(headers or {})
        if auth:
            sent_headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode("ascii")
        async with self._open().request(
            method,
            self.rewrite(url),
            params={name: str(value) for name, value in params.items()} if params else None,
            data={name: str(value) for name, value in data.items()} if data else None,
            headers=sent_headers,
            timeout=aiohttp.ClientTimeout(total=timeout or self.timeout),
            allow_redirects=allow_redirects,
        ) as answer:
            return Response(answer.status, await answer.text(), answer.headers)

    def rewrite(self, url: str) -> str:
        """`https://api.twilio.com/2010-04-01/...` at the address that was set."""
        asked = urlsplit(url)
        path = self._base.path.rstrip("/") + asked.path
        return urlunsplit((self._base.scheme, self._base.netloc, path, asked.query, ""))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=self._limit))
        return self._session
