"""Keeps a call's session alive, or notices that nobody else does (RFC 4028)."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from mediaserver.switch.sip.call_table import CallInput
from mediaserver.switch.sip.message import Message, Response
from mediaserver.switch.sip.outgoing import Outgoing
from mediaserver.switch.sip.session_timer import (
    MIN_SE,
    Duty,
    SessionExpires,
    longer,
    plan,
    read_session_expires,
)
from mediaserver.switch.sip.timers import Callback

if TYPE_CHECKING:
    from mediaserver.switch.sip.leg import Leg

#: Seconds after which a refresh is tried again that crossed another request (491).
_GLARE = 2.1


class SessionKeeper:
    """`interval` is what we ask for, in seconds; 0 asks for none."""

    def __init__(self, call: Leg, interval: int) -> None:
        # The call has us: a way back that counts would keep it for the collector, which waits until nobody calls.
        self._call: Leg = weakref.proxy(call)
        self.interval = interval
        self._by_update = False
        self._expires_at = 0.0

    def headers(self) -> list[tuple[str, str]]:
        """Of an INVITE or UPDATE of ours."""
        if not self.interval:
            return []
        return [("Session-Expires", str(self.interval)), ("Min-SE", str(MIN_SE))]

    def agree(self, message: Message, now: float, *, asked_by_us: bool) -> None:
        """`message` is the 2xx that ended an INVITE or UPDATE; without Session-Expires in it nothing expires."""
        if asked_by_us:
            self._by_update = "UPDATE" in message.headers.list("allow") or self._by_update
        agreed = read_session_expires(message)
        if agreed is None:
            self._cancel()
        else:
            self._follow(agreed, now, asked_by_us=asked_by_us)

    def agree_to(self, answer: SessionExpires, now: float) -> None:
        """To a request of the far end."""
        self._follow(answer, now, asked_by_us=False)

    def _follow(self, agreed: SessionExpires, now: float, *, asked_by_us: bool) -> None:
        self.interval = agreed.interval
        self._expires_at = now + agreed.interval
        duty = plan(agreed, asked_by_us=asked_by_us)
        self._set(now + duty.delay, self._refresh if duty.duty is Duty.REFRESH else self._expire)

    def _refresh(self, now: float) -> None:
        call = self._call
        if call.dialog is None:
            return
        if call.requester.is_waiting("UPDATE") or call.requester.is_waiting("INVITE"):
            self._set(now + _GLARE, self._refresh)
            return
        session = SessionExpires(self.interval, "uac")
        headers = (
            ("Contact", call.identity.contact),
            ("Supported", "timer"),
            ("Session-Expires", str(session)),
            ("Min-SE", str(MIN_SE)),
        )
        method, sdp = ("UPDATE", b"") if self._by_update else ("INVITE", call.own_sdp())
        call.requester.send(call.dialog, Outgoing(method, headers, sdp, done=self._refreshed), now)
        self._set(self._expires_at, self._expire)

    def _refreshed(self, response: Response | None, now: float) -> None:
        status = response.status if response is not None else 408
        if response is not None and status < 300:
            self.agree(response, now, asked_by_us=True)
        elif status in (408, 481):
            self._expire(now)
        elif response is not None and status == 422 and (interval := longer(response, self.interval)):
            self.interval = interval
            self._refresh(now)
        elif status == 491:
            self._set(now + _GLARE, self._refresh)
        elif status in (405, 501) and self._by_update:
            self._by_update = False
            self._refresh(now)

    def _expire(self, now: float) -> None:
        self._cancel()
        self._call.feed(CallInput.HANG_UP, now)

    def _set(self, at: float, action: Callback) -> None:
        self._call.agent.layer.timers.set(self._call.timer_key("session"), at, action)

    def _cancel(self) -> None:
        self._call.agent.layer.timers.cancel(self._call.timer_key("session"))
