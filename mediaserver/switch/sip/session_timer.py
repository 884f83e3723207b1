"""Session timers (RFC 4028): calls whose far end has vanished end by themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mediaserver.switch.sip.message import Message, Response

#: Seconds; the shortest interval anybody may ask for.
MIN_SE = 90
_LONGEST = 86_400
_DELTA = re.compile(r"\s*([0-9]{1,9})\s*(?:;.*)?", re.DOTALL)
_REFRESHER = re.compile(r";\s*refresher\s*=\s*(uac|uas)", re.IGNORECASE)


class Duty(StrEnum):
    #: We send the refresh, at half the interval.
    REFRESH = "refresh"
    #: The far end does; without it the session expires a little before the interval is over.
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """The header's value: seconds, and who refreshes: `uac`, `uas`, "" for not said."""

    interval: int
    refresher: str = ""

    def __str__(self) -> str:
        return f"{self.interval};refresher={self.refresher}" if self.refresher else str(self.interval)


@dataclass(frozen=True, slots=True)
class Plan:
    """What this side does, `delay` seconds from the last refresh on."""

    duty: Duty
    delay: float


def read_session_expires(message: Message) -> SessionExpires | None:
    text = message.headers.get("session-expires") or ""
    match = _DELTA.fullmatch(text)
    if match is None or int(match[1]) == 0:
        return None
    refresher = _REFRESHER.search(text)
    return SessionExpires(min(int(match[1]), _LONGEST), refresher[1].lower() if refresher else "")


def read_min_se(message: Message) -> int:
    match = _DELTA.fullmatch(message.headers.get("min-se") or "")
    return min(int(match[1]), _LONGEST) if match else 0


def plan(agreed: SessionExpires, *, asked_by_us: bool) -> Plan:
    """After a 2xx; `asked_by_us` says whose request it answered. A refresher left unnamed is the one that asked."""
    ours = "uac" if asked_by_us else "uas"
    if (agreed.refresher or "uac") == ours:
        return Plan(Duty.REFRESH, agreed.interval / 2)
    return Plan(Duty.WATCH, agreed.interval - min(32, agreed.interval / 3))


def answer(asked: SessionExpires) -> SessionExpires:
    """What our 2xx to their request says: they go on refreshing unless they want us to."""
    return SessionExpires(asked.interval, asked.refresher or "uac")


def longer(refused: Response, asked: int) -> int:
    """The interval a 422 demands; 0 where asking again is in vain."""
    least = read_min_se(refused)
    return least if asked < least <= _LONGEST else 0


def is_supported(message: Message) -> bool:
    return "timer" in [option.lower() for option in message.headers.list("supported")]
