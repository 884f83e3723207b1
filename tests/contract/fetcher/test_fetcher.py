"""What every way of fetching keeps to: policy, caching, cookies, redirects, patience. In memory and over loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from mediaserver.dialog.answer import MAX_BODY, Answer
from mediaserver.dialog.fetch import HttpFetcher, Visitor
from mediaserver.dialog.http import HttpClient
from mediaserver.dialog.policy import Policy
from mediaserver.dialog.transport import Asked, MemoryTransport, Transport
from vxml.messages import Fetch, Fetched, FetchFailed, FetchProblem

pytestmark = pytest.mark.asyncio


class Site:
    """A web server's content: each path answers what it was given, the last for ever."""

    def __init__(self) -> None:
        self._pages: dict[str, list[tuple[int, bytes, list[tuple[str, str]]]]] = {}
        self.asked: list[Asked] = []
        self.pause = 0.0
        #: Nobody waits for answers any more: whoever pauses ends.
        self.closed = asyncio.Event()

    def put(self, path: str, body: bytes = b"", status: int = 200, *headers: tuple[str, str]) -> None:
        self._pages.setdefault(path, []).append((status, body, list(headers)))

    async def serve(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pause):
                await self.closed.wait()
        path = "/" + asked.url.split("/", 3)[3].partition("?")[0]
        answers = self._pages.get(path, [(404, b"", [])])
        status, body, headers = answers[0] if len(answers) == 1 else answers.pop(0)
        plain = {name.lower(): value for name, value in headers if name != "Set-Cookie"}
        return Answer(asked.url, status, body, plain, tuple(value for name, value in headers if name == "Set-Cookie"))


@dataclass
class Bench:
    """`other` is a second server; `origin` and `other` are where they are."""

    site: Site
    origin: str
    other: str
    transport: Transport
    now: float = field(default_factory=time.time)
    fetcher: HttpFetcher = field(init=False)

    def __post_init__(self) -> None:
        self.fetcher = HttpFetcher(transport=self.transport, clock=lambda: self.now)
        self.visitor = self.new_visitor("one")

    def new_visitor(self, session: str, *listed: str) -> Visitor:
        return Visitor(Policy((self.origin,), listed), session)

    async def get(self, url: str, visitor: Visitor | None = None, **command: Any) -> Fetched | FetchFailed:
        url = self.origin + url if url.startswith("/") else url
        return await self.fetcher.fetch(Fetch(7, url, **command), visitor or self.visitor)

    async def body(self, url: str, visitor: Visitor | None = None, **command: Any) -> bytes:
        answer = await self.get(url, visitor, **command)
        assert isinstance(answer, Fetched), answer
        assert answer.id == 7
        return answer.body

    async def problem(self, url: str, visitor: Visitor | None = None, **command: Any) -> FetchProblem:
        answer = await self.get(url, visitor, **command)
        assert isinstance(answer, FetchFailed), answer
        return answer.problem


