"""The life of a call that Asterisk places for us: (state, input) -> next state and the actions on the way.

An input a state has no row for changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    #: Its channel, our media and the bridge between them are being made, one order after the other.
    PREPARING = "preparing"
    #: All is made; Asterisk has yet to tell that both channels are ours to order about.
    ENTERING = "entering"
    #: Given up while an order is under way, whose answer is awaited: what it makes must not be left behind.
    ABANDONED = "abandoned"
    #: Asterisk was told to dial.
    DIALLING = "dialling"
    UP = "up"
    #: Asterisk was told to hang up or to cancel.
    LEAVING = "leaving"
    OVER = "over"


class Input(StrEnum):
    #: An order of the preparation was carried out.
    DONE = "done"
    #: Both channels are in our application.
    ENTERED = "entered"
    #: An order was refused, or Asterisk could not be reached.
    FAILED = "failed"
    RINGING = "ringing"
    ANSWER = "answer"
    HANG_UP = "hang up"
    RING_TIMER = "ring timer"
    #: The channel is gone, whoever ended it.
    DESTROYED = "destroyed"
    #: Asterisk did not say what became of a call that we left.
    LATE = "late"


class Action(StrEnum):
    #: The next order of the preparation; the last of them dials.
    GO_ON = "go on"
    REPORT_RINGING = "report ringing"
    REPORT_ANSWER = "report answer"
    #: Hang up the channel and wait for its end.
    LEAVE = "leave"
    NOTE_RING_OUT = "note ring out"
    NOTE_CANCELLED = "note cancelled"
    NOTE_FAR_END_LEFT = "note far end left"
    #: Take away whatever was made for the call, and report its end.
    CLOSE = "close"


class Step(NamedTuple):
    state: State
    actions: tuple[Action, ...] = ()


_S, _I, _A = State, Input, Action

CALL: Mapping[tuple[State, Input], Step] = {
    (_S.PREPARING, _I.DONE): Step(_S.PREPARING, (_A.GO_ON,)),
    (_S.PREPARING, _I.FAILED): Step(_S.OVER, (_A.CLOSE,)),
    (_S.PREPARING, _I.HANG_UP): Step(_S.ABANDONED, (_A.NOTE_CANCELLED,)),
    (_S.PREPARING, _I.RING_TIMER): Step(_S.ABANDONED, (_A.NOTE_RING_OUT,)),
    # The channel may be destroyed before the answer to the order that dialled it is here.
    (_S.PREPARING, _I.DESTROYED): Step(_S.OVER, (_A.CLOSE,)),
    (_S.ENTERING, _I.ENTERED): Step(_S.PREPARING, (_A.GO_ON,)),
    (_S.ENTERING, _I.HANG_UP): Step(_S.OVER, (_A.NOTE_CANCELLED, _A.CLOSE)),
    (_S.ENTERING, _I.RING_TIMER): Step(_S.OVER, (_A.NOTE_RING_OUT, _A.CLOSE)),
    (_S.ENTERING, _I.DESTROYED): Step(_S.OVER, (_A.CLOSE,)),
    (_S.ABANDONED, _I.DONE): Step(_S.OVER, (_A.CLOSE,)),
    (_S.ABANDONED, _I.FAILED): Step(_S.OVER, (_A.CLOSE,)),
    # Refused because the far end has refused already: the channel's end is on its way.
    (_S.DIALLING, _I.FAILED): Step(_S.LEAVING, (_A.LEAVE,)),
    (_S.DIALLING, _I.RINGING): Step(_S.DIALLING, (_A.REPORT_RINGING,)),
    (_S.DIALLING, _I.ANSWER): Step(_S.UP, (_A.REPORT_ANSWER,)),
    (_S.DIALLING, _I.HANG_UP): Step(_S.LEAVING, (_A.NOTE_CANCELLED, _A.LEAVE)),
    (_S.DIALLING, _I.RING_TIMER): Step(_S.LEAVING, (_A.NOTE_RING_OUT, _A.LEAVE)),
    (_S.DIALLING, _I.DESTROYED): Step(_S.OVER, (_A.CLOSE,)),
    (_S.UP, _I.HANG_UP): Step(_S.LEAVING, (_A.LEAVE,)),
    (_S.UP, _I.DESTROYED): Step(_S.OVER, (_A.NOTE_FAR_END_LEFT, _A.CLOSE)),
    (_S.LEAVING, _I.DESTROYED): Step(_S.OVER, (_A.CLOSE,)),
    (_S.LEAVING, _I.LATE): Step(_S.OVER, (_A.CLOSE,)),
}
