"""Customers and agents put through: what the control API and scripts ask of conversations, and what lines report.

The rules are in `talk`; here they meet calls, rooms, sounds and events. An agent's leg is a call of part `agent`: it
belongs to no customer, so it outlives them all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from common.control import CallRequest, EventType
from common.conversation import Part, Wish
from common.errors import ClarionError, Refused
from common.tasks import note_failure
from mediaserver import wire
from mediaserver.events import EventLog
from mediaserver.lines import base
from mediaserver.switch import talk as rules
from mediaserver.switch.hearing import Member
from mediaserver.switch.live import LiveCall
from mediaserver.switch.record import CallState
from mediaserver.switch.roster import Roster
from mediaserver.switch.sounding import Sounder
from mediaserver.switch.sounds import ZIP
from mediaserver.switch.talk import State, Talk
from mediaserver.switch.transfers import GONE, outcome_of
from mediaserver.switch.vigil import CUSTOMER_PATIENCE, LEG_PATIENCE, Vigil

#: Seconds between two looks for signs of life.
_LOOK = 3.0

SCHEME = "agent:"
#: A leg that ended, one that was let go by order or another who hung up, a customer that nobody came for.
LOST, RELEASED, NOBODY = "network_disconnect", "far_end_disconnect", "noanswer"

log = structlog.get_logger()


class Conflict(ClarionError):
    """The call is not in a state for this."""


@dataclass(slots=True)
class _Bridge:
    call: LiveCall
    talk: Talk
    #: What the script asked for; None where there is no script.
    asked: wire.Transfer | None = None
    #: The script goes its way without the customer.
    handed_over: bool = False
    room: base.Conversation | None = None
    limit: asyncio.TimerHandle | None = None
    #: Somebody else knows what to do with the customer when it is over.
    awaited: bool = False
    #: Monotonic seconds at the first agent.
    joined: float | None = None


class Bridges:
    """`alone` is called with a customer whom no script waits for, and why nobody is left."""

    def __init__(
        self,
        roster: Roster,
        sounder: Sounder,
        events: EventLog,
        note: Callable[[LiveCall, str], None],
        alone: Callable[[LiveCall, str], None],
    ) -> None:
        self._roster = roster
        self._sounder = sounder
        self._events = events
        self._note = note
        self._alone = alone
        self._bridges: dict[str, _Bridge] = {}
        #: By the call that is in it, or is called to join it.
        self._of: dict[str, _Bridge] = {}
        self._vigils = {True: Vigil(CUSTOMER_PATIENCE), False: Vigil(LEG_PATIENCE)}
        self._watching: asyncio.TimerHandle | None = None

    # --- what scripts ask

    def wanted(self, call: LiveCall, asked: wire.Transfer) -> None:
        """`<transfer dest="agent:...">`: music until somebody comes."""
        problem = self._problem(call, asked)
        if problem:
            self._note(call, f"agent: {problem}")
            call.tell(wire.Transferred(call.id, asked.transfer, problem, 0))
            return
        bridge = self._bridges[call.id] = _Bridge(call, Talk(call.id), asked)
        skill = asked.destination[len(SCHEME) :]
        self._note(call, f"agent: {skill} wanted")
        detail = {"skill": skill, "kind": asked.kind, "timeout": asked.connect_timeout}
        self._events.add(EventType.AGENT_WANTED, call.id, detail=detail)
        if asked.connect_timeout:
            loop = asyncio.get_running_loop()
            bridge.limit = loop.call_later(asked.connect_timeout, self._end, bridge, NOBODY)
        self._do(bridge, bridge.talk.begin())

    def take_back(self, call: LiveCall) -> None:
        """The script wants the customer again."""
        bridge = self._bridges.get(call.id)
        if bridge is not None and not bridge.handed_over:
            self._end(bridge, "near_end_disconnect")

    def abandon(self, call: LiveCall) -> None:
        """The dialog is lost: who talks with somebody talks on without it, who waits will hear the apology."""
        bridge = self._bridges.get(call.id)
        if bridge is None:
            return
        bridge.asked = None
        if bridge.talk.state is State.TALKING:
            bridge.handed_over = True
        else:
            bridge.awaited = True
            self._end(bridge, RELEASED)

    def hands_over(self, call: LiveCall) -> bool:
        """Whether the customer talks on without the script."""
        bridge = self._bridges.get(call.id)
        return bridge is not None and bridge.handed_over

    # --- what the control API asks

    def members(self, attempt: str) -> list[Mapping[str, Any]]:
        """Of the customer's conversation, the customer among them. Raise Conflict when there is none."""
        bridge = self._bridges.get(attempt)
        if bridge is None:
            raise Conflict("this call is in no conversation")
        return [
            {
                "call": member.call,
                "part": member.part.value,
                "held": member.held,
                "muted": member.muted,
                "supervision": member.supervision.value if member.part is Part.SUPERVISOR else None,
            }
            for member in bridge.talk.members
        ]

    def has(self, customer: str) -> bool:
        """Whether this customer is in a conversation, or waits for one."""
        return customer in self._bridges

    def customer_of(self, call: str) -> LiveCall | None:
        """Whom this agent or other talks with."""
        bridge = self._of.get(call)
        return bridge.call if bridge is not None and call in bridge.talk else None

    def company(self, call: LiveCall) -> list[LiveCall]:
        """The agents and others in this customer's conversation."""
        bridge = self._bridges.get(call.id)
        members = bridge.talk.members if bridge is not None else ()
        partners = (self._roster.find(one.call) for one in members if one.part in (Part.AGENT, Part.OTHER))
        return [found for found in partners if found is not None]

    def put(self, customer: LiveCall, call: LiveCall, wish: Wish) -> None:
        """Join `call`, or change how it takes part. Raise Refused or Conflict."""
        bridge = self._bridges.get(customer.id)
        if bridge is not None and call.id in bridge.talk:
            self._do(bridge, bridge.talk.change(call.id, wish))
        elif call is customer:
            raise Conflict("nobody is with this customer yet")
        else:
            self._admit(customer, call, wish)

    def let_go(self, customer: str, call: str) -> None:
        """`call` leaves; a leg stays up. Raise Conflict when it is not in it."""
        bridge = self._bridges.get(customer)
        if bridge is None or call == customer or call not in bridge.talk:
            raise Conflict("this call is not in that conversation")
        self._leave(bridge, call, RELEASED)

    def check(self, request: CallRequest) -> None:
        """Raise Conflict for a call that is to join nobody."""
        if request.joins and request.joins not in self._bridges:
            raise Conflict("joins: this customer waits for nobody and talks with nobody")

    def expect(self, call: LiveCall) -> None:
        """It is about to be called."""
        bridge = self._bridges.get(call.request.joins)
        if bridge is not None:
            self._of[call.id] = bridge
            bridge.talk.expect(call.id)

    # --- what lines report

    def answered(self, call: LiveCall) -> None:
        if self._watching is None and call.request.part is not Part.CUSTOMER:
            self._watch_again()
        if not call.request.joins:
            return
        bridge = self._of.get(call.id)
        if bridge is None:
            # Whom it was to join is gone.
            call.end_by_system()
        else:
            self._join(bridge, call, Wish())

    def failed(self, call: LiveCall, event: base.Failed) -> None:
        self._gone(call, outcome_of(event))

    def hung_up(self, call: LiveCall) -> None:
        """A customer, or a member: a lost leg gives the customer back to the script."""
        bridge = self._bridges.get(call.id)
        if bridge is not None:
            bridge.asked, bridge.awaited = None, True
            self._end(bridge, RELEASED)
        self._gone(call, LOST if call.request.part is Part.AGENT else RELEASED)

    def watch(self, now: float) -> None:
        """Let go whose far end is gone without a word: legs, and customers who talk with one. `now` is monotonic."""
        watched = [call for call in self._roster.under_way() if self._is_watched(call)]
        for customers, vigil in self._vigils.items():
            kind = [call for call in watched if (call.request.part is Part.CUSTOMER) is customers]
            gone = vigil.look({call.id: call.line.signs(call.id) for call in kind}, now)
            for call in (call for call in kind if call.id in gone):
                self._note(call, "nothing comes from the far end any more")
                call.end_by_system()
                self.hung_up(call)

    def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    # --- how

    def _is_watched(self, call: LiveCall) -> bool:
        if call.stopped or call.record.state is not CallState.ANSWERED:
            return False
        return call.request.part is not Part.CUSTOMER or call.id in self._bridges

    def _watch_again(self) -> None:
        self._watching = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _look(self) -> None:
        self._watching = None
        try:
            self.watch(time.monotonic())
        except Exception as error:
            note_failure("vigil", error)
        if any(call.request.part is not Part.CUSTOMER for call in self._roster.under_way()):
            self._watch_again()

    def _problem(self, call: LiveCall, asked: wire.Transfer) -> str:
        if asked.kind == "blind":
            return "error.unsupported.transfer.blind"
        return "error.noresource" if call.id in self._bridges else ""

    def _admit(self, customer: LiveCall, call: LiveCall, wish: Wish) -> None:
        if customer.request.part is not Part.CUSTOMER or call.request.part is Part.CUSTOMER:
            raise Refused("part: a customer is joined by agents, others and supervisors")
        if customer.record.state is not CallState.ANSWERED or call.record.state is not CallState.ANSWERED:
            raise Conflict("both calls must be answered")
        if call.stopped:
            raise Conflict("this call is being ended")
        if call.id in self._of:
            raise Conflict("this call is in a conversation already")
        if call.line is not customer.line:
            raise Refused("calls of different lines cannot be joined")
        bridge = self._bridges.get(customer.id)
        if bridge is None:
            if customer.worker is not None:
                raise Conflict("the script talks with this customer; it asks for an agent by <transfer>")
            bridge = self._bridges[customer.id] = _Bridge(customer, Talk(customer.id))
        self._join(bridge, call, wish)

    def _join(self, bridge: _Bridge, call: LiveCall, wish: Wish) -> None:
        self._of[call.id] = bridge
        if bridge.call.playing is not None:
            bridge.call.line.stop_play(bridge.call.id)
        self._do(bridge, bridge.talk.join(call.id, call.request.part, wish))
        if call.id not in bridge.talk or call.request.part is Part.SUPERVISOR or bridge.joined is not None:
            return
        bridge.joined = time.monotonic()
        self._begin_limit(bridge)
        if bridge.asked is not None and bridge.asked.kind == "consultation":
            bridge.handed_over = True
            self._tell_script(bridge, GONE)

    def _begin_limit(self, bridge: _Bridge) -> None:
        """From now on it is the time of talking that may run out."""
        if bridge.limit is not None:
            bridge.limit.cancel()
        if bridge.asked is not None and bridge.asked.max_seconds:
            loop = asyncio.get_running_loop()
            bridge.limit = loop.call_later(bridge.asked.max_seconds, self._end, bridge, "maxtime_disconnect")

    def _gone(self, call: LiveCall, outcome: str) -> None:
        bridge = self._of.get(call.id)
        if bridge is not None:
            self._leave(bridge, call.id, outcome)

    def _leave(self, bridge: _Bridge, call: str, outcome: str) -> None:
        self._do(bridge, bridge.talk.leave(call, outcome))
        self._of.pop(call, None)

    def _end(self, bridge: _Bridge, outcome: str) -> None:
        self._do(bridge, bridge.talk.end(outcome))

    def _do(self, bridge: _Bridge, commands: list[rules.Command]) -> None:
        for command in commands:
            match command:
                case rules.Joins(member):
                    self._enter(bridge, member)
                case rules.Changes(member):
                    _change(bridge.room, member)
                case rules.Leaves(member):
                    self._out(bridge, member)
                case rules.ZipTone(call):
                    if (known := self._roster.find(call)) is not None:
                        self._sounder.tone(known, ZIP)
                case rules.Music(call, on):
                    if (known := self._roster.find(call)) is not None:
                        self._sounder.music(known, on)
                case rules.Release(call):
                    self._of.pop(call, None)
                    if (known := self._roster.find(call)) is not None:
                        known.end_by_system()
                case rules.Over(outcome):
                    self._over(bridge, outcome)

    def _enter(self, bridge: _Bridge, member: Member) -> None:
        try:
            if bridge.room is None:
                bridge.room = bridge.call.line.conversation()
            bridge.room.join(member)
        except ClarionError as error:
            # No room is left, or the call is about to end: whoever cannot hear is not in it.
            log.error("not_joined", call=member.call, error=str(error))
            if member.call != bridge.call.id:
                self._leave(bridge, member.call, "error.noresource")
            return
        if member.call != bridge.call.id:
            self._note(bridge.call, f"{member.part}: {member.call} joined")
            self._tell(EventType.JOINED, bridge, member)

    def _out(self, bridge: _Bridge, member: Member) -> None:
        self._of.pop(member.call, None)
        if bridge.room is not None:
            bridge.room.leave(member.call)
        self._note(bridge.call, f"{member.part}: {member.call} left")
        self._tell(EventType.LEFT, bridge, member)

    def _tell(self, kind: EventType, bridge: _Bridge, member: Member) -> None:
        self._events.add(kind, bridge.call.id, detail={"call": member.call, "part": member.part.value})

    def _over(self, bridge: _Bridge, outcome: str) -> None:
        call = bridge.call
        del self._bridges[call.id]
        if bridge.limit is not None:
            bridge.limit.cancel()
        if bridge.room is not None:
            bridge.room.close()
        if bridge.joined is None:
            self._events.add(EventType.AGENT_UNWANTED, call.id)
        if bridge.asked is not None and not bridge.handed_over:
            self._tell_script(bridge, outcome)
        elif not bridge.awaited:
            self._alone(call, outcome)

    def _tell_script(self, bridge: _Bridge, outcome: str) -> None:
        milliseconds = 0 if bridge.joined is None else round((time.monotonic() - bridge.joined) * 1000)
        self._note(bridge.call, f"agent: {outcome} after {milliseconds / 1000:.1f} s")
        if bridge.asked is not None:
            bridge.call.tell(wire.Transferred(bridge.call.id, bridge.asked.transfer, outcome, milliseconds))


def _change(room: base.Conversation | None, member: Member) -> None:
    if room is not None:
        room.hold(member.call, member.held)
        room.mute(member.call, member.muted)
        if member.part is Part.SUPERVISOR:
            room.supervise(member.call, member.supervision)
