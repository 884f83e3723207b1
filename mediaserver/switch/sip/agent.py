"""What calls need of the user agent that holds them."""

from __future__ import annotations

from typing import Protocol

from mediaserver.switch.sip.events import SipEvent
from mediaserver.switch.sip.layer import TransactionLayer


class CallAgent(Protocol):
    """`forget` takes the call's name and Call-ID: it is over."""

    layer: TransactionLayer

    def token(self) -> str: ...

    def emit(self, event: SipEvent) -> None: ...

    def forget(self, name: str, call_id: str) -> None: ...
