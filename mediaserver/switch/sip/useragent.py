"""The SIP user agent, sans-IO: bytes and time in, bytes and events out.

`receive(data, addr, now)`, `datagrams()`, `next_timer()`, `handle_timer(now)`, `events()`; `invite` and `hang_up`
are the orders. `now` is monotonic seconds. It never raises on anything a peer sends.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import NamedTuple

from common.errors import ContractError
from mediaserver.switch.sip import indialog
from mediaserver.switch.sip.call import OutboundCall
from mediaserver.switch.sip.call_table import CallInput
from mediaserver.switch.sip.client import ClientTransaction
from mediaserver.switch.sip.dialog import Sequence, dialog_from_response
from mediaserver.switch.sip.door import Door
from mediaserver.switch.sip.events import InviteSpec, Ladder, SipEvent
from mediaserver.switch.sip.inbound import InboundCall
from mediaserver.switch.sip.layer import TransactionLayer, reply_address
from mediaserver.switch.sip.loose import LooseRequests
from mediaserver.switch.sip.message import Request, Response, parse_message, shown
from mediaserver.switch.sip.outgoing import acknowledge
from mediaserver.switch.sip.requests import Identity, check_spec, identity_of
from mediaserver.switch.sip.responses import ACCEPT_HEADER, ALLOW, ALLOW_HEADER, KNOWN, make_response
from mediaserver.switch.sip.sdp import SdpError, read_offer
from mediaserver.switch.sip.server import ServerTransaction
from mediaserver.switch.sip.timers import TimerQueue, Timings
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.uri import ParseError, parse_name_addr

#: Deadlines served by one `handle_timer`: some 2 ms of work at the most.
MAX_TIMERS_AT_ONCE = 32
#: Calls under way, beyond which none from outside is taken.
MAX_CALLS = 5000
_OUR_REQUEST = re.compile(rb"(\S+) \S+ SIP/2\.0\r\nVia: [^\r\n]*?;branch=([^;,\s]+)")


class Datagram(NamedTuple):
    data: bytes
    destination: Address


class UserAgent:
    """Places calls and answers what belongs to them; refuses everything else.

    `accepted` are the numbers and users whose calls are offered (`Incoming`); `incoming_status` answers all others,
    unless `door` judges them; `srtp` tells whether their audio can be encrypted; `token` makes tags, branches and
    Call-IDs (unguessable).
    """

    def __init__(
        self,
        identity: Identity,
        *,
        timings: Timings | None = None,
        incoming_status: int = 403,
        accepted: frozenset[str] = frozenset(),
        door: Door | None = None,
        srtp: bool = False,
        token: Callable[[], str] = lambda: secrets.token_hex(12),
    ) -> None:
        self.identity = identity
        self.token = token
        self.timers = TimerQueue()
        self.layer = TransactionLayer(self, self._send, timings or Timings(), self.timers)
        self.loose = LooseRequests(self)
        self._incoming_status = incoming_status
        self._accepted = accepted
        self._door = door
        self._srtp = srtp
        self._calls: dict[str, OutboundCall | InboundCall] = {}
        self._by_call_id: dict[str, OutboundCall | InboundCall] = {}
        self._datagrams: list[Datagram] = []
        self._events: list[SipEvent] = []

    def invite(self, spec: InviteSpec, destination: Address, now: float, identity: Identity | None = None) -> None:
        """Place a call to `destination`, where we are `identity`. Raise Refused for a spec that makes no INVITE."""
        if spec.call in self._calls:
            raise ContractError(f"call {spec.call} is under way already")
        check_spec(spec)
        call = OutboundCall(self, spec, destination, identity or self.identity)
        self._calls[spec.call] = call
        self._by_call_id[call.call_id] = call
        call.start(now)

    def hang_up(self, call: str, now: float) -> None:
        """BYE or CANCEL, whichever the call's state asks for; an unknown call is over already."""
        known = self._calls.get(call)
        if known is not None:
            known.feed(CallInput.HANG_UP, now)

    def receive(self, data: bytes, source: Address, now: float) -> None:
        if not data.strip(b"\r\n\0 "):
            return  # keep-alive (RFC 5626 3.5.1)
        try:
            message = parse_message(data)
        except ParseError as error:
            self._refuse_malformed(error, source)
            return
        if isinstance(message, Response):
            self._trace_response(message)
            self.layer.receive_response(message, now)
        else:
            self._trace_request(message)
            self.layer.receive_request(message, source, now)

    def transport_failed(self, data: bytes, now: float) -> None:
        """The network refused `data` (ICMP), of which it may give back only the beginning."""
        match = _OUR_REQUEST.match(data)
        if match:
            self.layer.transport_failed(match[1].decode("ascii", "replace"), match[2].decode("ascii", "replace"), now)

    def datagrams(self) -> list[Datagram]:
        """What has to leave now; taken once."""
        taken, self._datagrams = self._datagrams, []
        return taken

    def events(self) -> list[SipEvent]:
        taken, self._events = self._events, []
        return taken

    def next_timer(self) -> float | None:
        return self.timers.next()

    def handle_timer(self, now: float) -> None:
        self.timers.run(now, MAX_TIMERS_AT_ONCE)

    def answer(self, call: str, sdp: bytes, now: float) -> None:
        """Take an incoming call with our session description; `Established` follows."""
        known = self._calls.get(call)
        if isinstance(known, InboundCall):
            known.answer(sdp, now)

    def refuse(self, call: str, status: int, now: float) -> None:
        """Refuse an incoming call that rings; `Failed` follows."""
        known = self._calls.get(call)
        if isinstance(known, InboundCall):
            known.refuse(status, now)

    def transfer(self, call: str, target: str, now: float) -> None:
        """Have the far end of an established call connected to `target`, a URI; `Transferred` follows."""
        known = self._calls.get(call)
        if known is not None:
            known.transfer.start(target, now)

    def tell_transfer(self, call: str, status: int, now: float) -> None:
        """Answer `TransferAsked` by 202 or a refusal, and after 202 tell what the target's call came to."""
        known = self._calls.get(call)
        if known is not None:
            known.referral.tell(status, now)

    def send_keys(self, call: str, keys: str, now: float) -> None:
        """By INFO."""
        known = self._calls.get(call)
        if known is not None:
            known.info_keys.send(keys, now)

    def calls(self) -> tuple[str, ...]:
        return tuple(self._calls)

    def counts(self) -> tuple[int, int, int, int]:
        """Calls, dialogs, transactions, timers."""
        dialogs = sum(call.dialog is not None for call in self._calls.values())
        return len(self._calls), dialogs, len(self.layer), len(self.timers)

    def clear(self) -> None:
        """Forget everything at once; a call under way still ends with its one event."""
        for call in tuple(self._calls.values()):
            call.abandon()
        self.loose.clear()
        self.layer.clear()
        self.timers.clear()

    # What calls need (agent.CallAgent).

    def emit(self, event: SipEvent) -> None:
        self._events.append(event)

    def forget(self, name: str, call_id: str) -> None:
        self._calls.pop(name, None)
        self._by_call_id.pop(call_id, None)

    # What the transaction layer reports (layer.LayerUser).

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        if self.loose.take(transaction, response, now):
            return
        call = self._calls.get(transaction.owner or "")
        if call is not None and call.requester.take(transaction, response, now):
            return
        if transaction.request.method == "INVITE":
            self._on_invite_response(call, transaction, response, now)

    def on_no_reply(self, transaction: ClientTransaction, now: float) -> None:
        self._on_dead_transaction(transaction, CallInput.NO_REPLY, now)

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None:
        self._on_dead_transaction(transaction, CallInput.TRANSPORT_ERROR, now)

    def on_request(self, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
        call = self._by_call_id.get(request.call_id)
        if request.method == "CANCEL":
            invite = self.layer.invite_of(request)
            transaction.respond(self._respond(request, 200 if invite is not None else 481, source), now)
            # An INVITE that is answered already is not cancelled any more (9.2).
            if invite is not None and isinstance(call, InboundCall) and call.is_of(invite):
                call.feed(CallInput.CANCELLED, now)
        elif call is not None and request.method in indialog.METHODS and (dialog := call.dialog_of(request)):
            transaction.owner = call.spec.call
            indialog.serve(call, dialog, transaction, request, source, now)
        elif self._door is not None and request.method == "INVITE" and not request.to_addr.tag:
            self._at_the_door(self._door, transaction, request, source, now)
        elif self._door is not None and request.method == "REGISTER":
            ruling = self._door.register(request, source, now)
            transaction.respond(self._respond(request, ruling.status or 200, source, ruling.headers), now)
        elif (incoming := self._offer(transaction, request, source)) is not None:
            transaction.owner = incoming.spec.call
            incoming.start(now)
        else:
            transaction.respond(self._refuse(request, source), now)

    def on_ack(self, request: Request, source: Address, now: float) -> None:
        call = self._by_call_id.get(request.call_id)
        if call is not None and call.dialog_of(request) is not None:
            indialog.acknowledged(call, request, now)

    def _on_invite_response(
        self, call: OutboundCall | InboundCall | None, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        tag = response.to_addr.tag
        if 200 <= response.status < 300 and transaction.acks:
            if tag in transaction.acks:
                transaction.acknowledge_again(tag)
            else:
                self._drop_fork(transaction, response, now)
        elif isinstance(call, OutboundCall) and call.invite is transaction:
            call.on_response(response, now)

    def _drop_fork(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A proxy forked the INVITE and another leg answered too: acknowledge it and hang it up (13.2.2.4)."""
        identity = identity_of(transaction.request, self.identity)
        sequence = Sequence(transaction.request.cseq.number)
        dialog = dialog_from_response(transaction.request, response, transaction.peer, identity, sequence)
        acknowledge(self, transaction, dialog)
        bye = dialog.request("BYE", self.token(), dialog.next_cseq(), [])
        self.layer.request(bye, dialog.destination, transaction.owner, now)

    def _on_dead_transaction(self, transaction: ClientTransaction, given: CallInput, now: float) -> None:
        call = self._calls.get(transaction.owner or "")
        if self.loose.take(transaction, None, now) or call is None:
            return
        if not call.requester.take(transaction, None, now) and transaction is call.invite:
            call.feed(given, now)

    def _offer(self, transaction: ServerTransaction, request: Request, source: Address) -> InboundCall | None:
        """A call to a number of ours that we can speak with; None for everything else, which is refused."""
        if request.method != "INVITE" or request.to_addr.tag or request.headers.list("require") or not request.sdp:
            return None
        if request.dialled not in self._accepted or len(self._calls) >= MAX_CALLS:
            return None
        try:
            return self._take(transaction, request, source)
        except (ParseError, SdpError):
            return None

    def _at_the_door(
        self, door: Door, transaction: ServerTransaction, request: Request, source: Address, now: float
    ) -> None:
        """A call from outside: answered by the door's ruling alone, and read only where that lets it in."""
        ruling = door.judge(request, source, now)
        status = ruling.status or (420 if request.headers.list("require") else _unacceptable(request))
        if not status and len(self._calls) >= MAX_CALLS:
            status = 503
        if status:
            transaction.respond(self._respond(request, status, source, ruling.headers), now)
            return
        try:
            call = self._take(transaction, request, source, ruling.user)
        except (ParseError, SdpError) as error:
            why = ("Warning", f'399 clarion "{error}"')
            transaction.respond(self._respond(request, 488, source, (why,)), now)
            return
        transaction.owner = call.spec.call
        call.start(now)

    def _take(self, transaction: ServerTransaction, request: Request, source: Address, user: str = "") -> InboundCall:
        """Raise ParseError or SdpError where we cannot speak with it."""
        media = read_offer(request.sdp, srtp=self._srtp)
        for route in request.headers.list("record-route"):
            parse_name_addr(route)
        identity = self.identity.over(source.transport)
        call = InboundCall(self, transaction, request, source, identity, media, user)
        self._calls[call.spec.call] = self._by_call_id[call.call_id] = call
        return call

    def _refuse(self, request: Request, source: Address) -> Response:
        """A request outside our calls. A To tag means the sender believes in a dialog we do not have (12.2.2)."""
        scheme = request.uri.partition(":")[0].lower()
        if request.method not in ALLOW:
            status = 405 if request.method in KNOWN else 501
        elif scheme not in ("sip", "sips", "tel"):
            status = 416
        elif request.to_addr.tag or request.method in ("BYE", "INFO", "UPDATE", "NOTIFY"):
            status = 481
        elif request.headers.list("require"):
            status = 420
        elif request.method == "OPTIONS":
            status = 200
        else:
            status = _unacceptable(request) or self._incoming_status
        return self._respond(request, status, source)

    def _respond(
        self, request: Request, status: int, source: Address, more: tuple[tuple[str, str], ...] = ()
    ) -> Response:
        headers = [("Server", self.identity.user_agent), *more]
        if status in (200, 405, 501):
            headers.append(ALLOW_HEADER)
        if status == 415 or (status == 200 and request.method == "OPTIONS"):
            headers.append(ACCEPT_HEADER)
        if status == 420:
            headers.append(("Unsupported", ", ".join(request.headers.list("require"))))
        return make_response(request, status, source, to_tag=self.token(), headers=headers)

    def _refuse_malformed(self, error: ParseError, source: Address) -> None:
        """Answer what can be answered, without remembering it; never an ACK, never a response."""
        request = error.request
        if request is None or request.method == "ACK" or request.headers.get("via") is None:
            return
        try:
            destination = reply_address(request, source)
        except ParseError:
            destination = source
        response = self._respond(request, error.status, source)
        self._send(response.serialize(), destination, None, "")

    def _send(self, data: bytes, destination: Address, owner: str | None, label: str) -> None:
        self._datagrams.append(Datagram(data, destination))
        if owner in self._calls:
            self._events.append(Ladder(owner, f"-> {label}"))

    def _trace_response(self, response: Response) -> None:
        transaction = self.layer.client_for(response)
        if transaction is not None and transaction.owner in self._calls:
            method = "" if response.cseq.method == "INVITE" else f" ({response.cseq.method})"
            self._events.append(Ladder(transaction.owner, f"<- {response.status} {shown(response.reason)}{method}"))

    def _trace_request(self, request: Request) -> None:
        call = self._by_call_id.get(request.call_id)
        if call is not None and call.dialog_of(request) is not None:
            call.ladder(f"<- {shown(request.method)}")


def _unacceptable(request: Request) -> int:
    """An INVITE whose session description we cannot read (415), or whose sender cannot read ours (406); else 0."""
    if request.body and not request.sdp:
        return 415
    accepted = [value.partition(";")[0].strip().lower() for value in request.headers.list("accept")]
    readable = {"application/sdp", "application/*", "*/*"}
    return 406 if accepted and not readable.intersection(accepted) else 0
