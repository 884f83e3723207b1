"""A call that somebody places to us: only to numbers we take calls for, by the table below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from common.control import Disposition, Trunk
from mediaserver.switch.sip.agent import CallAgent
from mediaserver.switch.sip.call_table import TALKING, CallInput, CallState
from mediaserver.switch.sip.dialog import Dialog, Sequence, dialog_from_request
from mediaserver.switch.sip.digest import Credentials
from mediaserver.switch.sip.events import Established, Failed, Incoming, InviteSpec
from mediaserver.switch.sip.indialog import repeat_until_ack
from mediaserver.switch.sip.leg import Leg
from mediaserver.switch.sip.message import Request
from mediaserver.switch.sip.requests import Identity
from mediaserver.switch.sip.responses import allow_header, make_response
from mediaserver.switch.sip.sdp import MediaTarget, SdpError, agree, parse
from mediaserver.switch.sip.server import ServerTransaction
from mediaserver.switch.sip.transaction import Address

#: Seconds an offered call rings before it is refused for want of an answer.
RING_LIMIT = 60.0


class Action(StrEnum):
    #: 200 with our answer, repeated until its ACK.
    ACCEPT = "accept"
    #: The final response decided on.
    REFUSE = "refuse"
    NOTE_GONE = "note gone"
    NOTE_UNANSWERED = "note unanswered"
    NOTE_FAR_END_LEFT = "note far end left"
    SEND_BYE = "send bye"


class Step(NamedTuple):
    state: CallState
    actions: tuple[Action, ...] = ()


_S, _I, _A = CallState, CallInput, Action

#: INVITING is: it rings here, nobody has decided.
INBOUND: Mapping[tuple[CallState, CallInput], Step] = {
    (_S.INVITING, _I.ANSWER): Step(_S.ACCEPTED, (_A.ACCEPT,)),
    (_S.INVITING, _I.HANG_UP): Step(_S.OVER, (_A.REFUSE,)),
    (_S.INVITING, _I.RING_TIMER): Step(_S.OVER, (_A.NOTE_UNANSWERED, _A.REFUSE)),
    (_S.INVITING, _I.CANCELLED): Step(_S.OVER, (_A.NOTE_GONE, _A.REFUSE)),
    (_S.ACCEPTED, _I.ACKNOWLEDGED): Step(_S.UP),
    (_S.ACCEPTED, _I.BYE): Step(_S.OVER, (_A.NOTE_FAR_END_LEFT,)),
    (_S.ACCEPTED, _I.HANG_UP): Step(_S.LEAVING),
    (_S.ACCEPTED, _I.UNACKNOWLEDGED): Step(_S.CLOSING, (_A.SEND_BYE,)),
    (_S.LEAVING, _I.ACKNOWLEDGED): Step(_S.CLOSING, (_A.SEND_BYE,)),
    (_S.LEAVING, _I.BYE): Step(_S.OVER),
    (_S.LEAVING, _I.UNACKNOWLEDGED): Step(_S.CLOSING, (_A.SEND_BYE,)),
    (_S.UP, _I.BYE): Step(_S.OVER, (_A.NOTE_FAR_END_LEFT,)),
    (_S.UP, _I.HANG_UP): Step(_S.CLOSING, (_A.SEND_BYE,)),
    (_S.UP, _I.UNACKNOWLEDGED): Step(_S.CLOSING, (_A.SEND_BYE,)),
    (_S.CLOSING, _I.BYE): Step(_S.CLOSING),
    (_S.CLOSING, _I.BYE_DONE): Step(_S.OVER),
}


class InboundCall(Leg):
    """`media` is what the caller offered."""

    table = INBOUND
    invite = None

    def __init__(
        self,
        agent: CallAgent,
        transaction: ServerTransaction,
        request: Request,
        source: Address,
        identity: Identity,
        media: MediaTarget,
        user: str = "",
    ) -> None:
        number, sender = (request.sip_uri.user or ""), request.from_addr.uri
        trunk = Trunk(source.host, source.port)
        spec = InviteSpec(f"in-{agent.token()}", number, sender, "", trunk, b"", may_refer=bool(user))
        super().__init__(agent, spec, identity, request.call_id, Credentials("", "", agent.token), media)
        self.media: MediaTarget = media
        self.dialog = dialog_from_request(request, agent.token(), source, identity, Sequence())
        self._transaction = transaction
        self._request = request
        self._source = source
        self._answer = b""
        self._refusal = 480
        self._user = user
        self._reason = ""

    def start(self, now: float) -> None:
        """Ring, and have somebody decide."""
        self._respond(180, now)
        self.set_timer("ring", now + RING_LIMIT, CallInput.RING_TIMER)
        spec = self.spec
        self.agent.emit(Incoming(spec.call, spec.to, spec.sender, self.media, self._request.sdp, self._user))

    def answer(self, sdp: bytes, now: float) -> None:
        """Take it with our session description."""
        self._answer = sdp
        self.local_media = parse(sdp)
        try:
            self.media = agree(self._request.sdp, self.local_media)
        except SdpError as error:
            self.ladder(f"our answer does not fit the offer: {error}")
            self.refuse(488, now)
            return
        self.feed(CallInput.ANSWER, now)

    def refuse(self, status: int, now: float) -> None:
        self._refusal = status
        self.feed(CallInput.HANG_UP, now)

    def act(self, action: StrEnum, now: float) -> None:
        _ACTIONS[Action(action)](self, now)

    def dialog_of(self, request: Request) -> Dialog | None:
        """Once it was answered."""
        dialog = self.dialog
        ours = (
            dialog is not None
            and request.to_addr.tag == dialog.local_tag
            and request.from_addr.tag == dialog.remote_tag
            and self.state in (*TALKING, CallState.LEAVING, CallState.CLOSING)
        )
        return dialog if ours else None

    def is_of(self, transaction: ServerTransaction) -> bool:
        return transaction is self._transaction

    def failure(self) -> Failed:
        reason = self._reason or "refused"
        return Failed(self.spec.call, Disposition.CANCELLED, self._refusal, reason, provisional=True)

    def _respond(self, status: int, now: float, sdp: bytes = b"") -> None:
        tag = self.dialog.local_tag if self.dialog is not None else ""
        headers = (("Contact", self.identity.contact), allow_header(self.spec.may_refer)) if status < 300 else ()
        response = make_response(self._request, status, self._source, to_tag=tag, headers=headers, sdp=sdp)
        self._transaction.respond(response, now)

    # --- actions

    def _accept(self, now: float) -> None:
        self.cancel_timer("ring")
        self.established = True
        self._respond(200, now, self._answer)
        repeat_until_ack(self, self._transaction, now)
        self.agent.emit(Established(self.spec.call, self.media, self._request.sdp))

    def _refuse(self, now: float) -> None:
        self._respond(self._refusal, now)

    def _gone(self, _now: float) -> None:
        self._refusal, self._reason = 487, "the caller gave up"

    def _unanswered(self, _now: float) -> None:
        self._refusal, self._reason = 480, "nobody answered here"

    def _far_end_left(self, _now: float) -> None:
        self.by_far_end = True


_ACTIONS: Mapping[Action, Callable[[InboundCall, float], None]] = {
    Action.ACCEPT: InboundCall._accept,
    Action.REFUSE: InboundCall._refuse,
    Action.NOTE_GONE: InboundCall._gone,
    Action.NOTE_UNANSWERED: InboundCall._unanswered,
    Action.NOTE_FAR_END_LEFT: InboundCall._far_end_left,
    Action.SEND_BYE: InboundCall.send_bye,
}
