"""Fetching for dialogs: only from where the call may fetch, with HTTP's caching, limits and patience."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urljoin, urlsplit

import structlog

from mediaserver.dialog.answer import MAX_BODY, Answer, Problem, loggable
from mediaserver.dialog.cache import HttpCache, Stored
from vxml.messages import Fetch, Fetched, FetchFailed, FetchProblem

if TYPE_CHECKING:
    from mediaserver.dialog.http import HttpClient

_MAX_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}

log = structlog.get_logger()


class Fetcher(Protocol):
    async def fetch(self, command: Fetch, allow: tuple[str, ...]) -> Fetched | FetchFailed: ...


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


class HttpFetcher:
    """One per worker; the cache is shared by its sessions, which belong to one organization and revision."""

    def __init__(self, cache: HttpCache | None = None) -> None:
        self._cache = cache or HttpCache()
        self._client: HttpClient | None = None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def fetch(self, command: Fetch, allow: tuple[str, ...]) -> Fetched | FetchFailed:
        try:
            async with asyncio.timeout(max(0.1, command.timeout)):
                answer = await self._get(command, allow)
        except TimeoutError:
            return FetchFailed(command.id, FetchProblem.TIMEOUT, f"no answer within {command.timeout:g} s")
        except Problem as problem:
            log.info("fetch_failed", url=loggable(command.url), problem=problem.kind.value)
            return FetchFailed(command.id, problem.kind, problem.detail)
        kind = answer.headers.get("content-type", "")
        return Fetched(command.id, answer.url, answer.status, answer.body, kind, answer.headers)

    async def _get(self, command: Fetch, allow: tuple[str, ...]) -> Answer:
        url, method, body = command.url.partition("#")[0], command.method.upper(), command.body
        for _ in range(_MAX_REDIRECTS + 1):
            if not allowed(url, allow):
                raise Problem(FetchProblem.FORBIDDEN, f"{loggable(url)} is not among the hosts this call may use")
            if url.startswith("file:"):
                return await asyncio.to_thread(_read_file, url)
            answer = await self._one(command, url, method, body)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = urljoin(url, answer.headers.get("location", ""))
            if answer.status == 303 or (method == "POST" and answer.status in (301, 302)):
                method, body = "GET", None
        raise Problem(FetchProblem.FORBIDDEN, f"more than {_MAX_REDIRECTS} redirects")

    async def _one(self, command: Fetch, url: str, method: str, body: bytes | None) -> Answer:
        stored = self._cache.get(url) if method == "GET" else None
        if stored is not None and stored.fresh(time.monotonic(), command.max_age, command.max_stale):
            return Answer(url, 200, stored.body, stored.headers)
        headers = dict(stored.conditions()) if stored is not None else {}
        if command.content_type:
            headers["Content-Type"] = command.content_type
        answer = await self._http().request(url, method, body, headers)
        if answer.status == 304 and stored is not None:
            renewed = self._cache.renew(url, answer.headers, time.monotonic())
            return Answer(url, 200, renewed.body, renewed.headers)
        if method == "GET" and answer.status == 200 and not command.private:
            self._cache.put(url, Stored.of(answer.body, answer.headers, time.monotonic()))
        return answer

    def _http(self) -> HttpClient:
        if self._client is None:
            from mediaserver.dialog.http import HttpClient

            self._client = HttpClient()
        return self._client


def _read_file(url: str) -> Answer:
    path = Path(unquote(urlsplit(url).path))
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BODY + 1)
    except OSError:
        return Answer(url, 404, b"", {})
    if len(body) > MAX_BODY:
        raise Problem(FetchProblem.TOO_LARGE, f"{path.name} is larger than {MAX_BODY} bytes")
    return Answer(url, 200, body, {})
