"""The switchboard: admits calls, hands them to lines, joins answered ones to dialogs, and tells what became of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from common.clock import Clock, SystemClock
from common.control import CallRequest, CallStatus, DialogResult, Disposition, EventType
from common.conversation import Part
from common.errors import ClarionError, ContractError, Refused
from common.recording import RecordMode
from common.tasks import Tasks, note_failure
from mediaserver import wire
from mediaserver.clipstore import ClipStore
from mediaserver.journal import Journal
from mediaserver.lines import base
from mediaserver.metrics import Metrics
from mediaserver.switch.admission import Admission, NotAdmitted
from mediaserver.switch.bridges import Bridges
from mediaserver.switch.classifying import Classification
from mediaserver.switch.clips import ClipShelf
from mediaserver.switch.incoming import Desk
from mediaserver.switch.live import LiveCall
from mediaserver.switch.outcomes import Outcomes
from mediaserver.switch.overdue import Overdue
from mediaserver.switch.record import CallState
from mediaserver.switch.recordings import Recordings
from mediaserver.switch.referrals import Referrals
from mediaserver.switch.roster import Roster
from mediaserver.switch.sessions import Sessions
from mediaserver.switch.sip.door import Door
from mediaserver.switch.sounding import Sounder
from mediaserver.switch.sounds import Sounds
from mediaserver.switch.transfers import Transfers
from mediaserver.switch.watch import Watch
from mediaserver.switch.workers import WorkerPool

#: Seconds a script may take after the hang-up (to submit results) before the outcome is reported without it.
_AFTERMATH = 10.0
#: Seconds the far ends get to answer our BYE when draining is over.
_LAST_BYE = 5.0

log = structlog.get_logger()


class BootChanged(ClarionError):
    """The media server has restarted since the caller learnt its boot id."""


class NotUp(ClarionError):
    """The call is not answered, or over already."""


class Switchboard:
    """`allow` are the origins that scripts may fetch from."""

    def __init__(
        self,
        *,
        boot_id: str,
        lines: Mapping[str, base.Line],
        workers: WorkerPool,
        journal: Journal,
        clip_directory: Path,
        allow: tuple[str, ...],
        max_calls: int,
        default_line: str = "native",
        apology: str = "",
        clock: Clock | None = None,
        watch: Watch | None = None,
        metrics: Metrics | None = None,
        classification: Classification | None = None,
        sounds: Sounds | None = None,
        door: Door | None = None,
        recordings: Path | None = None,
    ) -> None:
        self.boot_id = boot_id
        self.lines = lines
        self.pool = workers
        self.watch = watch or Watch(())
        self.roster = Roster()
        self.admission = Admission(max_calls, self.watch, workers, self._taken)
        self.metrics = metrics or Metrics()
        self.metrics.observe(self)
        self._outcomes = Outcomes(boot_id, journal)
        self.events = self._outcomes.events
        self._default_line = default_line
        self.incoming = Desk(door or Door())
        self._clock = clock or SystemClock()
        self.classification = classification or Classification()
        self._transfers = Transfers(self.admission.has_room, self._note_transfer, self.metrics.transferred)
        self.clips = ClipStore(clip_directory)
        self.sounds = sounds or Sounds(clip_directory / "sounds")
        self._sounder = Sounder(self.sounds, self.roster)
        self.bridges = Bridges(self.roster, self._sounder, self.events, self._note_transfer, self._alone)
        self.referrals = Referrals(self.bridges, self.roster, self.place, self._run, self._note_transfer)
        kept = recordings or clip_directory / "recordings"
        self.recordings = Recordings(
            kept, self.events, self._sounder, self.bridges.company, self._note_transfer, self._clock
        )
        self.sessions = Sessions(
            roster=self.roster,
            workers=workers,
            transfers=self._transfers,
            bridges=self.bridges,
            recordings=self.recordings,
            classification=self.classification,
            shelf=ClipShelf(clip_directory),
            apology=apology,
            allow=allow,
            clock=self._clock,
            run=self._run,
            finish=self._finish,
            recognized=self.metrics.recognized,
        )
        self._overdue, self._tasks = Overdue(self.roster, self._clock, self._holders, self._finish), Tasks()

    async def start(self) -> None:
        self._outcomes.open(self._clock.utcnow())
        await self.sessions.start()
        for line in self.lines.values():
            await line.start(partial(self._line_said, line))
        self.watch.start()
        self.recordings.start()
        self._run(self.sessions.get_ready())

    async def close(self) -> None:
        await self.watch.close()
        for line in self.lines.values():
            await line.close()
        self.bridges.close()
        for call in self.roster.under_way():
            call.cancel_timers()
        await self.pool.close()
        await self.classification.close()
        await self.sounds.close()
        await self.recordings.close()
        await self._tasks.ended()
        await self._outcomes.close()

    # --- the control API

    @property
    def calls(self) -> int:
        """Under way."""
        return len(self.roster)

    def status(self, attempt: str) -> CallStatus | None:
        """Of a live, ended or journaled attempt; None when this server never knew it."""
        call = self.roster.find(attempt)
        if call is not None:
            return call.record.status()
        return self._outcomes.of(attempt)

    async def forget(self, attempt: str) -> None:
        """Nothing of the person in an ended call is kept; that it was dialled, and its outcome, is."""
        await self._outcomes.forget(attempt)

    async def place(self, request: CallRequest) -> tuple[CallStatus, bool]:
        """The call's status and whether it is new: a known attempt is never dialled again.

        Raise NotAdmitted, BootChanged, Conflict when nobody waits for it, or Refused when the line is unknown.
        """
        known = self.status(request.attempt_id)
        if known is not None:
            return known, False
        if request.boot_id and request.boot_id != self.boot_id:
            raise BootChanged
        line = self.lines.get(request.trunk.line or self._default_line)
        if line is None:
            raise Refused(f"trunk.line: {request.trunk.line!r} is none of {', '.join(self.lines)}")
        self.bridges.check(request)
        self.admission.admit(request)
        call = LiveCall(request, self.boot_id, line)
        self.sessions.answering.check(call)
        self.recordings.check(call)
        self.roster.add(call)
        try:
            self.sessions.begin(call)
            await self._outcomes.begin(request.attempt_id, self._clock.utcnow())
        except BaseException as error:
            self.sessions.release(call)
            self.roster.remove(call)
            if isinstance(error, OSError):
                raise NotAdmitted("journal", f"the journal cannot be written: {error.strerror or error}") from error
            raise
        self.metrics.placed(request.trunk.host)
        try:
            self._dial(call)
        except Exception as error:
            note_failure("dial", error, call=call.id)
            self._overdue.break_off(call)
        return call.record.status(), True

    def hang_up(self, attempt: str) -> CallStatus | None:
        """End a call whatever its state; None when it is unknown."""
        call = self.roster.find(attempt)
        if call is None:
            return self.status(attempt)
        self._overdue.end(call)
        return call.record.status()

    def send_keys(self, attempt: str, keys: str) -> CallStatus | None:
        """Press keys for the far end; None when the call is unknown. Raise NotUp, or Unsupported by its line."""
        call = self.roster.find(attempt)
        status = self.status(attempt) if call is None else call.record.status()
        if call is None or call.record.state is not CallState.ANSWERED:
            if status is not None:
                raise NotUp
            return None
        call.line.send_keys(call.id, keys)
        return status

    async def drain(self, limit: float) -> None:
        """Take no new calls, let live ones finish for `limit` seconds, then hang up what is left."""
        self.admission.draining = True
        try:
            async with asyncio.timeout(limit):
                await self.roster.until_served()
        except TimeoutError:
            log.warning("drain_limit_reached", calls=self.calls)
        for call in self.roster.under_way():
            call.end_by_system()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.roster.until_idle(), _LAST_BYE)

    def _taken(self) -> int:
        return len(self.roster) + self._transfers.legs

    def _note_transfer(self, call: LiveCall, text: str) -> None:
        call.record.trace("sip", text, self._clock.utcnow())

    def _alone(self, call: LiveCall, why: str) -> None:
        self.sessions.alone(call, why)

    def _dial(self, call: LiveCall) -> None:
        call.record.invite(self._clock.utcnow())
        self.events.add(EventType.INVITED, call.id)
        if call.stopped:
            self._fail(call, base.Failed(call.id, Disposition.CANCELLED, None, "cancelled before the INVITE", False))
            return
        call.placed = True
        self._overdue.placed(call)
        self.bridges.expect(call)
        if call.request.part is not Part.CUSTOMER:
            self.sounds.get_ready()
        answering = self.sessions.answering
        answering.placed(call)
        self.sessions.prepare(call, answering.expected(call))
        request = call.request
        call.line.place(
            base.Place(
                call=call.id,
                to=request.to,
                sender=request.sender,
                display_name=request.display_name,
                trunk=request.trunk,
                ring_timeout=request.ring_timeout,
                identity=request.identity,
                alternatives=request.alternatives,
                dialled=request.dialled,
                may_refer=request.part is Part.AGENT,
                referred_by=request.referred_by,
            )
        )
        answering.dialled(call)

    # --- what lines report

    def _line_said(self, line: base.Line, event: base.LineEvent) -> None:
        call = self.roster.find(event.call)
        try:
            if isinstance(event, base.Incoming):
                self._called(line, event)
            elif not self._transfers.hear(event) and call is not None:
                self._hear_line(call, event)
        except ContractError as error:
            # A line driver's defect in one call must not unwind into the user agent, which serves them all.
            log.error("line_broke_its_contract", call=event.call, error=str(error))
        except Exception as error:
            note_failure("line event", error, call=event.call, kind=type(event).__name__)
            self._overdue.trouble(event)

    def _called(self, line: base.Line, event: base.Incoming) -> None:
        """Somebody the door let in: taken at once, or refused where there is no room."""
        request = self.incoming.request_of(event)
        if request is None:
            line.refuse(event.call, 404)
            return
        try:
            self.admission.admit(request)
        except NotAdmitted as error:
            self.metrics.refused(error.kind)
            line.refuse(event.call, 503)
            return
        call = LiveCall(request, self.boot_id, line)
        call.placed = True
        call.record.invite(self._clock.utcnow())
        self.roster.add(call)
        self._overdue.placed(call)
        detail = {"part": request.part.value, "number": event.number, "user": event.user}
        self.events.add(EventType.INCOMING, call.id, detail=detail)
        self.sessions.begin(call)
        self.sessions.prepare(call, "")
        line.answer(call.id)

    def _hear_line(self, call: LiveCall, event: base.LineEvent) -> None:
        now = self._clock.utcnow()
        match event:
            case base.Ladder(_, text):
                call.record.trace("sip", text, now)
            case base.Ringing():
                call.record.ring(now)
                self.events.add(EventType.RINGING, call.id)
                self.referrals.tell(call.id, 180)
            case base.Answered():
                self._answered(call)
            case base.Key(_, key):
                call.record.press(key)
                call.tell(wire.KeyPressed(call.id, key))
            case base.Played(_, play, completed, heard_ms):
                if not self._sounder.played(call, play):
                    self.sessions.played(call, play, completed, heard_ms)
                self._sounder.resume(call)
            case base.Heard(_, audio):
                call.hear(audio)
                self.sessions.answering.hear(call, audio)
                self.recordings.heard(call, audio)
            case base.TrunkFailed(_, fault, following):
                call.record.trunk_failed(event)
                call.record.trace("sip", f"trunk: {fault.reason}{'; the next one' if following else ''}", now)
            case base.TransferAsked():
                self.referrals.asked(call, event)
            case base.Spoken(_, audio):
                self.recordings.spoken(call, audio)
            case base.Failed():
                self._fail(call, event)
            case base.HungUp():
                self._hung_up(call, event)

    def _answered(self, call: LiveCall) -> None:
        call.record.answer(self._clock.utcnow())
        self.events.add(EventType.ANSWERED, call.id)
        if call.stopped:
            self.sessions.abandon(call)
            self._overdue.end(call)
            return
        self._overdue.answered(call)
        if call.request.record.mode is not RecordMode.OFF:
            self.recordings.begin(call, call.request.record)
        if self.sessions.answering.answered(call):
            self.sessions.talk(call)
        self.bridges.answered(call)
        self.referrals.tell(call.id, 200)

    def _fail(self, call: LiveCall, event: base.Failed) -> None:
        self.sessions.answering.over(call)
        call.record.fail(event, self._clock.utcnow())
        self.referrals.tell(call.id, event.sip_status or 480)
        self.bridges.failed(call, event)
        self.sessions.abandon(call)
        self._finish(call)

    def _hung_up(self, call: LiveCall, event: base.HungUp) -> None:
        self._transfers.abandon(call)
        self.referrals.tell(call.id, 487)
        call.record.hang_up(event, self._clock.utcnow())
        self.recordings.end(call)
        self.bridges.hung_up(call)
        self.sessions.answering.over(call)
        if event.by_far_end:
            call.record.dialog_over(DialogResult.CALLER_HANGUP, {})
        if call.worker is None:
            self._finish(call)
            return
        call.flush_heard()
        call.tell(wire.CallOver(call.id))
        call.aftermath = asyncio.get_running_loop().call_later(_AFTERMATH, self._dialog_is_late, call)

    def _dialog_is_late(self, call: LiveCall) -> None:
        call.record.trace(
            "vxml", f"the script did not end within {_AFTERMATH:.0f} s of the hang-up", self._clock.utcnow()
        )
        self.sessions.release(call)
        self._finish(call)

    # --- the end

    def _holders(self, call: LiveCall) -> tuple[Callable[[], None], ...]:
        """What takes from the parts all that they hold of a call."""
        return (
            partial(self.recordings.end, call),
            partial(self._transfers.abandon, call),
            partial(self.bridges.hung_up, call),
            partial(self.referrals.tell, call.id, 480),
            partial(self.sessions.abandon, call),
        )

    def _finish(self, call: LiveCall) -> None:
        call.cancel_timers()
        status = call.record.status()
        self.roster.remove(call)
        self._outcomes.report(status)
        self.metrics.ended(call.record.trunk.host, status)

    def _run(self, work: Coroutine[Any, Any, None], failed: Callable[[Exception], None] | None = None) -> None:
        self._tasks.start(work, failed)
