"""What the far end sends inside a call of ours: BYE, re-INVITE and its ACK, UPDATE, INFO, OPTIONS, REFER."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mediaserver.switch.sip.call_table import TALKING, CallInput, CallState
from mediaserver.switch.sip.dialog import Dialog
from mediaserver.switch.sip.events import KeyByInfo, MediaChanged
from mediaserver.switch.sip.message import Request, Response
from mediaserver.switch.sip.release import read_release
from mediaserver.switch.sip.responses import ACCEPT_HEADER, ALLOW_HEADER, allow_header, make_response
from mediaserver.switch.sip.sdp import SdpError, agree, make_answer, offer_again
from mediaserver.switch.sip.server import ServerTransaction
from mediaserver.switch.sip.session_timer import MIN_SE, is_supported, read_session_expires
from mediaserver.switch.sip.session_timer import answer as answer_session
from mediaserver.switch.sip.transaction import Address

if TYPE_CHECKING:
    from mediaserver.switch.sip.leg import Leg

_RELAY_SIGNAL = re.compile(r"^\s*Signal\s*=\s*([0-9A-D*#])\s*$", re.IGNORECASE | re.MULTILINE)
#: What the far end may ask before it has answered.
_WHILE_RINGING = ("UPDATE", "INFO", "OPTIONS")
_KEY_TYPES = ("application/dtmf-relay", "application/dtmf")


def serve(
    call: Leg, dialog: Dialog, transaction: ServerTransaction, request: Request, source: Address, now: float
) -> None:
    """Answer a request that carries the dialog's tags."""
    if not dialog.is_in_order(request):
        transaction.respond(make_response(request, 500, source), now)
    elif call.state is CallState.PROCEEDING and request.method not in _WHILE_RINGING:
        transaction.respond(make_response(request, 481, source), now)
    elif call.state in (CallState.LEAVING, CallState.CLOSING) and request.method != "BYE":
        # Our BYE is under way, or waits for an ACK: there is no session left to change.
        transaction.respond(make_response(request, 481, source), now)
    else:
        _HANDLERS[request.method](call, transaction, request, source, now)


