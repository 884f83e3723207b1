"""A private HTTP cache in memory (RFC 9111, as far as a VoiceXML browser needs it)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

MAX_BYTES = 32 << 20
_MAX_ENTRY = 4 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A 200 answer. `at` is monotonic seconds of its last validation."""

    body: bytes
    headers: Mapping[str, str]
    at: float
    lifetime: float
    storable: bool
    must_ask: bool

    @classmethod
    def of(cls, body: bytes, headers: Mapping[str, str], now: float) -> Stored:
        directives = dict(_directives(headers.get("cache-control", "")))
        lifetime = float(directives["max-age"]) if directives.get("max-age", "").isdecimal() else 0.0
        validated = lifetime > 0 or "etag" in headers or "last-modified" in headers
        return cls(
            body=body,
            headers=headers,
            at=now - _age(headers),
            lifetime=lifetime,
            storable="no-store" not in directives and headers.get("vary", "") != "*" and validated,
            must_ask="no-cache" in directives,
        )

    def fresh(self, now: float, max_age: float | None, max_stale: float | None) -> bool:
        """Whether it may be used without asking; `max_age` and `max_stale` are the document's (VoiceXML 6.1.2.1)."""
        age = now - self.at
        if self.must_ask or (max_age is not None and age > max_age):
            return False
        return age <= self.lifetime + (max_stale or 0.0)

    def conditions(self) -> Iterator[tuple[str, str]]:
        """Headers that make a request conditional."""
        if etag := self.headers.get("etag"):
            yield "If-None-Match", etag
        if modified := self.headers.get("last-modified"):
            yield "If-Modified-Since", modified


class HttpCache:
    """Least recently used out first."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._entries: OrderedDict[str, Stored] = OrderedDict()

    def get(self, url: str) -> Stored | None:
        entry = self._entries.get(url)
        if entry is not None:
            self._entries.move_to_end(url)
        return entry

    def put(self, url: str, entry: Stored) -> None:
        self._drop(url)
        if not entry.storable or len(entry.body) > _MAX_ENTRY:
            return
        self._entries[url] = entry
        self._size += len(entry.body)
        while self._size > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def renew(self, url: str, headers: Mapping[str, str], now: float) -> Stored:
        """A 304 came for what is stored under `url`."""
        old = self._entries[url]
        merged = {**old.headers, **{name: value for name, value in headers.items() if name != "content-length"}}
        self._entries[url] = renewed = replace(Stored.of(old.body, merged, now), storable=True)
        return renewed

    def _drop(self, url: str) -> None:
        entry = self._entries.pop(url, None)
        if entry is not None:
            self._size -= len(entry.body)


def _directives(header: str) -> Iterator[tuple[str, str]]:
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        yield name.lower(), value.strip('"')


def _age(headers: Mapping[str, str]) -> float:
    text = headers.get("age", "")
    return float(text) if text.isdecimal() else 0.0
