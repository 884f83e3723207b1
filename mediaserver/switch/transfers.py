"""`<transfer>`: the caller is handed to someone else, by the far end itself or by a second call of ours.

blind: the far end is asked to call the destination (REFER) and leaves us. bridge: we call it, both are in one
conversation, and the caller comes back to the script. consultation: likewise, but once the destination answers the
script goes its way without the caller, and the two talk on until one of them hangs up (VoiceXML 2.1 section 2.3.7).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog

from common.control import Disposition
from common.conversation import Part
from common.errors import ClarionError
from mediaserver import wire
from mediaserver.lines import base
from mediaserver.switch.destinations import BadDestination, NotAllowed, Reach
from mediaserver.switch.hearing import Member
from mediaserver.switch.live import LiveCall

GONE = "connection.disconnect.transfer"
#: Seconds a destination may ring where the script names none.
_RING = 30.0

log = structlog.get_logger()


class State(StrEnum):
    #: The far end was asked to call the destination.
    REFERRED = "referred"
    #: Our second call rings.
    CALLING = "calling"
    #: Both talk, the script waits.
    TALKING = "talking"
    #: Both talk, the script is told that the caller has gone.
    HANDED_OVER = "handed over"
    ENDED = "ended"


class Step(StrEnum):
    ANSWER = "answer"
    HAND_OVER = "hand over"
    END = "end"


_NEXT: Mapping[State, Mapping[Step, State]] = {
    State.REFERRED: {Step.END: State.ENDED},
    State.CALLING: {Step.ANSWER: State.TALKING, Step.HAND_OVER: State.HANDED_OVER, Step.END: State.ENDED},
    State.TALKING: {Step.END: State.ENDED},
    State.HANDED_OVER: {Step.END: State.ENDED},
    State.ENDED: {},
}

#: What a refusal means to the script, by its SIP status; others by `_otherwise`.
_REFUSED: Mapping[int, str] = {
    **dict.fromkeys((486, 600, 603, 607), "busy"),
    **dict.fromkeys((408, 480, 487), "noanswer"),
    **dict.fromkeys((404, 410, 414, 416, 484, 604), "error.connection.baddestination"),
    **dict.fromkeys((401, 403, 407), "error.connection.noauthorization"),
}
_FAILED: Mapping[Disposition, str] = {
    Disposition.RING_TIMEOUT: "noanswer",
    Disposition.NO_REPLY: "error.connection.noroute",
    Disposition.TRANSPORT_ERROR: "error.connection.noroute",
    Disposition.AUTH_FAILED: "error.connection.noauthorization",
    Disposition.NOT_ADMITTED: "error.noresource",
    Disposition.CANCELLED: "near_end_disconnect",
}
#: Answers to a REFER by a far end that knows none (RFC 3515 2.4.2, RFC 3261 21.4).
_NO_REFER = frozenset((405, 420, 489, 501))


@dataclass(slots=True)
class _Transfer:
    asked: wire.Transfer
    call: LiveCall
    #: Our second call; "" for a blind one.
    leg: str
    state: State
    conversation: base.Conversation | None = None
    #: Monotonic seconds at the destination's answer.
    answered: float | None = None
    limit: asyncio.TimerHandle | None = None
    #: What the script asked for before the end came.
    wanted: str = ""


class Transfers:
    """At most one a call. `has_room` tells whether one more call may be placed, `count` hears each outcome."""

    def __init__(
        self, has_room: Callable[[], bool], note: Callable[[LiveCall, str], None], count: Callable[[str], None]
    ) -> None:
        self._has_room = has_room
        self._note = note
        self._count = count
        self._by_call: dict[str, _Transfer] = {}
        self._by_leg: dict[str, _Transfer] = {}

    @property
    def legs(self) -> int:
        """Calls of ours to destinations."""
        return len(self._by_leg)

    def hands_over(self, call: LiveCall) -> bool:
        """Whether the caller talks on without the script."""
        known = self._by_call.get(call.id)
        return known is not None and known.state is State.HANDED_OVER

    def begin(self, call: LiveCall, asked: wire.Transfer) -> None:
        try:
            reach = Reach.of(asked.destination, call.request.trunk)
        except NotAllowed as error:
            self._refuse(call, asked, "error.connection.noauthorization", str(error))
            return
        except BadDestination as error:
            self._refuse(call, asked, "error.connection.baddestination", str(error))
            return
        if call.id in self._by_call:
            self._refuse(call, asked, "error.noresource", "the caller is being transferred already")
        elif asked.kind == "blind":
            self._refer(call, asked, reach)
        elif not self._has_room():
            self._refuse(call, asked, "error.noresource", "all calls of this media server are taken")
        else:
            self._dial(call, asked, reach)

    def end(self, call: LiveCall) -> None:
        """The script takes the caller back."""
        known = self._by_call.get(call.id)
        if known is not None and known.leg and known.state in (State.CALLING, State.TALKING):
            known.wanted = known.wanted or "near_end_disconnect"
            call.line.hang_up(known.leg)

    def abandon(self, call: LiveCall) -> None:
        """The caller is gone, or the dialog is lost: whoever was called is let go."""
        known = self._by_call.get(call.id)
        if known is None:
            return
        self._close(known)
        if known.leg:
            call.line.hang_up(known.leg)

    # --- what lines report

    def hear(self, event: base.LineEvent) -> bool:
        """False for events of calls that are none of ours."""
        if isinstance(event, base.Transferred):
            known = self._by_call.get(event.call)
            if known is not None and known.state is State.REFERRED:
                self._referred(known, event.sip_status)
            return True
        known = self._by_leg.get(event.call)
        if known is None:
            return False
        match event:
            case base.Ladder(_, text):
                self._note(known.call, f"transfer: {text}")
            case base.Answered():
                self._answered(known)
            case base.Failed():
                self._over(known, outcome_of(event))
            case base.HungUp():
                self._over(known, "far_end_disconnect" if event.by_far_end else "near_end_disconnect")
            case _:
                # Ringing, keys and audio of the destination mean nothing to the script.
                pass
        return True

    def _refer(self, call: LiveCall, asked: wire.Transfer, reach: Reach) -> None:
        try:
            call.line.transfer(call.id, reach.uri)
        except base.Unsupported as error:
            self._refuse(call, asked, "error.unsupported.transfer.blind", str(error))
            return
        self._by_call[call.id] = _Transfer(asked, call, "", State.REFERRED)

    def _referred(self, known: _Transfer, status: int) -> None:
        if status < 300:
            self._tell(known, GONE)
            self._close(known)
            known.call.line.hang_up(known.call.id)
            return
        outcome = "error.unsupported.transfer.blind" if status in _NO_REFER else _by_status(status)
        self._tell(known, outcome)
        self._close(known)

    def _dial(self, call: LiveCall, asked: wire.Transfer, reach: Reach) -> None:
        leg = f"{call.id}~{asked.transfer}"
        known = _Transfer(asked, call, leg, State.CALLING)
        self._by_call[call.id] = self._by_leg[leg] = known
        request = call.request
        call.line.place(
            base.Place(
                call=leg,
                to=reach.to,
                sender=request.sender,
                display_name=request.display_name,
                trunk=call.record.trunk,
                ring_timeout=asked.connect_timeout or _RING,
            )
        )

    def _answered(self, known: _Transfer) -> None:
        call, asked = known.call, known.asked
        known.answered = time.monotonic()
        try:
            conversation = known.conversation = call.line.conversation()
            call.line.stop_play(call.id)
            conversation.join(Member(call.id, Part.CUSTOMER))
            conversation.join(Member(known.leg, Part.OTHER))
        except ClarionError as error:
            log.error("not_joined", call=call.id, error=str(error))
            known.wanted = "error.noresource"
            call.line.hang_up(known.leg)
            return
        if asked.kind == "consultation":
            self._step(known, Step.HAND_OVER)
            self._tell(known, GONE)
            return
        self._step(known, Step.ANSWER)
        if asked.max_seconds:
            known.limit = asyncio.get_running_loop().call_later(asked.max_seconds, self._too_long, known)

    def _too_long(self, known: _Transfer) -> None:
        known.wanted = known.wanted or "maxtime_disconnect"
        known.call.line.hang_up(known.leg)

    def _over(self, known: _Transfer, outcome: str) -> None:
        del self._by_leg[known.leg]
        handed_over, ended = known.state is State.HANDED_OVER, known.state is State.ENDED
        if not handed_over and not ended:
            self._tell(known, known.wanted or outcome)
        self._close(known)
        if handed_over:
            known.call.line.hang_up(known.call.id)

    # --- the end

    def _tell(self, known: _Transfer, outcome: str) -> None:
        milliseconds = 0 if known.answered is None else round((time.monotonic() - known.answered) * 1000)
        self._note(known.call, f"transfer: {outcome} after {milliseconds / 1000:.1f} s")
        self._count(outcome)
        known.call.tell(wire.Transferred(known.call.id, known.asked.transfer, outcome, milliseconds))

    def _refuse(self, call: LiveCall, asked: wire.Transfer, outcome: str, why: str) -> None:
        self._note(call, f"transfer: {outcome}: {why}")
        self._count(outcome)
        call.tell(wire.Transferred(call.id, asked.transfer, outcome, 0))

    def _close(self, known: _Transfer) -> None:
        if known.state is State.ENDED:
            return
        self._step(known, Step.END)
        del self._by_call[known.call.id]
        if known.limit is not None:
            known.limit.cancel()
        if known.conversation is not None:
            known.conversation.close()

    def _step(self, known: _Transfer, step: Step) -> None:
        known.state = _NEXT[known.state][step]


def transfer_kinds(line: base.Line) -> tuple[str, ...]:
    """What a script on this line may ask for."""
    blind = ("blind",) if base.Capability.TRANSFER in line.capabilities else ()
    return blind + (("bridge", "consultation") if base.Capability.CONVERSATION in line.capabilities else ())


def outcome_of(failed: base.Failed) -> str:
    """What a destination that was not reached means to the script."""
    if failed.disposition is Disposition.REFUSED and failed.sip_status is not None:
        return _by_status(failed.sip_status)
    return _FAILED.get(failed.disposition, "unknown")


def _by_status(status: int) -> str:
    known = _REFUSED.get(status)
    if known is not None:
        return known
    return "network_busy" if 500 <= status < 600 else "unknown"
