"""The port to a media server, and how talking to one fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from common.control import CallEvent, CallRequest, CallStatus
from common.errors import RemoteError


class NotReached(RemoteError):
    """The media server could not be reached: it surely got nothing."""


class NoAnswer(RemoteError):
    """The media server's answer was lost: it may or may not have acted."""


class BootChanged(RemoteError):
    """The media server has restarted since the boot id was learnt: it placed nothing."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    boot_id: str
    calls: int
    capacity: int
    draining: bool = False
    last_seq: int = 0
    #: Calls it would admit at this moment, None where it does not say.
    room: int | None = None


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
