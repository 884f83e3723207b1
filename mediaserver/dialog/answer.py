"""What a fetch gives, whatever it was fetched over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from vxml.messages import FetchProblem

#: Bytes of the largest document or audio file.
MAX_BODY = 4 << 20


class Problem(Exception):
    """A fetch that ends with FetchFailed."""

    def __init__(self, kind: FetchProblem, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Answer:
    """`url` is where it came from in the end; header names are in lower case, `cookies` the Set-Cookie lines."""

    url: str
    status: int
    body: bytes
    headers: Mapping[str, str]
    cookies: tuple[str, ...] = ()


def loggable(url: str) -> str:
    """Without query and path tokens: they may hold what was typed, or a signature."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{parts.path.strip('/').partition('/')[0]}"
