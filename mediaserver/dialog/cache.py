"""An HTTP cache in memory by RFC 9111: no sockets, `now` is a parameter (seconds since the epoch).

It stands for one user agent, the platform on behalf of one organization's script, so what only shared caches heed
(s-maxage, proxy-revalidate) is ignored. Its sessions are different callers, though: what the server calls `private`, or
sends with a cookie, is kept for the session that asked. Why no library: hishel 2.0, the one that is sans-IO, reads the
clock itself and knows neither max-age nor max-stale of requests, which are VoiceXML's maxage and maxstale, nor Age.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urljoin

from common.origins import BadUrl, split_url
from mediaserver.dialog.answer import Answer
from mediaserver.dialog.freshness import HEURISTIC, CacheControl, initial_age, lifetime

MAX_BYTES: Final = 32 << 20
#: What an entry costs beside its body.
_OVERHEAD: Final = 1024
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_SERVER_ERRORS: Final = frozenset((500, 502, 503, 504))
#: Sections 3.1 and 3.2: never stored; and not taken over from a 304.
_HOP_BY_HOP: Final = frozenset(
    ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-authenticate", "set-cookie")
)
_OF_THE_BODY: Final = frozenset(("content-encoding", "content-length", "content-range", "content-type"))


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` are in lower case; `max_age` and `max_stale` are VoiceXML's (6.1.2.1), seconds.

    `keep` False is no-store. `session` is whose private answers it may have.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    max_age: float | None = None
    max_stale: float | None = None
    keep: bool = True
    session: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """`vary` are the request's values of the headers that the answer varies by; `session` "" is everybody's."""

    answer: Answer
    control: CacheControl
    vary: tuple[tuple[str, str], ...]
    session: str
    lifetime: float
    initial_age: float
    arrived: float

    def age(self, now: float) -> float:
        return self.initial_age + max(0.0, now - self.arrived)

    def stale_by(self, now: float) -> float:
        """Seconds beyond its lifetime; at 0 it has just become stale."""
        return self.age(now) - self.lifetime

    def usable(self, request: Request, now: float) -> bool:
        """Without asking the server (RFC 9111 section 4, VoiceXML 6.1.2)."""
        if self.control.no_cache or (request.max_age is not None and self.age(now) > request.max_age):
            return False
        stale_by = self.stale_by(now)
        if stale_by < 0:
            return True
        return request.max_stale is not None and stale_by <= request.max_stale and not self.control.must_revalidate

    def usable_instead(self, request: Request, now: float) -> bool:
        """When the server cannot answer (RFC 5861 section 4)."""
        if self.control.no_cache or self.control.must_revalidate:
            return False
        if request.max_age is not None and self.age(now) > request.max_age:
            return False
        return bool(self.control.stale_if_error) and self.stale_by(now) <= self.control.stale_if_error

    def fits(self, request: Request) -> bool:
        return self.session in ("", request.session) and self.vary == _varying(self.answer, request)

    @property
    def key(self) -> _Key:
        return self.answer.url, self.session, self.vary


_Key = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Found:
    """What the cache has for a request: an answer to use at once, or the headers to ask the server with."""

    answer: Answer | None
    headers: Mapping[str, str]
    stored: Stored | None = None


class HttpCache:
    """Least recently used out first."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._entries: OrderedDict[_Key, Stored] = OrderedDict()
        self._by_url: dict[str, list[_Key]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, request: Request, now: float) -> Found:
        stored = self._select(request)
        if stored is None:
            return Found(None, dict(_directives(request)))
        self._entries.move_to_end(stored.key)
        if stored.usable(request, now):
            return Found(stored.answer, {}, stored)
        return Found(None, {**dict(_directives(request)), **dict(_conditions(stored))}, stored)

    def arrived(self, request: Request, found: Found, answer: Answer, asked: float, now: float) -> Answer | None:
        """The answer to use for what the server said; None: ask again, with an empty `Found`."""
        if request.method not in _SAFE:
            if 200 <= answer.status < 400:
                self._invalidate(request.url, answer)
            return answer
        stored = found.stored
        if answer.status == 304 and stored is not None:
            return self._renew(stored, answer, asked, now)
        if answer.status in _SERVER_ERRORS and stored is not None and stored.usable_instead(request, now):
            return stored.answer
        if stored is not None and answer.status < 500:
            self._drop(stored.key)
        self._keep(request, answer, asked, now)
        return answer

    def unanswered(self, request: Request, found: Found, now: float) -> Answer | None:
        """What may be used because the server could not be reached, or did not answer in time."""
        stored = found.stored
        return stored.answer if stored is not None and stored.usable_instead(request, now) else None

    def forget(self, session: str) -> None:
        """The session is over."""
        for key in [key for key in self._entries if session and key[1] == session]:
            self._drop(key)

    # --- inside

    def _select(self, request: Request) -> Stored | None:
        """Of those that fit, the youngest (section 4.1)."""
        if request.method != "GET":
            return None
        fitting = [self._entries[key] for key in self._by_url.get(request.url, ())]
        return max((one for one in fitting if one.fits(request)), key=lambda one: one.arrived, default=None)

    def _keep(self, request: Request, answer: Answer, asked: float, now: float) -> None:
        control = CacheControl.parse(answer.headers.get("cache-control", ""))
        seconds, said = lifetime(answer.status, answer.headers, control, now)
        if not _storable(request, answer, control, seconds, said):
            return
        self._put(
            Stored(
                answer=_without_hops(answer),
                control=control,
                vary=_varying(answer, request),
                session=request.session if control.private or answer.cookies else "",
                lifetime=seconds,
                initial_age=initial_age(answer.headers, asked, now),
                arrived=now,
            )
        )

    def _renew(self, stored: Stored, answer: Answer, asked: float, now: float) -> Answer | None:
        """A 304 came (section 4.3.4); None when it speaks of another representation than ours."""
        tag, ours = answer.headers.get("etag", ""), stored.answer.headers.get("etag", "")
        if tag and ours and tag.removeprefix("W/") != ours.removeprefix("W/"):
            self._drop(stored.key)
            return None
        # An age of before the validation says nothing any more.
        old = {name: value for name, value in stored.answer.headers.items() if name not in ("age", "date")}
        new = {name: value for name, value in answer.headers.items() if name not in _OF_THE_BODY | _HOP_BY_HOP}
        headers = {**old, **new}
        control = CacheControl.parse(headers.get("cache-control", ""))
        self._drop(stored.key)
        renewed = replace(
            stored,
            answer=replace(stored.answer, headers=headers),
            control=control,
            lifetime=lifetime(stored.answer.status, headers, control, now)[0],
            initial_age=initial_age(headers, asked, now),
            arrived=now,
        )
        if not control.no_store:
            self._put(renewed)
        return renewed.answer

    def _invalidate(self, url: str, answer: Answer) -> None:
        """Section 4.4: what was changed by an unsafe request is not used any more."""
        changed = {url}
        for name in ("location", "content-location"):
            if name in answer.headers:
                other = urljoin(url, answer.headers[name]).partition("#")[0]
                if _same_origin(url, other):
                    changed.add(other)
        for one in changed:
            for key in tuple(self._by_url.get(one, ())):
                self._drop(key)

    def _put(self, stored: Stored) -> None:
        cost = _cost(stored)
        self._drop(stored.key)
        if cost > self._max_bytes:
            return
        self._entries[stored.key] = stored
        self._by_url.setdefault(stored.answer.url, []).append(stored.key)
        self._size += cost
        while self._size > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: _Key) -> None:
        stored = self._entries.pop(key, None)
        if stored is None:
            return
        self._size -= _cost(stored)
        keys = self._by_url[key[0]]
        keys.remove(key)
        if not keys:
            del self._by_url[key[0]]


