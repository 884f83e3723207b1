"""A blind transfer that the far end asks for: its REFER taken or refused, and told by NOTIFY how it goes (RFC 3515)."""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from mediaserver.switch.sip.call_table import TALKING
from mediaserver.switch.sip.events import TransferAsked
from mediaserver.switch.sip.message import Request
from mediaserver.switch.sip.outgoing import Outgoing
from mediaserver.switch.sip.responses import REASONS, make_response
from mediaserver.switch.sip.server import ServerTransaction
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.uri import ParseError, SipUri, parse_name_addr, parse_uri

if TYPE_CHECKING:
    from mediaserver.switch.sip.leg import Leg

#: Seconds a transfer may take to come to its end, told with the subscription.
PATIENCE = 180


class _Asked(NamedTuple):
    transaction: ServerTransaction
    request: Request
    source: Address
    at: float


class Referral:
    """At most one is under way; who decides about `TransferAsked` says so by `tell`, and then how it goes."""

    def __init__(self, call: Leg) -> None:
        # The call has us: a way back that counts would keep it for the collector, which waits until nobody calls.
        self._call: Leg = weakref.proxy(call)
        self._asked: _Asked | None = None
        #: The subscription that our 202 made.
        self._event = ""
        self._is_first = True
        #: What is still to be told, and of which subscription.
        self._untold: deque[tuple[int, str]] = deque()
        self._is_telling = False

    def take(self, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
        """A REFER in the call's dialog."""
        asked = _Asked(transaction, request, source, now)
        if self._asked is not None or self._event:
            self._answer(asked, 491, now)
            return
        wanted = request.headers.list("refer-to")
        try:
            (one,) = wanted
            target = _target(one, request)
        except (ParseError, ValueError):
            self._answer(asked, 400, now)
            return
        if not target:
            self._answer(asked, 603, now)
            return
        self._asked = asked
        self._call.agent.emit(TransferAsked(self._call.spec.call, target, _by(request)))

    def tell(self, status: int, now: float) -> None:
        """First whether it is accepted (202) or refused (300 and more), then what the target's call came to."""
        if self._asked is not None:
            asked, self._asked = self._asked, None
            self._answer(asked, status, now)
            if status < 300:
                number = asked.request.cseq.number
                # Only further ones in a dialog need to be told apart (RFC 3515 2.4.6).
                self._event = "refer" if self._is_first else f"refer;id={number}"
                self._is_first = False
                self._notify(100, now)
        elif self._event:
            self._notify(status, now)

    def close(self) -> None:
        """The call is over: nobody answers any more."""
        if self._asked is not None:
            asked, self._asked = self._asked, None
            self._answer(asked, 481, asked.at)

    def _answer(self, asked: _Asked, status: int, now: float) -> None:
        headers = (("Contact", self._call.identity.contact),)
        asked.transaction.respond(make_response(asked.request, status, asked.source, headers=headers), now)

    def _notify(self, status: int, now: float) -> None:
        self._untold.append((status, self._event))
        if status >= 200:
            self._event = ""
        if not self._is_telling:
            self._next(now)

    def _next(self, now: float) -> None:
        """One after the other: a NOTIFY awaits the answer to the one before (RFC 6665 4.2.2)."""
        call = self._call
        self._is_telling = False
        if call.dialog is None or call.state not in TALKING:
            self._untold.clear()
        if not self._untold or call.dialog is None:
            return
        status, event = self._untold.popleft()
        self._is_telling = True
        state = f"active;expires={PATIENCE}" if status < 200 else "terminated;reason=noresource"
        headers = (("Event", event), ("Subscription-State", state), ("Contact", call.identity.contact))
        body = f"SIP/2.0 {status} {REASONS.get(status, 'Failed')}\r\n".encode()
        notify = Outgoing(
            "NOTIFY", headers, body, "message/sipfrag;version=2.0", lambda _response, later: self._next(later)
        )
        call.requester.send(call.dialog, notify, now)


def _target(refer_to: str, request: Request) -> str:
    """What is to be called: `tel:` where it is a number at our own address; "" where it is none that we call. Raise
    ParseError."""
    uri = parse_uri(parse_name_addr(refer_to).uri)
    # Another method than INVITE, or an attended transfer (RFC 3891): neither is ours to do.
    if uri.headers or (uri.param("method") or "INVITE").upper() != "INVITE" or not uri.user:
        return ""
    return f"tel:{uri.user}" if _is_ours(uri, request) else str(uri)


def _is_ours(uri: SipUri, request: Request) -> bool:
    """Whether the far end knows us by this address: its request goes there, or it believes to talk with it."""
    known = [own for text in (request.uri, request.to_addr.uri) if (own := _parsed(text)) is not None]
    return any(uri.host == own.host and uri.port in (None, own.port) for own in known)


def _parsed(text: str) -> SipUri | None:
    try:
        return parse_uri(text)
    except ParseError:
        return None


def _by(request: Request) -> str:
    """Who asks: as it says itself (RFC 3892), else the other end of the dialog; "" where neither is a SIP URI."""
    for text in (*request.headers.list("referred-by"), request.headers.get("from") or ""):
        try:
            uri = parse_uri(parse_name_addr(text).uri)
        except ParseError:
            continue
        if not uri.headers:
            return str(uri)
    return ""
