"""What an outbound call does on its way through `call_table`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from common.control import Disposition
from mediaserver.switch.sip.call_table import CallAction, CallInput
from mediaserver.switch.sip.events import Established
from mediaserver.switch.sip.outgoing import acknowledge
from mediaserver.switch.sip.requests import make_cancel
from mediaserver.switch.sip.transaction import Input

if TYPE_CHECKING:
    from mediaserver.switch.sip.call import OutboundCall


def _acknowledge(call: OutboundCall, _now: float) -> None:
    call.cancel_timer("ring")
    call.cancel_timer("cancel")
    if call.response is None:
        return
    call.dialog = call.early.confirm(call.invite, call.response, call.identity)
    acknowledge(call.agent, call.invite, call.dialog)


def _report_established(call: OutboundCall, now: float) -> None:
    if call.media is not None and call.response is not None:
        call.established = True
        call.session.agree(call.response, now, asked_by_us=True)
        call.agent.emit(Established(call.spec.call, call.media, call.answered_sdp(call.response)))


def _invite_again(call: OutboundCall, now: float) -> None:
    call.send_invite(now)


def _ring_out(call: OutboundCall, _now: float) -> None:
    call.disposition = Disposition.RING_TIMEOUT


def _give_up(call: OutboundCall, _now: float) -> None:
    call.disposition = Disposition.CANCELLED
    call.cancel_timer("ring")


def _send_cancel(call: OutboundCall, now: float) -> None:
    call.agent.layer.request(make_cancel(call.invite.request), call.invite.peer, call.spec.call, now)
    call.set_timer("cancel", now + call.agent.layer.timings.give_up, CallInput.CANCEL_TIMER)


def _abandon(call: OutboundCall, now: float) -> None:
    call.reason = "the far end did not answer the CANCEL"
    call.invite.feed(Input.GIVE_UP, now)


def _no_reply(call: OutboundCall, _now: float) -> None:
    if call.disposition is not Disposition.CANCELLED:
        call.disposition = Disposition.NO_REPLY
    call.reason = "no response to the INVITE"


def _unreachable(call: OutboundCall, _now: float) -> None:
    call.disposition = Disposition.TRANSPORT_ERROR
    call.reason = "the network refused the INVITE"


def _crossed(call: OutboundCall, _now: float) -> None:
    call.reason = "answered while being cancelled; hung up at once"


def _send_bye(call: OutboundCall, now: float) -> None:
    call.send_bye(now)


def _far_end_left(call: OutboundCall, _now: float) -> None:
    call.by_far_end = True


ACTIONS: Mapping[CallAction, Callable[[OutboundCall, float], None]] = {
    CallAction.ACKNOWLEDGE: _acknowledge,
    CallAction.REPORT_ESTABLISHED: _report_established,
    CallAction.SEND_BYE: _send_bye,
    CallAction.INVITE_AGAIN: _invite_again,
    CallAction.NOTE_NO_REPLY: _no_reply,
    CallAction.NOTE_UNREACHABLE: _unreachable,
    CallAction.NOTE_RING_OUT: _ring_out,
    CallAction.NOTE_CANCELLED: _give_up,
    CallAction.SEND_CANCEL: _send_cancel,
    CallAction.NOTE_CROSSED: _crossed,
    CallAction.ABANDON: _abandon,
    CallAction.NOTE_FAR_END_LEFT: _far_end_left,
}
