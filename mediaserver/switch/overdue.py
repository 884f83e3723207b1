"""The last resort for calls: limits that hold whatever a line does, and what is done with one that nobody else ends.

Lines end calls by timers of their own. A call that its line has forgotten, or that a defect took from it, would stay
for ever all the same, with its attempt, its port and its contact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from common.clock import Clock
from common.tasks import note_failure
from mediaserver.lines.base import Failed, HungUp, LineEvent
from mediaserver.switch.live import LiveCall
from mediaserver.switch.record import CallState
from mediaserver.switch.roster import Roster

#: Seconds that a call may take to be placed, beside its ringing: the trunks' limits, and of each trunk the servers one
#: after the other, with a connection (5 s) and a registration (64*T1) each.
PLACING = 600.0
#: Until a line has told that a call is over: CANCEL or BYE with all their repetitions (64*T1 each).
ENDING = 90.0
_WHY = "a defect of Clarion: nothing more was heard of the call"

log = structlog.get_logger()


class Overdue:
    """`holders` take what the switch's parts hold of a call, `finish` tells its outcome."""

    def __init__(
        self,
        roster: Roster,
        clock: Clock,
        holders: Callable[[LiveCall], Sequence[Callable[[], None]]],
        finish: Callable[[LiveCall], None],
    ) -> None:
        self._roster = roster
        self._clock = clock
        self._holders = holders
        self._finish = finish

    # --- limits

    def placed(self, call: LiveCall) -> None:
        self._limit(call, call.request.ring_timeout + PLACING, self.end)

    def answered(self, call: LiveCall) -> None:
        self._limit(call, call.request.max_duration, self.end)

    def end(self, call: LiveCall) -> None:
        """Hang up, or cancel, whatever its state."""
        if not call.ending:
            call.ending = True
            self._limit(call, ENDING, self._give_up)
        call.end_by_system()

    def _limit(self, call: LiveCall, seconds: float, then: Callable[[LiveCall], None]) -> None:
        if call.limit is not None:
            call.limit.cancel()
        call.limit = asyncio.get_running_loop().call_later(seconds, then, call)

    def _give_up(self, call: LiveCall) -> None:
        log.error("call_given_up", call=call.id, state=call.record.state.value)
        self.break_off(call)

    # --- defects

    def trouble(self, event: LineEvent) -> None:
        """What its line told of a call met a defect: the call ends, and its outcome is told."""
        call = self._roster.find(event.call)
        if call is not None and isinstance(event, Failed | HungUp):
            self.break_off(call, event)
        elif call is not None:
            self.end(call)

    def break_off(self, call: LiveCall, event: Failed | HungUp | None = None) -> None:
        """Nobody else would end it. `event` is its line's last word, where there was one."""
        if event is None:
            self._try(call, lambda: call.line.hang_up(call.id))
        elif call.record.state is not CallState.ENDED:
            self._try(call, lambda: self._note(call, event))
        call.record.break_off(self._clock.utcnow(), _WHY)
        for let_go in self._holders(call):
            self._try(call, let_go)
        if self._roster.find(call.id) is call:
            self._finish(call)

    def _note(self, call: LiveCall, event: Failed | HungUp) -> None:
        if isinstance(event, Failed):
            call.record.fail(event, self._clock.utcnow())
        else:
            call.record.hang_up(event, self._clock.utcnow())

    def _try(self, call: LiveCall, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:
            note_failure("breaking off", error, call=call.id)
