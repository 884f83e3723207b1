"""The switchboard: admits calls, hands them to lines, joins answered ones to dialogs, and tells what became of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import structlog

from common.classification import Mode
from common.clock import Clock, SystemClock
from common.control import CallRequest, CallStatus, DialogResult, Disposition, EventType
from common.errors import ClarionError, ContractError, Refused
from mediaserver import wire
from mediaserver.journal import Journal
from mediaserver.lines import base
from mediaserver.metrics import Metrics
from mediaserver.switch.answering import Answering
from mediaserver.switch.classifying import Classification
from mediaserver.switch.clips import ClipShelf
from mediaserver.switch.live import LiveCall
from mediaserver.switch.outcomes import Outcomes, reportable
from mediaserver.switch.playing import Apology, Player
from mediaserver.switch.record import CallState
from mediaserver.switch.transfers import Transfers, transfer_kinds
from mediaserver.switch.watch import Watch
from mediaserver.switch.workers import Worker, WorkerKey, WorkerPool

#: Seconds a script may take after the hang-up (to submit results) before the outcome is reported without it.
_AFTERMATH = 10.0
#: Seconds the far ends get to answer our BYE when draining is over.
_LAST_BYE = 5.0

log = structlog.get_logger()


class NotAdmitted(ClarionError):
    """This media server takes no more calls now; `kind` is one of few words."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class BootChanged(ClarionError):
    """The media server has restarted since the caller learnt its boot id."""


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
    ) -> None:
        self.boot_id = boot_id
        self.draining = False
        self.max_calls = max_calls
        self.watch = watch or Watch(())
        self.metrics = metrics or Metrics()
        self.metrics.observe(self)
        self._lines = lines
        self._workers = workers
        self._outcomes = Outcomes(boot_id, journal)
        self.events = self._outcomes.events
        self._shelf = ClipShelf(clip_directory)
        self._allow = allow
        self._default_line = default_line
        self._player = Player(self._shelf, self._run)
        self._apology = Apology(apology)
        self._transfers = Transfers(self._has_room, self._note_transfer)
        self._clock = clock or SystemClock()
        self.classification = classification or Classification()
        self._answering = Answering(self.classification, self, self._clock)
        self._calls: dict[str, LiveCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        self._outcomes.open(self._clock.utcnow())
        await self._workers.start(self)
        for line in self._lines.values():
            await line.start(self._line_said)
        self.watch.start()
        self._run(self._apology.prepare(self._workers, self._shelf))

    async def close(self) -> None:
        await self.watch.close()
        for line in self._lines.values():
            await line.close()
        for call in tuple(self._calls.values()):
            call.cancel_timers()
        await self._workers.close()
        await self.classification.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._outcomes.close()

    # --- the control API

    @property
    def calls(self) -> int:
        """Under way."""
        return len(self._calls)

    @property
    def room(self) -> int:
        """Calls that would be admitted at this moment."""
        free = 0 if self.draining else max(0, self.max_calls - len(self._calls) - self._transfers.legs)
        room = self.watch.gate.decision.room
        return free if room is None else min(free, room)

    @property
    def states(self) -> Mapping[str, int]:
        """How many calls are in each state."""
        counted = Counter(call.record.state for call in self._calls.values())
        return {state.value: counted[state] for state in CallState if state is not CallState.ENDED}

    @property
    def pool(self) -> WorkerPool:
        return self._workers

    @property
    def workers(self) -> int:
        return self._workers.size

    @property
    def worker_pids(self) -> list[int]:
        return self._workers.pids

    @property
    def lines(self) -> Mapping[str, base.Line]:
        return self._lines

    def status(self, attempt: str) -> CallStatus | None:
        """Of a live, ended or journaled attempt; None when this server never knew it."""
        call = self._calls.get(attempt)
        if call is not None:
            return call.record.status()
        return self._outcomes.of(attempt)

    async def place(self, request: CallRequest) -> tuple[CallStatus, bool]:
        """The call's status and whether it is new: a known attempt is never dialled again.

        Raise NotAdmitted, BootChanged, or Refused when the line is unknown.
        """
        known = self.status(request.attempt_id)
        if known is not None:
            return known, False
        if request.boot_id and request.boot_id != self.boot_id:
            raise BootChanged
        line = self._lines.get(request.trunk.line or self._default_line)
        if line is None:
            raise Refused(f"trunk.line: {request.trunk.line!r} is none of {', '.join(self._lines)}")
        self._admit(request)
        call = LiveCall(request, self.boot_id, line)
        self._answering.check(call)
        self._calls[request.attempt_id] = call
        self._idle.clear()
        if request.application:
            call.worker = self._workers.begin(_worker_key(request), call.id)
        try:
            await self._outcomes.begin(request.attempt_id, self._clock.utcnow())
        except OSError as error:
            self._release_dialog(call)
            self._forget(request.attempt_id)
            raise NotAdmitted("journal", f"the journal cannot be written: {error.strerror}") from error
        self.metrics.placed(request.trunk.host)
        self._dial(call)
        return call.record.status(), True

    def hang_up(self, attempt: str) -> CallStatus | None:
        """End a call whatever its state; None when it is unknown."""
        call = self._calls.get(attempt)
        if call is None:
            return self.status(attempt)
        self._end_by_system(call)
        return call.record.status()

    async def drain(self, limit: float) -> None:
        """Take no new calls, let live ones finish for `limit` seconds, then hang up what is left."""
        self.draining = True
        try:
            async with asyncio.timeout(limit):
                await self._idle.wait()
        except TimeoutError:
            log.warning("drain_limit_reached", calls=self.calls)
            for call in tuple(self._calls.values()):
                self._end_by_system(call)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), _LAST_BYE)

    def _admit(self, request: CallRequest) -> None:
        if self.draining:
            raise NotAdmitted("draining", "this media server is draining")
        if not self._has_room():
            raise NotAdmitted("full", f"all {self.max_calls} calls are taken")
        if request.application and not self._workers.has_room(_worker_key(request)):
            raise NotAdmitted("no_worker", "no dialog worker is free")
        if reason := self.watch.admit():
            raise NotAdmitted("overloaded", reason)

    def _has_room(self) -> bool:
        return len(self._calls) + self._transfers.legs < self.max_calls

    def _note_transfer(self, call: LiveCall, text: str) -> None:
        call.record.trace("sip", text, self._clock.utcnow())

    def _dial(self, call: LiveCall) -> None:
        call.record.invite(self._clock.utcnow())
        self.events.add(EventType.INVITED, call.id)
        if call.stopped:
            self._fail(call, base.Failed(call.id, Disposition.CANCELLED, None, "cancelled before the INVITE", False))
            return
        call.placed = True
        self._answering.placed(call)
        self._prepare_dialog(call, self._answering.expected(call))
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
            )
        )
        self._answering.dialled(call)

    def _end_by_system(self, call: LiveCall) -> None:
        call.stopped = True
        if call.record.state is CallState.ANSWERED:
            call.record.dialog_over(DialogResult.SYSTEM_HANGUP, {})
        if call.placed:
            call.line.hang_up(call.id)

    # --- what lines report

    def _line_said(self, event: base.LineEvent) -> None:
        call = self._calls.get(event.call)
        try:
            if not self._transfers.hear(event) and call is not None:
                self._hear_line(call, event)
        except ContractError as error:
            # A line driver's defect in one call must not unwind into the user agent, which serves them all.
            log.error("line_broke_its_contract", call=event.call, error=str(error))

    def _hear_line(self, call: LiveCall, event: base.LineEvent) -> None:
        now = self._clock.utcnow()
        match event:
            case base.Ladder(_, text):
                call.record.trace("sip", text, now)
            case base.Ringing():
                call.record.ring(now)
                self.events.add(EventType.RINGING, call.id)
            case base.Answered():
                self._answered(call)
            case base.Key(_, key):
                call.record.press(key)
                call.tell(wire.KeyPressed(call.id, key))
            case base.Played(_, play, completed, heard_ms):
                self._player.played(call, play, completed, heard_ms)
            case base.Heard(_, audio):
                call.hear(audio)
                self._answering.hear(call, audio)
            case base.Failed():
                self._fail(call, event)
            case base.HungUp():
                self._hung_up(call, event)

    def _answered(self, call: LiveCall) -> None:
        call.record.answer(self._clock.utcnow())
        self.events.add(EventType.ANSWERED, call.id)
        loop = asyncio.get_running_loop()
        call.limit = loop.call_later(call.request.max_duration, self._end_by_system, call)
        if call.stopped:
            self._abandon_dialog(call)
            self._end_by_system(call)
        elif self._answering.answered(call):
            self.talk(call)

    # --- what classification asks

    def find(self, call: str) -> LiveCall | None:
        return self._calls.get(call)

    def under_way(self) -> tuple[LiveCall, ...]:
        return tuple(self._calls.values())

    def talk(self, call: LiveCall) -> None:
        if call.request.application:
            if call.worker is None:
                # Its worker was lost while it rang.
                call.worker = self._workers.begin(_worker_key(call.request), call.id)
                self._prepare_dialog(call, call.record.answered_by or self._answering.expected(call))
            call.tell(wire.CallAnswered(call.id))

    def begin_anew(self, call: LiveCall, answered_by: str) -> None:
        call.hang_up_after_queue = call.held = call.dialog_hears = False
        self._player.stop(call)
        call.record.begin_anew()
        if call.worker is not None:
            self._prepare_dialog(call, answered_by)

    def end(self, call: LiveCall) -> None:
        self._end_by_system(call)

    def let_go(self, call: LiveCall) -> None:
        self._hang_up_after_queue(call)

    def _prepare_dialog(self, call: LiveCall, answered_by: str) -> None:
        """The worker fetches the script and renders its first prompts while it rings."""
        request = call.request
        known = {"answered_by": answered_by} if request.answer.mode is not Mode.OFF else {}
        start = wire.StartDialog(
            call=call.id,
            application=request.application,
            values={**request.values, **known},
            remote=request.to,
            local=request.sender,
            organization=request.organization,
            revision=request.revision,
            allow=self._allow,
            listed=tuple(request.allow),
            transfers=transfer_kinds(call.line),
        )
        call.tell(start)

    def _fail(self, call: LiveCall, event: base.Failed) -> None:
        self._answering.over(call)
        call.record.fail(event, self._clock.utcnow())
        self._abandon_dialog(call)
        self._finish(call)

    def _hung_up(self, call: LiveCall, event: base.HungUp) -> None:
        self._transfers.abandon(call)
        call.record.hang_up(event, self._clock.utcnow())
        self._answering.over(call)
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
        self._release_dialog(call)
        self._finish(call)

    # --- what dialogs ask

    def dialog_said(self, message: wire.Message | wire.Audio, worker: Worker) -> None:
        call = self._calls.get(getattr(message, "call", ""))
        if call is None or call.worker is not worker:
            return
        match message:
            case wire.PlayClips():
                self._player.play(call, message, worker.inline)
            case wire.StopPlay():
                self._player.stop(call)
            case wire.Listen(_, on):
                call.flush_heard()
                call.dialog_hears = on
                call.listen()
            case wire.MaskKeys(_, on, first):
                call.record.mask(on, first)
            case wire.HangUp():
                self._hang_up_after_queue(call)
            case wire.Transfer():
                # Whoever is put through has been talked to; the far end's audio is another's from here on.
                self._answering.over(call)
                self._transfers.begin(call, message)
            case wire.EndTransfer():
                self._transfers.end(call)
            case wire.Step(_, text):
                call.record.trace("vxml", text, self._clock.utcnow())
            case wire.DialogOver():
                self._dialog_over(call, message)
            case _:
                raise ContractError(f"{type(message).__name__} from a dialog worker")

    def dialog_lost(self, call: str, why: str) -> None:
        known = self._calls.get(call)
        if known is not None and known.worker is not None:
            log.error("dialog_lost", call=call, why=why)
            known.worker = None
            known.record.trace("vxml", f"the dialog was lost: {why}", self._clock.utcnow())
            if known.record.state in (CallState.ANSWERED, CallState.ENDED):
                self._application_error(known)

    def _dialog_over(self, call: LiveCall, message: wire.DialogOver) -> None:
        self._release_dialog(call)
        values = reportable(call.id, message.values)
        if message.reason == "error":
            call.record.exit = values
            self._application_error(call)
            return
        call.record.dialog_over(DialogResult.COMPLETED, values)
        if call.record.state is CallState.ENDED:
            self._finish(call)
        elif not self._answering.holds(call):
            self._hang_up_after_queue(call)

    def _application_error(self, call: LiveCall) -> None:
        call.record.dialog_over(DialogResult.APPLICATION_ERROR, {})
        if self._transfers.hands_over(call):
            return
        self._transfers.abandon(call)
        if call.record.state is CallState.ENDED:
            self._finish(call)
        elif call.stopped:
            call.line.hang_up(call.id)
        else:
            self._run(self._apologise(call))

    async def _apologise(self, call: LiveCall) -> None:
        """Say that the call cannot go on, then hang up; at once where the apology cannot be had soon."""
        clip = await self._apology.clip()
        if call.record.state is not CallState.ANSWERED:
            return
        if clip is None:
            call.line.hang_up(call.id)
            return
        call.hang_up_after_queue = True
        self._player.start(call, wire.PlayClips(call.id, 0, (clip,), False, call.record.keys), {})

    def _release_dialog(self, call: LiveCall) -> None:
        if call.worker is not None:
            self._workers.end(call.worker, call.id)
            call.worker = None

    def _abandon_dialog(self, call: LiveCall) -> None:
        """Nobody will talk to it."""
        call.tell(wire.CallOver(call.id))
        self._release_dialog(call)

    def _hang_up_after_queue(self, call: LiveCall) -> None:
        if self._transfers.hands_over(call):
            # The caller talks with somebody else now, whatever the script does.
            return
        if call.playing is None:
            call.line.hang_up(call.id)
        else:
            call.hang_up_after_queue = True

    # --- the end

    def _finish(self, call: LiveCall) -> None:
        call.cancel_timers()
        status = call.record.status()
        self.metrics.ended(call.request.trunk.host, status)
        self._outcomes.report(status)
        self._forget(call.id)

    def _forget(self, attempt: str) -> None:
        self._calls.pop(attempt, None)
        if not self._calls:
            self._idle.set()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _worker_key(request: CallRequest) -> WorkerKey:
    return WorkerKey(request.organization, request.revision)