def _bye(call: Leg, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
    transaction.respond(make_response(request, 200, source), now)
    call.release = read_release(request)
    call.feed(CallInput.BYE, now)


def _options(call: Leg, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
    headers = (allow_header(call.spec.may_refer), ACCEPT_HEADER)
    transaction.respond(make_response(request, 200, source, headers=headers), now)


def _refer(call: Leg, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
    if call.spec.may_refer:
        call.referral.take(transaction, request, source, now)
    else:
        transaction.respond(make_response(request, 405, source, headers=(ALLOW_HEADER,)), now)


def _info(call: Leg, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
    """Keys by INFO, and empty INFO as a sign of life; packages and other bodies are unknown to us (RFC 6086)."""
    key = _key(request)
    if request.body and key is None:
        transaction.respond(make_response(request, 415, source, headers=(("Accept", ", ".join(_KEY_TYPES)),)), now)
        return
    transaction.respond(make_response(request, 200, source), now)
    if key is not None:
        call.agent.emit(KeyByInfo(call.spec.call, key))


def _key(request: Request) -> str | None:
    if request.content_type not in _KEY_TYPES:
        return None
    text = request.body.decode("ascii", "replace")
    if request.content_type == "application/dtmf":
        text = f"Signal={text.strip()}"
    match = _RELAY_SIGNAL.search(text)
    return match[1].upper() if match else None


def _invite(call: Leg, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
    response = _too_short(request, source) or _negotiate(call, request, source)
    _agree(call, request, response, now)
    transaction.respond(response, now)
    if response.status == 200:
        repeat_until_ack(call, transaction, now)


def _update(call: Leg, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
    if (short := _too_short(request, source)) is not None:
        response = short
    elif request.body and call.state is CallState.PROCEEDING:
        # Our own offer is not answered yet for all we know (RFC 3311 5.2).
        response = make_response(request, 491, source)
    elif request.body:
        response = _negotiate(call, request, source)
    else:
        response = make_response(request, 200, source, headers=(("Contact", call.identity.contact),))
        _retarget(call, request)
    _agree(call, request, response, now)
    transaction.respond(response, now)


def _too_short(request: Request, source: Address) -> Response | None:
    """422 to a session that would expire too soon, where the sender can ask again (RFC 4028 9)."""
    asked = read_session_expires(request)
    if asked is None or asked.interval >= MIN_SE or not is_supported(request):
        return None
    return make_response(request, 422, source, headers=(("Min-SE", str(MIN_SE)),))


def _agree(call: Leg, request: Request, response: Response, now: float) -> None:
    """Put into our 2xx who refreshes the session from now on."""
    asked = read_session_expires(request)
    if response.status != 200 or asked is None or call.state not in TALKING:
        return
    agreed = answer_session(asked)
    response.headers.add("Session-Expires", str(agreed))
    if agreed.refresher == "uac":
        response.headers.add("Require", "timer")
    call.session.agree_to(agreed, now)


def _notify(call: Leg, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
    is_ours = (request.headers.get("event") or "").partition(";")[0].strip().lower() == "refer"
    known = is_ours and call.transfer.notified(request)
    transaction.respond(make_response(request, 200 if known else 481, source), now)


def _negotiate(call: Leg, request: Request, source: Address) -> Response:
    """Answer an offer, or make one where the re-INVITE brought none (its answer then comes with the ACK)."""
    local = call.local_media
    if request.body and not request.sdp:
        return make_response(request, 415, source, headers=(ACCEPT_HEADER,))
    if request.sdp:
        try:
            media = agree(request.sdp, local)
        except SdpError as error:
            call.ladder(f"the offer is refused: {error}")
            return make_response(request, 488, source, headers=(("Warning", f'399 clarion "{error}"'),))
        call.sdp_version += 1
        sdp = make_answer(media, local.ip, local.port, crypto=local.crypto, version=call.sdp_version)
        call.note_media(media)
        call.agent.emit(MediaChanged(call.spec.call, media, request.sdp, sdp))
    else:
        call.sdp_version += 1
        sdp = offer_again(local, call.sdp_version)
    _retarget(call, request)
    headers = (("Contact", call.identity.contact), allow_header(call.spec.may_refer))
    return make_response(request, 200, source, headers=headers, sdp=sdp)


def _retarget(call: Leg, request: Request) -> None:
    if call.dialog is not None:
        call.dialog.retarget(request)


def repeat_until_ack(call: Leg, transaction: ServerTransaction, now: float) -> None:
    """The 2xx is repeated from T1 up to T2 until its ACK; after 64*T1 the call is hung up (13.3.1.4, 14.2)."""
    timings, timers = call.agent.layer.timings, call.agent.layer.timers
    if call.dialog is not None:
        call.dialog.unacknowledged = transaction.cseq

    def again(interval: float, at: float) -> None:
        transaction.repeat(at)
        interval = min(interval * 2, timings.t2)
        timers.set(call.timer_key("ok"), at + interval, lambda later: again(interval, later))

    timers.set(call.timer_key("ok"), now + timings.t1, lambda later: again(timings.t1, later))
    timers.set(call.timer_key("ok limit"), now + timings.give_up, lambda later: _unacknowledged(call, later))


def _unacknowledged(call: Leg, now: float) -> None:
    call.agent.layer.timers.cancel(call.timer_key("ok"))
    call.feed(CallInput.UNACKNOWLEDGED, now)


def acknowledged(call: Leg, request: Request, now: float) -> None:
    """The ACK of our 2xx; it brings the answer where the offer was ours."""
    dialog: Dialog | None = call.dialog
    if dialog is None or request.cseq.number != dialog.unacknowledged:
        return
    dialog.unacknowledged = None
    for name in ("ok", "ok limit"):
        call.agent.layer.timers.cancel(call.timer_key(name))
    call.feed(CallInput.ACKNOWLEDGED, now)
    if not request.sdp:
        return
    try:
        media = agree(request.sdp, call.local_media)
    except SdpError as error:
        call.ladder(f"the ACK's session description cannot be used: {error}")
        return
    call.note_media(media)
    local = call.local_media
    call.agent.emit(MediaChanged(call.spec.call, media, request.sdp, offer_again(local, call.sdp_version)))


_HANDLERS: Mapping[str, Callable[[Leg, ServerTransaction, Request, Address, float], None]] = {
    "BYE": _bye,
    "REFER": _refer,
    "INVITE": _invite,
    "UPDATE": _update,
    "INFO": _info,
    "OPTIONS": _options,
    "NOTIFY": _notify,
}
METHODS = frozenset(_HANDLERS)
