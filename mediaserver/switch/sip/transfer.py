"""Blind transfer: REFER (RFC 3515), and what NOTIFY tells of it."""

from __future__ import annotations

import re
import weakref
from typing import TYPE_CHECKING

from mediaserver.switch.sip.call_table import TALKING
from mediaserver.switch.sip.events import Transferred
from mediaserver.switch.sip.message import Request, Response
from mediaserver.switch.sip.outgoing import Outgoing

if TYPE_CHECKING:
    from mediaserver.switch.sip.leg import Leg

#: Seconds the far end may take to tell how the transfer went.
PATIENCE = 180.0
_FRAGMENT = re.compile(rb"\s*SIP/2\.0 ([1-6][0-9]{2})(?![0-9])")


class Transfer:
    """At most one is under way; `Transferred` comes once for each."""

    def __init__(self, call: Leg) -> None:
        # The call has us: a way back that counts would keep it for the collector, which waits until nobody calls.
        self._call: Leg = weakref.proxy(call)
        self._is_open = False

    def start(self, target: str, now: float) -> None:
        """Ask the far end to call `target`, a URI. Nothing happens unless the call is up."""
        call = self._call
        if call.dialog is None or call.state not in TALKING or self._is_open:
            return
        self._is_open = True
        headers = (
            ("Refer-To", f"<{target}>"),
            ("Referred-By", call.identity.contact),
            ("Contact", call.identity.contact),
        )
        call.requester.send(call.dialog, Outgoing("REFER", headers, done=self._referred), now)
        call.agent.layer.timers.set(call.timer_key("transfer"), now + PATIENCE, lambda _: self._end(408))

    def notified(self, request: Request) -> bool:
        """False where nothing was asked for, so that the NOTIFY is of no subscription (RFC 6665 4.1.3)."""
        if not self._is_open:
            return False
        match = _FRAGMENT.match(request.body) if request.content_type == "message/sipfrag" else None
        status = int(match[1]) if match else 0
        over = (request.headers.get("subscription-state") or "").partition(";")[0].strip().lower() == "terminated"
        if status >= 200 or over:
            self._end(status if status >= 200 else 408)
        return True

    def _referred(self, response: Response | None, _now: float) -> None:
        if response is None or response.status >= 300:
            self._end(response.status if response is not None else 408)

    def _end(self, status: int) -> None:
        if self._is_open:
            self._is_open = False
            self._call.agent.layer.timers.cancel(self._call.timer_key("transfer"))
            self._call.agent.emit(Transferred(self._call.spec.call, status))
