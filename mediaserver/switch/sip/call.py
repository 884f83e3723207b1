"""One outbound call of our own user agent, from INVITE to `Ended` or `Failed`, by the table in `call_table`.

The transaction layer repeats and times out; what a call does about it is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from common.control import Disposition
from mediaserver.switch.sip.call_table import CALL, CallAction, CallInput, CallState
from mediaserver.switch.sip.client import ClientTransaction
from mediaserver.switch.sip.dialog import Dialog, dialog_from_response
from mediaserver.switch.sip.digest import Credentials
from mediaserver.switch.sip.events import Ended, Established, Failed, InviteSpec, Ladder, Provisional, SipEvent
from mediaserver.switch.sip.layer import TransactionLayer
from mediaserver.switch.sip.message import Request, Response, shown
from mediaserver.switch.sip.requests import Identity, make_cancel, make_invite, target_uri
from mediaserver.switch.sip.sdp import MediaTarget, SdpError, parse_answer
from mediaserver.switch.sip.transaction import Address, Input


class Agent(Protocol):
    """What a call needs of its user agent."""

    layer: TransactionLayer

    def token(self) -> str: ...

    def emit(self, event: SipEvent) -> None: ...

    def forget(self, call: OutboundCall) -> None: ...


class OutboundCall:
    """A call of ours. One attempt has one Call-ID and one From tag, whatever is repeated or authenticated."""

    invite: ClientTransaction

    def __init__(self, agent: Agent, spec: InviteSpec, peer: Address, identity: Identity) -> None:
        self.agent = agent
        self.spec = spec
        self.peer = peer
        self.identity = identity
        self.local_media = parse_answer(spec.sdp)
        self.sdp_version = 1
        self.state = CallState.INVITING
        self.call_id = agent.token()
        self.tag = agent.token()
        self.credentials = Credentials(spec.trunk.username, spec.trunk.password, agent.token)
        self.dialog: Dialog | None = None
        self.media: MediaTarget | None = None
        self.response: Response | None = None
        self.provisional = False
        self.early: dict[str, bytes] = {}
        self.disposition: Disposition | None = None
        self.reason = ""
        self.established = False
        self.by_far_end = False
        self.bye: ClientTransaction | None = None
        self._cseq = 0

    def start(self, now: float) -> None:
        """Send the INVITE; to be called once, when the agent knows the call."""
        self.ladder(f"Call-ID {self.call_id}")
        self.invite = self._send_invite(now)
        self._timer("ring", now + self.spec.ring_timeout, CallInput.RING_TIMER)

    def feed(self, given: CallInput, now: float) -> None:
        step = CALL.get((self.state, given))
        if step is None:
            return
        self.state = step.state
        for action in step.actions:
            _ACTIONS[action](self, now)
        if self.state is CallState.OVER:
            self._close()

    def on_response(self, response: Response, now: float) -> None:
        """A response to the INVITE under way; repeated and forked 2xx never get here."""
        if response.status < 200:
            self._note_provisional(response)
            self.feed(CallInput.PROVISIONAL, now)
            return
        self.response = response
        if response.status < 300:
            self._on_answer(response, now)
        else:
            self._on_refusal(response, now)

    def on_bye_response(self, response: Response, now: float) -> None:
        if response.status in (401, 407) and not self.credentials.accept(response):
            _send_bye(self, now)
        elif response.status >= 200:
            self.feed(CallInput.BYE_DONE, now)

    def matches(self, request: Request) -> bool:
        """The request carries both tags of our dialog: nobody can guess ours."""
        dialog = self.dialog
        return (
            dialog is not None
            and request.to_addr.tag == dialog.local_tag
            and request.from_addr.tag == dialog.remote_tag
            and self.state in (CallState.UP, CallState.CLOSING)
        )

    def abandon(self) -> None:
        """End it without another word to the far end (the user agent closes)."""
        self.disposition = self.disposition or Disposition.CANCELLED
        self.reason = self.reason or "the user agent was closed"
        self.state = CallState.OVER
        self._close()

    def timer_key(self, name: str) -> tuple[OutboundCall, str]:
        return (self, name)

    def ladder(self, text: str) -> None:
        self.agent.emit(Ladder(self.spec.call, text))

    def _note_provisional(self, response: Response) -> None:
        if response.status == 100:
            return
        self.provisional = True
        if response.sdp:
            self.early[response.to_addr.tag] = response.sdp
        if self.state in (CallState.INVITING, CallState.PROCEEDING):
            self.agent.emit(
                Provisional(
                    self.spec.call, response.status, shown(response.reason), _media_or_none(response.sdp), response.sdp
                )
            )

    def _on_answer(self, response: Response, now: float) -> None:
        try:
            self.media = parse_answer(response.sdp or self.early.get(response.to_addr.tag, b""))
        except SdpError as error:
            self.reason = f"the answer's media cannot be used: {error}"
            self.feed(CallInput.UNUSABLE, now)
        else:
            self.feed(CallInput.ANSWER, now)

    def _on_refusal(self, response: Response, now: float) -> None:
        self.reason = shown(response.reason)
        if response.status in (401, 407):
            problem = self.credentials.accept(response)
            if not problem and self.state in (CallState.INVITING, CallState.PROCEEDING):
                self.feed(CallInput.CHALLENGE, now)
                return
            self.reason = problem or self.reason
        self.feed(CallInput.REFUSAL, now)

    def _send_invite(self, now: float) -> ClientTransaction:
        self._cseq += 1
        agent = self.agent
        request = make_invite(
            self.spec,
            self.identity,
            via=self.identity.via(agent.token()),
            call_id=self.call_id,
            tag=self.tag,
            cseq=self._cseq,
            extra=self.credentials.headers("INVITE", target_uri(self.spec)),
        )
        return agent.layer.request(request, self.peer, self.spec.call, now)

    def _timer(self, name: str, at: float, given: CallInput) -> None:
        self.agent.layer.timers.set(self.timer_key(name), at, lambda now: self.feed(given, now))

    def _close(self) -> None:
        for name in ("ring", "cancel", "ok", "ok limit"):
            self.agent.layer.timers.cancel(self.timer_key(name))
        self.agent.forget(self)
        if self.established:
            self.agent.emit(Ended(self.spec.call, self.by_far_end))
            return
        disposition, status = self._outcome()
        self.agent.emit(Failed(self.spec.call, disposition, status, self.reason, self.provisional))

    def _outcome(self) -> tuple[Disposition, int | None]:
        status = self.response.status if self.response is not None else None
        if self.disposition is not None:
            return self.disposition, status
        if status in (401, 407):
            return Disposition.AUTH_FAILED, status
        # A 2xx that ends here brought no usable media: we refused it, as 488 says (13.2.2.4).
        return Disposition.REFUSED, 488 if status is not None and status < 300 else status


def _media_or_none(sdp: bytes) -> MediaTarget | None:
    try:
        return parse_answer(sdp) if sdp else None
    except SdpError:
        return None


def _acknowledge(call: OutboundCall, _now: float) -> None:
    call.agent.layer.timers.cancel(call.timer_key("ring"))
    call.agent.layer.timers.cancel(call.timer_key("cancel"))
    if call.response is None:
        return
    call.dialog = dialog_from_response(call.invite.request, call.response, call.peer, call.identity)
    acknowledge(call.agent, call.invite, call.dialog)


def acknowledge(agent: Agent, invite: ClientTransaction, dialog: Dialog) -> None:
    """ACK the 2xx that made `dialog`."""
    ack = dialog.acknowledge(invite.request, agent.token())
    invite.acknowledge(dialog.remote_tag, ack, dialog.destination)


def _report_established(call: OutboundCall, _now: float) -> None:
    if call.media is not None and call.response is not None:
        call.established = True
        sdp = call.response.sdp or call.early.get(call.response.to_addr.tag, b"")
        call.agent.emit(Established(call.spec.call, call.media, sdp))


def _invite_again(call: OutboundCall, now: float) -> None:
    call.invite = call._send_invite(now)


def _ring_out(call: OutboundCall, _now: float) -> None:
    call.disposition = Disposition.RING_TIMEOUT


def _give_up(call: OutboundCall, _now: float) -> None:
    call.disposition = Disposition.CANCELLED
    call.agent.layer.timers.cancel(call.timer_key("ring"))


def _send_cancel(call: OutboundCall, now: float) -> None:
    call.agent.layer.request(make_cancel(call.invite.request), call.invite.peer, call.spec.call, now)
    call._timer("cancel", now + call.agent.layer.timings.give_up, CallInput.CANCEL_TIMER)


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
    dialog = call.dialog
    if dialog is not None:
        extra = call.credentials.headers("BYE", dialog.request_uri)
        call.bye = send_bye(call.agent, dialog, call.spec.call, extra, now)


def send_bye(
    agent: Agent, dialog: Dialog, owner: str | None, extra: list[tuple[str, str]], now: float
) -> ClientTransaction:
    bye = dialog.request("BYE", agent.token(), dialog.next_cseq(), extra)
    return agent.layer.request(bye, dialog.destination, owner, now)


def _far_end_left(call: OutboundCall, _now: float) -> None:
    call.by_far_end = True


_ACTIONS: Mapping[CallAction, Callable[[OutboundCall, float], None]] = {
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
