"""The life of an outbound call as one table: (state, input) -> next state and the actions on the way.

Both line drivers that speak SIP follow it. An input a state has no row for changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol


class CallState(StrEnum):
    #: INVITE sent, nothing heard.
    INVITING = "inviting"
    #: A provisional response came.
    PROCEEDING = "proceeding"
    #: To be cancelled, but a CANCEL may not leave before a provisional response (9.1).
    CANCEL_WAITING = "cancel waiting"
    #: CANCEL sent, the INVITE's own final response awaited.
    CANCELLING = "cancelling"
    #: A call to us: our 200 is repeated until its ACK.
    ACCEPTED = "accepted"
    #: The same, to be hung up: a BYE of ours may not leave before the ACK (15).
    LEAVING = "leaving"
    #: Answered and acknowledged.
    UP = "up"
    #: BYE sent.
    CLOSING = "closing"
    OVER = "over"


class CallInput(StrEnum):
    PROVISIONAL = "provisional"
    #: 2xx with media we can speak.
    ANSWER = "answer"
    #: 2xx without.
    UNUSABLE = "unusable answer"
    #: A refusal that another INVITE may mend: 401 or 407 that our credentials answer, 422, 3xx.
    CHALLENGE = "challenge"
    #: Any other final response.
    REFUSAL = "refusal"
    NO_REPLY = "timer B"
    TRANSPORT_ERROR = "transport error"
    RING_TIMER = "ring timer"
    HANG_UP = "hang up"
    #: 64*T1 after the CANCEL without a final response.
    CANCEL_TIMER = "cancel timer"
    #: The ACK of our 2xx.
    ACKNOWLEDGED = "acknowledged"
    #: None came for 64*T1 (13.3.1.4, 14.2).
    UNACKNOWLEDGED = "unacknowledged"
    #: The far end's CANCEL of a call to us.
    CANCELLED = "cancelled"
    #: The far end's BYE.
    BYE = "bye"
    #: Our BYE was answered, or given up.
    BYE_DONE = "bye done"


class CallAction(StrEnum):
    """What happens on the way, in order; each line driver has its own way of doing it."""

    #: ACK the 2xx; from here on there is a dialog.
    ACKNOWLEDGE = "acknowledge"
    REPORT_ESTABLISHED = "report established"
    #: The mended INVITE: same Call-ID and From tag.
    INVITE_AGAIN = "invite again"
    SEND_CANCEL = "send cancel"
    SEND_BYE = "send bye"
    #: Forget the INVITE of a far end that answers neither it nor the CANCEL.
    ABANDON = "abandon"
    NOTE_RING_OUT = "note ring out"
    NOTE_CANCELLED = "note cancelled"
    NOTE_NO_REPLY = "note no reply"
    NOTE_UNREACHABLE = "note unreachable"
    #: The 200 crossed our CANCEL.
    NOTE_CROSSED = "note crossed"
    NOTE_FAR_END_LEFT = "note far end left"


class AnyStep(Protocol):
    """Of a table of calls, whatever its actions are."""

    @property
    def state(self) -> CallState: ...

    @property
    def actions(self) -> tuple[StrEnum, ...]: ...


class Step(NamedTuple):
    state: CallState
    actions: tuple[CallAction, ...] = ()


#: Both ends may speak, and ask each other for something.
TALKING = (CallState.ACCEPTED, CallState.UP)

_S, _I, _A = CallState, CallInput, CallAction

CALL: Mapping[tuple[CallState, CallInput], Step] = {
    (_S.INVITING, _I.PROVISIONAL): Step(_S.PROCEEDING),
    (_S.INVITING, _I.ANSWER): Step(_S.UP, (_A.ACKNOWLEDGE, _A.REPORT_ESTABLISHED)),
    (_S.INVITING, _I.UNUSABLE): Step(_S.CLOSING, (_A.ACKNOWLEDGE, _A.SEND_BYE)),
    (_S.INVITING, _I.CHALLENGE): Step(_S.INVITING, (_A.INVITE_AGAIN,)),
    (_S.INVITING, _I.REFUSAL): Step(_S.OVER),
    (_S.INVITING, _I.NO_REPLY): Step(_S.OVER, (_A.NOTE_NO_REPLY,)),
    (_S.INVITING, _I.TRANSPORT_ERROR): Step(_S.OVER, (_A.NOTE_UNREACHABLE,)),
    (_S.INVITING, _I.RING_TIMER): Step(_S.CANCEL_WAITING, (_A.NOTE_RING_OUT,)),
    (_S.INVITING, _I.HANG_UP): Step(_S.CANCEL_WAITING, (_A.NOTE_CANCELLED,)),
    (_S.PROCEEDING, _I.ANSWER): Step(_S.UP, (_A.ACKNOWLEDGE, _A.REPORT_ESTABLISHED)),
    (_S.PROCEEDING, _I.UNUSABLE): Step(_S.CLOSING, (_A.ACKNOWLEDGE, _A.SEND_BYE)),
    (_S.PROCEEDING, _I.CHALLENGE): Step(_S.INVITING, (_A.INVITE_AGAIN,)),
    (_S.PROCEEDING, _I.REFUSAL): Step(_S.OVER),
    (_S.PROCEEDING, _I.RING_TIMER): Step(_S.CANCELLING, (_A.NOTE_RING_OUT, _A.SEND_CANCEL)),
    (_S.PROCEEDING, _I.HANG_UP): Step(_S.CANCELLING, (_A.NOTE_CANCELLED, _A.SEND_CANCEL)),
    (_S.CANCEL_WAITING, _I.PROVISIONAL): Step(_S.CANCELLING, (_A.SEND_CANCEL,)),
    (_S.CANCEL_WAITING, _I.ANSWER): Step(_S.CLOSING, (_A.NOTE_CROSSED, _A.ACKNOWLEDGE, _A.SEND_BYE)),
    (_S.CANCEL_WAITING, _I.UNUSABLE): Step(_S.CLOSING, (_A.NOTE_CROSSED, _A.ACKNOWLEDGE, _A.SEND_BYE)),
    (_S.CANCEL_WAITING, _I.REFUSAL): Step(_S.OVER),
    (_S.CANCEL_WAITING, _I.NO_REPLY): Step(_S.OVER, (_A.NOTE_NO_REPLY,)),
    (_S.CANCEL_WAITING, _I.TRANSPORT_ERROR): Step(_S.OVER, (_A.NOTE_UNREACHABLE,)),
    (_S.CANCELLING, _I.ANSWER): Step(_S.CLOSING, (_A.NOTE_CROSSED, _A.ACKNOWLEDGE, _A.SEND_BYE)),
    (_S.CANCELLING, _I.UNUSABLE): Step(_S.CLOSING, (_A.NOTE_CROSSED, _A.ACKNOWLEDGE, _A.SEND_BYE)),
    (_S.CANCELLING, _I.REFUSAL): Step(_S.OVER),
    (_S.CANCELLING, _I.CANCEL_TIMER): Step(_S.OVER, (_A.ABANDON,)),
    (_S.UP, _I.BYE): Step(_S.OVER, (_A.NOTE_FAR_END_LEFT,)),
    (_S.UP, _I.HANG_UP): Step(_S.CLOSING, (_A.SEND_BYE,)),
    (_S.UP, _I.UNACKNOWLEDGED): Step(_S.CLOSING, (_A.SEND_BYE,)),
    (_S.CLOSING, _I.BYE_DONE): Step(_S.OVER),
}