async def _served(site: Site) -> tuple[web.AppRunner, str]:
    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = await site.serve(Asked(str(request.url), request.method, body or None, headers))
        response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        for cookie in answer.cookies:
            response.headers.add("Set-Cookie", cookie)
        return response

    application = web.Application(client_max_size=MAX_BODY)
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest_asyncio.fixture(params=["memory", "loopback"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    site = Site()
    if request.param == "memory":
        memory = Bench(site, "http://app.example", "http://other.example", MemoryTransport(site.serve))
        yield memory
        await memory.fetcher.close()
        return
    runner, origin = await _served(site)
    other_runner, other = await _served(site)
    real = Bench(site, origin, other, HttpClient())
    yield real
    await real.fetcher.close()
    site.closed.set()
    await runner.cleanup()
    await other_runner.cleanup()


async def test_a_page_comes_with_its_type_status_and_address(bench: Bench) -> None:
    bench.site.put("/a", b"<vxml/>", 200, ("Content-Type", "application/voicexml+xml; charset=utf-8"))
    answer = await bench.get("/a?x=1#form")
    assert isinstance(answer, Fetched)
    assert (answer.status, answer.body, answer.url) == (200, b"<vxml/>", f"{bench.origin}/a?x=1")
    assert answer.content_type.startswith("application/voicexml+xml")


@pytest.mark.parametrize("status", [404, 500, 503, 302])
async def test_an_error_is_answered_as_it_is(bench: Bench, status: int) -> None:
    bench.site.put("/a", b"sorry", status)
    answer = await bench.get("/a")
    assert isinstance(answer, Fetched)
    assert (answer.status, answer.body) == (status, b"sorry")


# --- caching


async def test_a_fresh_page_is_fetched_once_for_all_sessions(bench: Bench) -> None:
    bench.site.put("/a", b"page", 200, ("Cache-Control", "max-age=60"))
    for session in ("one", "two"):
        assert await bench.body("/a", bench.new_visitor(session)) == b"page"
    assert len(bench.site.asked) == 1


async def test_a_stale_page_is_validated(bench: Bench) -> None:
    bench.site.put("/a", b"page", 200, ("Cache-Control", "max-age=60"), ("ETag", '"1"'))
    bench.site.put("/a", b"", 304, ("ETag", '"1"'), ("Cache-Control", "max-age=600"))
    await bench.get("/a")
    bench.now += 61
    assert await bench.body("/a") == b"page"
    assert bench.site.asked[1].headers["if-none-match"] == '"1"'
    assert await bench.body("/a") == b"page"
    assert len(bench.site.asked) == 2


async def test_a_304_that_speaks_of_another_page_is_asked_again(bench: Bench) -> None:
    bench.site.put("/a", b"old", 200, ("ETag", '"1"'))
    bench.site.put("/a", b"", 304, ("ETag", '"2"'))
    bench.site.put("/a", b"new", 200, ("ETag", '"2"'))
    await bench.get("/a")
    assert await bench.body("/a") == b"new"
    assert "if-none-match" not in bench.site.asked[2].headers


async def test_maxage_and_maxstale_are_told_to_caches_on_the_way(bench: Bench) -> None:
    bench.site.put("/a", b"page")
    await bench.get("/a", max_age=0.0, max_stale=5.0)
    assert bench.site.asked[0].headers["cache-control"] == "max-age=0, max-stale=5"


async def test_a_private_page_is_shown_to_its_own_session_only(bench: Bench) -> None:
    bench.site.put("/a", b"for one", 200, ("Cache-Control", "private, max-age=60"))
    bench.site.put("/a", b"for two", 200, ("Cache-Control", "private, max-age=60"))
    one, two = bench.new_visitor("one"), bench.new_visitor("two")
    assert [await bench.body("/a", who) for who in (one, two, one)] == [b"for one", b"for two", b"for one"]
    bench.fetcher.forget(one)
    assert await bench.body("/a", one) == b"for two"
    assert len(bench.site.asked) == 3


async def test_a_post_makes_the_page_it_changed_be_asked_for_again(bench: Bench) -> None:
    bench.site.put("/a", b"1", 200, ("Cache-Control", "max-age=60"))
    await bench.get("/a")
    await bench.get("/a", method="POST", body=b"x=1", content_type="application/x-www-form-urlencoded")
    await bench.get("/a")
    assert [asked.method for asked in bench.site.asked] == ["GET", "POST", "GET"]


async def test_a_kept_page_stands_in_for_a_slow_or_failing_server_where_it_may(bench: Bench) -> None:
    bench.site.put("/a", b"kept", 200, ("Cache-Control", "max-age=1, stale-if-error=600"))
    bench.site.put("/a", b"", 503)
    await bench.get("/a")
    bench.now += 2
    # Nothing to validate it with: it is asked for anew, and fails.
    assert await bench.body("/a") == b"kept"
    bench.site.pause = 5
    assert await bench.body("/a", timeout=0.1) == b"kept"


# --- cookies


async def test_cookies_are_sent_back_by_their_own_session(bench: Bench) -> None:
    bench.site.put("/in", b"", 200, ("Set-Cookie", "session=abc; Path=/; HttpOnly"), ("Set-Cookie", "b=2; Path=/only"))
    bench.site.put("/a", b"")
    await bench.get("/in")
    await bench.get("/a")
    await bench.get("/only/a")
    await bench.get("/a", bench.new_visitor("two"))
    assert [asked.headers.get("cookie") for asked in bench.site.asked] == [
        None,
        "session=abc",
        "session=abc; b=2",
        None,
    ]


async def test_cookies_go_to_no_other_server_and_can_be_taken_back(bench: Bench) -> None:
    visitor = Visitor(Policy((bench.origin, "http://other.invalid")), "one")
    bench.site.put("/in", b"", 200, ("Set-Cookie", "session=abc"))
    bench.site.put("/out", b"", 200, ("Set-Cookie", "session=; Max-Age=0; Path=/"))
    bench.site.put("/foreign", b"", 200, ("Set-Cookie", "evil=1; Domain=elsewhere.example"))
    for path in ("/in", "/out", "/foreign", "/a"):
        await bench.get(path, visitor)
    assert [asked.headers.get("cookie") for asked in bench.site.asked] == [None, "session=abc", None, None]


# --- redirects


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [
        (301, "GET", None),
        (302, "GET", None),
        (303, "GET", None),
        (307, "POST", b"x=1"),
        (308, "POST", b"x=1"),
    ],
)
async def test_a_redirected_post_is_repeated_only_by_307_and_308(
    bench: Bench, status: int, method: str, body: bytes | None
) -> None:
    bench.site.put("/a", b"", status, ("Location", "b?y=2"))
    bench.site.put("/b", b"there")
    answer = await bench.get("/a", method="POST", body=b"x=1", content_type="application/x-www-form-urlencoded")
    assert isinstance(answer, Fetched)
    assert (answer.url, answer.body) == (f"{bench.origin}/b?y=2", b"there")
    asked = bench.site.asked[1]
    assert (asked.method, asked.body) == (method, body)
    assert ("content-type" in asked.headers) is (body is not None)


async def test_cookies_of_a_redirect_count(bench: Bench) -> None:
    bench.site.put("/a", b"", 302, ("Location", "/b"), ("Set-Cookie", "s=1"))
    bench.site.put("/b", b"there")
    assert await bench.body("/a") == b"there"
    assert bench.site.asked[1].headers["cookie"] == "s=1"


async def test_redirects_end_somewhere(bench: Bench) -> None:
    bench.site.put("/a", b"", 302, ("Location", "/a"))
    assert await bench.problem("/a") is FetchProblem.UNREACHABLE
    assert len(bench.site.asked) == 6


@pytest.mark.parametrize(
    "target",
    [
        "OTHER/a",
        "file:///etc/passwd",
        "data:text/plain,x",
        "//evil.example/",
        "http://2130706433/",
        "http://[::1]/",
        "\\\\x",
    ],
)
async def test_a_redirect_leads_nowhere_that_is_not_allowed(bench: Bench, target: str) -> None:
    bench.site.put("/a", b"", 302, ("Location", target.replace("OTHER", bench.other)))
    answer = await bench.get("/a")
    assert isinstance(answer, FetchFailed) or answer.url.startswith(bench.origin)
    assert len(bench.site.asked) <= 2
    assert all(asked.url.startswith(bench.origin) for asked in bench.site.asked)


async def test_other_hosts_and_schemes_are_never_asked(bench: Bench) -> None:
    for url in (f"{bench.other}/a", "file:///etc/passwd", "data:text/plain,x", "ftp://x/", "http://x@y/", ""):
        assert await bench.problem(url) is FetchProblem.FORBIDDEN
    assert bench.site.asked == []


# --- patience and bounds


async def test_a_slow_server_is_given_up_in_time(bench: Bench) -> None:
    bench.site.pause = 30
    assert await bench.problem("/a", timeout=0.1) is FetchProblem.TIMEOUT


async def test_form_data_goes_as_it_is(bench: Bench) -> None:
    bench.site.put("/a", b"ok")
    kind = "multipart/form-data; boundary=b"
    body = b'--b\r\nContent-Disposition: form-data; name="r"; filename="r.wav"\r\n\r\nRIFF\xff\r\n--b--\r\n'
    await bench.get("/a", method="POST", body=body, content_type=kind)
    assert (bench.site.asked[0].body, bench.site.asked[0].headers["content-type"]) == (body, kind)


async def test_many_sessions_fetch_at_once(bench: Bench) -> None:
    bench.site.put("/a", b"page", 200, ("Cache-Control", "private, max-age=60"))
    visitors = [bench.new_visitor(str(number)) for number in range(50)]
    bodies: list[Callable[[], Awaitable[bytes]]] = [lambda who=who: bench.body("/a", who) for who in visitors]
    assert await asyncio.gather(*(body() for body in bodies)) == [b"page"] * 50
    assert len(bench.site.asked) == 50