def _storable(request: Request, answer: Answer, control: CacheControl, seconds: float, said: bool) -> bool:
    """Section 3; and of use: fresh for a while, or able to be validated."""
    if request.method != "GET" or not request.keep or control.no_store or answer.status in (206, 304):
        return False
    if answer.status < 200 or not (said or control.public or control.private or answer.status in HEURISTIC):
        return False
    if "*" in answer.headers.get("vary", ""):
        return False
    return seconds > 0 or "etag" in answer.headers or "last-modified" in answer.headers


def _varying(answer: Answer, request: Request) -> tuple[tuple[str, str], ...]:
    names = sorted({name.strip().lower() for name in answer.headers.get("vary", "").split(",")} - {""})
    return tuple((name, " ".join(request.headers.get(name, "").split())) for name in names)


def _directives(request: Request) -> Iterator[tuple[str, str]]:
    """For caches between here and the server."""
    parts = [
        f"{name}={int(value)}"
        for name, value in (("max-age", request.max_age), ("max-stale", request.max_stale))
        if value is not None
    ]
    if not request.keep:
        parts.append("no-store")
    if parts:
        yield "cache-control", ", ".join(parts)


def _conditions(stored: Stored) -> Iterator[tuple[str, str]]:
    """Section 4.3.1."""
    if etag := stored.answer.headers.get("etag"):
        yield "if-none-match", etag
    if modified := stored.answer.headers.get("last-modified"):
        yield "if-modified-since", modified


def _without_hops(answer: Answer) -> Answer:
    named = {name.strip().lower() for name in answer.headers.get("connection", "").split(",")}
    headers = {name: value for name, value in answer.headers.items() if name not in _HOP_BY_HOP | named}
    return replace(answer, headers=headers, cookies=())


def _same_origin(one: str, other: str) -> bool:
    try:
        return split_url(one)[0] == split_url(other)[0]
    except BadUrl:
        return False


def _cost(stored: Stored) -> int:
    return _OVERHEAD + len(stored.answer.body)
