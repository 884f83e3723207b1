"""How long an answer is fresh and how old it is (RFC 9111 section 4.2), and its Cache-Control (section 5.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

#: Statuses whose answers may be kept without being told so (RFC 9110 section 15.1), less the partial one.
HEURISTIC: Final = frozenset((200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501))
#: Without a word from the server: this part of the time since the last change, a day at the most (section 4.2.2).
_HEURISTIC_PART: Final = 0.1
_HEURISTIC_MOST: Final = 86_400.0
_MOST: Final = 2**31

_DIRECTIVE: Final = re.compile(
    r"""\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?\s*"""
)


@dataclass(frozen=True, slots=True)
class CacheControl:
    """What a response says. `no-cache` and `private` that name fields count as without names: the stricter reading."""

    max_age: float | None = None
    stale_if_error: float = 0.0
    no_store: bool = False
    no_cache: bool = False
    private: bool = False
    public: bool = False
    must_revalidate: bool = False

    @classmethod
    def parse(cls, header: str) -> CacheControl:
        found: dict[str, str | None] = {}
        for name, value in _directives(header):
            # Said twice, the shorter lifetime holds (section 4.2.1).
            if name == "max-age" and name in found:
                value = str(int(min(_seconds(found[name]), _seconds(value))))
            found[name] = value
        return cls(
            max_age=_seconds(found["max-age"]) if "max-age" in found else None,
            stale_if_error=_seconds(found.get("stale-if-error")),
            no_store="no-store" in found,
            no_cache="no-cache" in found,
            private="private" in found,
            public="public" in found,
            must_revalidate="must-revalidate" in found,
        )


def _directives(header: str) -> list[tuple[str, str | None]]:
    found = []
    at = 0
    while at < len(header):
        match = _DIRECTIVE.match(header, at)
        if match is None:
            # Not a directive: go on behind the next comma.
            at = header.find(",", at) + 1 or len(header)
            continue
        found.append((match[1].lower(), match[2] if match[2] is not None else match[3]))
        at = header.find(",", match.end()) + 1 or len(header)
    return found


def _seconds(text: str | None) -> float:
    """Section 1.2.2; what is no number is 0, so that the answer is stale."""
    text = (text or "").strip()
    return float(min(int(text[:12]), _MOST)) if text.isascii() and text.isdigit() else 0.0


def http_date(text: str) -> float | None:
    """Seconds since the epoch, None where it is no date."""
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError, OSError):
        return None


def lifetime(status: int, headers: Mapping[str, str], control: CacheControl, arrived: float) -> tuple[float, bool]:
    """Seconds that the answer is fresh from its making on, and whether the server said so (section 4.2.1)."""
    if control.max_age is not None:
        return control.max_age, True
    made = http_date(headers.get("date", ""))
    if "expires" in headers:
        expires = http_date(headers["expires"])
        # Section 5.3: what is no date, "0" above all, has expired already.
        return (0.0 if expires is None else max(0.0, expires - (arrived if made is None else made))), True
    changed = http_date(headers.get("last-modified", ""))
    if changed is None or status not in HEURISTIC:
        return 0.0, False
    since = max(0.0, (arrived if made is None else made) - changed)
    return min(since * _HEURISTIC_PART, _HEURISTIC_MOST), False


def initial_age(headers: Mapping[str, str], asked: float, arrived: float) -> float:
    """Seconds since the origin made or validated it, as it arrived (section 4.2.3)."""
    made = http_date(headers.get("date", ""))
    apparent = max(0.0, arrived - made) if made is not None else 0.0
    corrected = _seconds(headers.get("age", "").partition(",")[0]) + max(0.0, arrived - asked)
    return max(apparent, corrected)
