"""Fetching for dialogs: only from where the call may fetch, with HTTP's caching, limits and patience."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urljoin, urlsplit

import aiohttp
import structlog

from mediaserver.dialog.cache import HttpCache, Stored
from vxml.messages import Fetch, Fetched, FetchFailed, FetchProblem

MAX_BODY = 4 << 20
_MAX_REDIRECTS = 5
#: Seconds a refused connection is tried again: a web server being restarted must not end calls.
_RECONNECT = 5.0
_RECONNECT_PAUSE = 0.2
_PORTS = {"http": 80, "https": 443}

log = structlog.get_logger()


class Fetcher(Protocol):
    async def fetch(self, command: Fetch, allow: tuple[str, ...]) -> Fetched | FetchFailed: ...


class Problem(Exception):
    """A fetch that ends with FetchFailed."""

    def __init__(self, kind: FetchProblem, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def allowed(url: str, allow: tuple[str, ...]) -> bool:
    """`allow` holds origins (`http://host:port`) and, for files, directories ending in a slash (`file:///dir/`)."""
    try:
        wanted = _origin(url)
    except ValueError:
        return False
    if wanted[0] == "file":
        path = str(Path(unquote(urlsplit(url).path)).resolve())
        directories = (unquote(urlsplit(entry).path) for entry in allow if entry.startswith("file:"))
        return any(path.startswith(str(Path(directory).resolve()).rstrip("/") + "/") for directory in directories)
    return wanted[0] in _PORTS and any(_origin(entry) == wanted for entry in allow)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    if parts.username is not None or "\\" in url:
        raise ValueError(url)
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme.lower(), 0)


@dataclass(frozen=True, slots=True)
class _Answer:
    url: str
    status: int
    body: bytes
    headers: Mapping[str, str]


class HttpFetcher:
    """One per worker; the cache is shared by its sessions, which belong to one organization and revision."""

    def __init__(self, cache: HttpCache | None = None) -> None:
        self._cache = cache or HttpCache()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(self, command: Fetch, allow: tuple[str, ...]) -> Fetched | FetchFailed:
        try:
            async with asyncio.timeout(max(0.1, command.timeout)):
                answer = await self._get(command, allow)
        except TimeoutError:
            return FetchFailed(command.id, FetchProblem.TIMEOUT, f"no answer within {command.timeout:g} s")
        except Problem as problem:
            log.info("fetch_failed", url=_loggable(command.url), problem=problem.kind.value)
            return FetchFailed(command.id, problem.kind, problem.detail)
        kind = answer.headers.get("content-type", "")
        return Fetched(command.id, answer.url, answer.status, answer.body, kind, answer.headers)

    async def _get(self, command: Fetch, allow: tuple[str, ...]) -> _Answer:
        url, method, body = command.url.partition("#")[0], command.method.upper(), command.body
        for _ in range(_MAX_REDIRECTS + 1):
            if not allowed(url, allow):
                raise Problem(FetchProblem.FORBIDDEN, f"{_loggable(url)} is not among the hosts this call may use")
            if url.startswith("file:"):
                return await asyncio.to_thread(_read_file, url)
            answer = await self._one(command, url, method, body)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = urljoin(url, answer.headers.get("location", ""))
            if answer.status == 303 or (method == "POST" and answer.status in (301, 302)):
                method, body = "GET", None
        raise Problem(FetchProblem.FORBIDDEN, f"more than {_MAX_REDIRECTS} redirects")

    async def _one(self, command: Fetch, url: str, method: str, body: bytes | None) -> _Answer:
        stored = self._cache.get(url) if method == "GET" else None
        if stored is not None and stored.fresh(time.monotonic(), command.max_age, command.max_stale):
            return _Answer(url, 200, stored.body, stored.headers)
        headers = dict(stored.conditions()) if stored is not None else {}
        if command.content_type:
            headers["Content-Type"] = command.content_type
        answer = await self._patiently(url, method, body, headers)
        if answer.status == 304 and stored is not None:
            renewed = self._cache.renew(url, answer.headers, time.monotonic())
            return _Answer(url, 200, renewed.body, renewed.headers)
        if method == "GET" and answer.status == 200 and not command.private:
            self._cache.put(url, Stored.of(answer.body, answer.headers, time.monotonic()))
        return answer

    async def _patiently(self, url: str, method: str, body: bytes | None, headers: Mapping[str, str]) -> _Answer:
        give_up = time.monotonic() + _RECONNECT
        while True:
            try:
                return await self._send(url, method, body, headers)
            except aiohttp.ClientConnectionError as error:
                # A request that may have arrived is repeated only where repeating does no harm.
                again = isinstance(error, aiohttp.ClientConnectorError) or method == "GET"
                if not again or isinstance(error, aiohttp.ClientConnectorDNSError) or time.monotonic() > give_up:
                    raise Problem(FetchProblem.UNREACHABLE, f"{_loggable(url)}: {type(error).__name__}") from error
                await asyncio.sleep(_RECONNECT_PAUSE)
            except (aiohttp.ClientError, ValueError) as error:
                raise Problem(FetchProblem.UNREACHABLE, f"{_loggable(url)}: {type(error).__name__}") from error

    async def _send(self, url: str, method: str, body: bytes | None, headers: Mapping[str, str]) -> _Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": "Clarion"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        request = self._session.request(method, url, data=body, headers=headers, allow_redirects=False)
        async with request as response:
            received = bytearray()
            async for piece in response.content.iter_chunked(65536):
                received += piece
                if len(received) > MAX_BODY:
                    raise Problem(FetchProblem.TOO_LARGE, f"{_loggable(url)} is larger than {MAX_BODY} bytes")
            answered = {name.lower(): value for name, value in response.headers.items()}
            return _Answer(url, response.status, bytes(received), answered)


def _read_file(url: str) -> _Answer:
    path = Path(unquote(urlsplit(url).path))
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BODY + 1)
    except OSError:
        return _Answer(url, 404, b"", {})
    if len(body) > MAX_BODY:
        raise Problem(FetchProblem.TOO_LARGE, f"{path.name} is larger than {MAX_BODY} bytes")
    return _Answer(url, 200, body, {})


def _loggable(url: str) -> str:
    """Without query and path tokens: they may hold what was typed, or a signature."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{parts.path.strip('/').partition('/')[0]}"
