"""Keys sent by SIP INFO (application/dtmf-relay), one after the other: for far ends that take them no other way."""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING

from mediaserver.switch.sip.call_table import TALKING
from mediaserver.switch.sip.message import Response
from mediaserver.switch.sip.outgoing import Outgoing

if TYPE_CHECKING:
    from mediaserver.switch.sip.leg import Leg

#: Milliseconds that a key is to last, and seconds from one to the next.
_DURATION = 100
_SPACING = 0.18


class InfoKeys:
    """The next key leaves when the one before was answered; a refusal drops those that wait."""

    def __init__(self, call: Leg) -> None:
        # The call has us: a way back that counts would keep it for the collector, which waits until nobody calls.
        self._call: Leg = weakref.proxy(call)
        self._waiting: deque[str] = deque()
        self._is_sending = False

    def send(self, keys: str, now: float) -> None:
        """Nothing happens unless the call is up."""
        self._waiting.extend(keys)
        if not self._is_sending:
            self._next(now)

    def _next(self, now: float) -> None:
        call = self._call
        if call.dialog is None or call.state not in TALKING:
            self._waiting.clear()
        self._is_sending = bool(self._waiting)
        if not self._is_sending or call.dialog is None:
            return
        body = f"Signal={self._waiting.popleft()}\r\nDuration={_DURATION}\r\n".encode()
        sent = now
        info = Outgoing(
            "INFO",
            body=body,
            content_type="application/dtmf-relay",
            done=lambda response, later: self._answered(response, sent, later),
        )
        call.requester.send(call.dialog, info, now)

    def _answered(self, response: Response | None, sent: float, now: float) -> None:
        if response is None or response.status >= 300:
            self._call.ladder(f"keys by INFO are refused; {len(self._waiting)} more are not sent")
            self._waiting.clear()
        self._call.agent.layer.timers.set(self._call.timer_key("keys"), max(now, sent + _SPACING), self._next)
