"""Fetching for dialogs: only from where the call may fetch, with HTTP's caching, cookies, redirects and patience."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin

import structlog

from mediaserver.dialog.answer import MAX_BODY, Answer, Problem, loggable
from mediaserver.dialog.cache import Found, HttpCache, Request
from mediaserver.dialog.policy import Place, Policy, Reach
from vxml.messages import Fetch, Fetched, FetchFailed, FetchProblem

if TYPE_CHECKING:
    from mediaserver.dialog.http import Cookies
    from mediaserver.dialog.transport import Transport

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset((301, 302, 303, 307, 308))

log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Visitor:
    """One session as servers see it: where it may go, whose private answers it has, its cookies."""

    policy: Policy
    session: str = ""
    cookies: Cookies | None = field(default=None, repr=False)


class Fetcher(Protocol):
    async def fetch(self, command: Fetch, visitor: Visitor) -> Fetched | FetchFailed: ...

    def forget(self, visitor: Visitor) -> None:
        """Its session is over."""
        ...


@dataclass(slots=True)
class _Errand:
    """A fetch on its way: what is asked next, and until when (by the loop's clock)."""

    command: Fetch
    visitor: Visitor
    deadline: float
    url: str
    method: str
    body: bytes | None

    def redirect(self, answer: Answer) -> None:
        """RFC 9110 section 15.4."""
        fragment = self.url.partition("#")[2]
        self.url = urljoin(self.url, answer.headers["location"])
        if fragment and "#" not in self.url:
            self.url += f"#{fragment}"
        if answer.status == 303 or (self.method == "POST" and answer.status in (301, 302)):
            self.method, self.body = "GET", None


class HttpFetcher:
    """One per worker; the cache is shared by its sessions, which belong to one organization and revision.

    `clock` is seconds since the epoch.
    """

    def __init__(
        self,
        cache: HttpCache | None = None,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cache = cache or HttpCache()
        self._transport = transport
        self._clock = clock
        #: What was answered from the cache, and what the server was asked for.
        self.found = self.missed = 0

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    def forget(self, visitor: Visitor) -> None:
        self._cache.forget(visitor.session)

    async def fetch(self, command: Fetch, visitor: Visitor) -> Fetched | FetchFailed:
        deadline = asyncio.get_running_loop().time() + max(0.1, command.timeout)
        errand = _Errand(command, visitor, deadline, command.url, command.method.upper(), command.body)
        try:
            answer = await self._run(errand)
        except Problem as problem:
            log.info("fetch_failed", url=loggable(command.url), problem=problem.kind.value)
            return FetchFailed(command.id, problem.kind, problem.detail)
        kind = answer.headers.get("content-type", "")
        return Fetched(command.id, answer.url, answer.status, answer.body, kind, answer.headers)

    async def _run(self, errand: _Errand) -> Answer:
        for _ in range(_MAX_REDIRECTS + 1):
            # Asked anew at each hop: that a server may be fetched from says nothing of where it sends us.
            place = errand.visitor.policy.place(errand.url)
            if place.reach is Reach.FILE:
                return await asyncio.to_thread(_read_file, place)
            answer = await self._one(errand, place)
            if answer.status not in _REDIRECTS or not answer.headers.get("location"):
                return answer
            errand.redirect(answer)
        raise Problem(FetchProblem.UNREACHABLE, f"{loggable(errand.command.url)}: more than {_MAX_REDIRECTS} redirects")

    async def _one(self, errand: _Errand, place: Place) -> Answer:
        request = _request(errand, place)
        found = self._cache.find(request, self._clock())
        if found.answer is not None:
            self.found += 1
            return found.answer
        self.missed += 1
        answer = await self._ask(errand, place, request, found)
        if answer is None:
            # The server's 304 spoke of something that is not here.
            answer = await self._ask(errand, place, request, Found(None, {}))
        if answer is None:
            raise Problem(FetchProblem.UNREACHABLE, f"{loggable(place.url)}: 304 for what was not asked")
        return answer

    async def _ask(self, errand: _Errand, place: Place, request: Request, found: Found) -> Answer | None:
        headers = {**request.headers, **found.headers}
        if errand.body is not None and errand.command.content_type:
            headers["content-type"] = errand.command.content_type
        asked = self._clock()
        try:
            async with asyncio.timeout_at(errand.deadline):
                answer = await self._http().request(place, errand.method, errand.body, headers)
        except TimeoutError:
            late = Problem(FetchProblem.TIMEOUT, f"no answer within {errand.command.timeout:g} s")
            return self._instead(request, found, late)
        except Problem as problem:
            return self._instead(request, found, problem)
        if answer.cookies:
            _cookies(errand.visitor).take(place.url, answer.cookies)
        if answer.status == 304 and found.stored is None and request.method == "GET":
            return None
        return self._cache.arrived(request, found, answer, asked, self._clock())

    def _instead(self, request: Request, found: Found, problem: Problem) -> Answer:
        answer = None
        if problem.kind in (FetchProblem.TIMEOUT, FetchProblem.UNREACHABLE):
            answer = self._cache.unanswered(request, found, self._clock())
        if answer is None:
            raise problem
        log.info("stale_answer_used", url=loggable(request.url), problem=problem.kind.value)
        return answer

    def _http(self) -> Transport:
        if self._transport is None:
            from mediaserver.dialog.http import HttpClient

            self._transport = HttpClient()
        return self._transport


def _request(errand: _Errand, place: Place) -> Request:
    visitor, command = errand.visitor, errand.command
    cookie = visitor.cookies.header(place.url) if visitor.cookies is not None else ""
    return Request(
        errand.method,
        place.url,
        headers={"cookie": cookie} if cookie else {},
        max_age=command.max_age,
        max_stale=command.max_stale,
        keep=not command.private,
        session=visitor.session,
    )


def _cookies(visitor: Visitor) -> Cookies:
    if visitor.cookies is None:
        from mediaserver.dialog.http import Cookies

        visitor.cookies = Cookies()
    return visitor.cookies


def _read_file(place: Place) -> Answer:
    path = place.path or Path()
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BODY + 1)
    except OSError:
        return Answer(place.url, 404, b"", {})
    if len(body) > MAX_BODY:
        raise Problem(FetchProblem.TOO_LARGE, f"{path.name} is larger than {MAX_BODY} bytes")
    return Answer(place.url, 200, body, {})
