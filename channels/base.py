"""The `Channel` port: how an attempt leaves Clarion, and what comes back.

A channel never touches the database. The attempt is committed before `send` is called; `send` may be called
again for the same attempt only where `lookup` says that nothing left. `lookup` goes by what was committed with the
attempt: a text made anew would differ wherever a value has changed since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from common.errors import RemoteError


class ChannelError(RemoteError):
    """The message did not leave. `permanent` disables the address; else it may be tried again."""

    def __init__(self, message: str, *, permanent: bool, code: str) -> None:
        super().__init__(message, permanent=permanent)
        self.code = code  # the completion code, e.g. SMS_FAILED_PERM


class Certainty(StrEnum):
    #: The provider has the message: `outcome` says in what state.
    SENT = "sent"
    #: The provider surely never got it: it may be sent.
    NOT_SENT = "not_sent"
    #: It cannot be learnt: the attempt ends as OUTCOME_UNKNOWN.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Message:
    """One SMS or email to send. `attempt_id` is the idempotency key."""

    attempt_id: str
    to: str
    sender: str
    text: str
    subject: str = ""
    html: str = ""
    #: Where the provider posts status (SMS) and where one-click unsubscribe goes (email); "" for none.
    status_url: str = ""
    unsubscribe_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return digest_of(self.text)

    def sought(self, since: datetime) -> Sought:
        return Sought(self.attempt_id, self.to, self.digest, since)


def digest_of(text: str) -> str:
    """What an attempt remembers of its text: SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sought:
    """A message that may have left at `since` or later, as its attempt remembers it; `digest` "" if it does not."""

    attempt_id: str
    to: str
    digest: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known after sending or from a receipt. `code` is a completion code; `final` ends the attempt."""

    code: str
    final: bool
    provider_id: str = ""
    detail: str = ""
    at: datetime | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Channel(Protocol):
    """A message channel (SMS, email). Voice has its own client, `channels.voice`, for its attempts last minutes."""

    name: str
    #: So many messages leave at one time. The rest waits outside, where it is asked once more whether it still may.
    at_once: int

    async def send(self, message: Message) -> Outcome:
        """Raise ChannelError when refused; any other failure leaves the outcome unknown to the caller."""
        ...

    async def lookup(self, sought: Sought) -> tuple[Certainty, Outcome | None]:
        """After a crash or a lost reply: did this attempt's message leave?"""
        ...

    async def close(self) -> None: ...
