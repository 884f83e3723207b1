"""The port to a media server, and how talking to one fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.control import CallEvent, CallRequest, CallStatus
from common.errors import RemoteError


class NotReached(RemoteError):
    """The media server could not be reached: it surely got nothing."""


class NoAnswer(RemoteError):
    """The media server's answer was lost: it may or may not have acted."""


class BootChanged(RemoteError):
    """The media server has restarted since the boot id was learnt: it placed nothing."""


#: Fields of `GET /v1/status` that are kept for people to see.
LOAD = ("version", "status", "reason", "calls_per_second", "busy", "rtp_late", "workers", "workers_killed")


@dataclass(frozen=True, slots=True)
class ServerInfo:
    boot_id: str
    calls: int
    capacity: int
    draining: bool = False
    last_seq: int = 0
    #: Calls it would admit at this moment, None where it does not say.
    room: int | None = None
    #: What it says of its load, version and workers (`LOAD`).
    load: Mapping[str, Any] = field(default_factory=dict)


class MediaServerClient(Protocol):
    """Every method may raise NotReached or NoAnswer."""

    async def place(self, request: CallRequest) -> CallStatus:
        """The call's status; `disposition` NOT_ADMITTED where the server has no room. A known attempt id is never
        placed again. Raise BootChanged, or Refused where the request itself is wrong."""
        ...

    async def status(self, attempt_id: str) -> CallStatus | None:
        """None: this server never accepted the attempt."""
        ...

    async def hang_up(self, attempt_id: str) -> bool:
        """False: this server does not know the attempt (yet: it may be on its way)."""
        ...

    async def info(self) -> ServerInfo: ...

    def events(self, boot_id: str, after: int) -> AsyncGenerator[CallEvent, None]:
        """What happened after that event of that boot, then what happens; ends with the connection."""
        ...

    async def close(self) -> None: ...
