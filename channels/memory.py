"""The in-memory channel: keeps what was sent and fails as it is told. Takes the place of a provider in tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from channels.base import Certainty, ChannelError, Message, Outcome, Sought
from common.clock import utcnow
from common.errors import RemoteError


class MemoryChannel:
    """`refuse` maps a receiver to the ChannelError to raise; the replies to receivers in `lose` are lost."""

    at_once = 16

    def __init__(self, name: str = "memory", code: str = "SMS_SENT", now: Callable[[], datetime] = utcnow) -> None:
        self.name = name
        self.sent: list[Message] = []
        self.refuse: dict[str, ChannelError] = {}
        #: The message is taken, its reply is not seen.
        self.lose: set[str] = set()
        #: The message never arrives, and no reply comes either.
        self.swallow: set[str] = set()
        self.closed = False
        self._code = code
        self._now = now

    async def send(self, message: Message) -> Outcome:
        if message.to in self.refuse:
            raise self.refuse[message.to]
        if message.to not in self.swallow:
            self.sent.append(message)
        if message.to in self.lose | self.swallow:
            raise RemoteError("the reply was lost")
        return self._outcome(message)

    async def lookup(self, sought: Sought) -> tuple[Certainty, Outcome | None]:
        for sent in self.sent:
            if sent.attempt_id == sought.attempt_id and sent.digest == sought.digest:
                return Certainty.SENT, self._outcome(sent)
        return Certainty.NOT_SENT, None

    async def close(self) -> None:
        self.closed = True

    def _outcome(self, message: Message) -> Outcome:
        final = not message.status_url
        return Outcome(self._code, final=final, provider_id=f"memory-{message.attempt_id}", at=self._now())
