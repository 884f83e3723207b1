"""Why a call was released: Reason headers (RFC 3326) with Q.850 causes, and Retry-After."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mediaserver.switch.sip.message import Message, shown
from mediaserver.switch.sip.uri import TOKEN, ParseError, parse_params

_PROTOCOL = re.compile(rf"\s*({TOKEN})\s*(?=;|$)")
_CAUSE = re.compile(r"[0-9]{1,3}")
_DELTA = re.compile(r"\s*([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Release:
    """`q850` is ITU-T Q.850's cause (16 normal clearing, 17 busy ...), None where none was given; `text` for people."""

    q850: int | None = None
    text: str = ""


#: Nothing was said.
UNSAID = Release()


def read_release(message: Message) -> Release:
    """What the Reason headers say; malformed ones say nothing."""
    q850, texts = None, []
    for value in message.headers.list("reason"):
        match = _PROTOCOL.match(value)
        try:
            params = parse_params(value, match.end()) if match else {}
        except ParseError:
            continue
        if match is None:
            continue
        cause = params.get("cause", "")
        if match[1].upper() == "Q.850" and _CAUSE.fullmatch(cause) and int(cause) <= 127 and q850 is None:
            q850 = int(cause)
        texts.append(" ".join(part for part in (match[1], cause, params.get("text", "")) if part))
    return Release(q850, shown("; ".join(texts)))


def retry_after(message: Message) -> int:
    """Seconds (20.33), 0 where none are given, a day at the most."""
    match = _DELTA.match(message.headers.get("retry-after") or "")
    return min(int(match[1]), 86_400) if match else 0
