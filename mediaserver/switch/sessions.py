"""The dialogs of calls: what their sessions in the workers ask for, and what a call does when one is over or lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from common.classification import Mode
from common.clock import Clock
from common.control import DialogResult
from common.errors import ContractError
from common.tasks import note_failure
from mediaserver import wire
from mediaserver.switch.answering import Answering
from mediaserver.switch.bridges import LOST, SCHEME, Bridges
from mediaserver.switch.classifying import Classification
from mediaserver.switch.clips import ClipShelf
from mediaserver.switch.live import LiveCall
from mediaserver.switch.outcomes import reportable
from mediaserver.switch.playing import Apology, Player, Run
from mediaserver.switch.record import CallState
from mediaserver.switch.recordings import Recordings
from mediaserver.switch.roster import Roster
from mediaserver.switch.transfers import Transfers, transfer_kinds
from mediaserver.switch.workers import Worker, WorkerKey, WorkerPool

#: Seconds of an utterance with the recogniser that no honest worker reports: minutes that it may last, and wait.
_LONGEST_RECOGNITION = 1000.0

log = structlog.get_logger()


class Sessions:
    """`allow` are the origins that scripts may fetch from, `finish` is told of calls that need nothing more.

    `run` keeps a coroutine of ours alive.
    """

    def __init__(
        self,
        *,
        roster: Roster,
        workers: WorkerPool,
        transfers: Transfers,
        bridges: Bridges,
        recordings: Recordings,
        classification: Classification,
        shelf: ClipShelf,
        apology: str,
        allow: tuple[str, ...],
        clock: Clock,
        run: Run,
        finish: Callable[[LiveCall], None],
        recognized: Callable[[str, float], None],
    ) -> None:
        self.answering = Answering(classification, self, clock)
        self.player = Player(shelf, run)
        self._roster = roster
        self._workers = workers
        self._transfers = transfers
        self._bridges = bridges
        self._recordings = recordings
        self._shelf = shelf
        self._apology = Apology(apology)
        self._allow = allow
        self._clock = clock
        self._run = run
        self._finish = finish
        self._recognized = recognized

    async def start(self) -> None:
        await self._workers.start(self)

    async def get_ready(self) -> None:
        """Render what every call may need."""
        await self._apology.prepare(self._workers, self._shelf)

    # --- what the switchboard asks

    def begin(self, call: LiveCall) -> None:
        """Find the application a worker; raise NoWorker where there is none."""
        if call.request.application:
            call.worker = self._workers.begin(WorkerKey.of(call.request), call.id)

    def prepare(self, call: LiveCall, answered_by: str) -> None:
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

    def release(self, call: LiveCall) -> None:
        if call.worker is not None:
            self._workers.end(call.worker, call.id)
            call.worker = None
        self._forget_private(call)

    def _forget_private(self, call: LiveCall) -> None:
        """With the script ends what it asked to be kept from recordings."""
        call.keys_private = False
        self._recordings.judge(call)

    def abandon(self, call: LiveCall) -> None:
        """Nobody will talk to it."""
        call.tell(wire.CallOver(call.id))
        self.release(call)

    # --- what follows from who answered

    def find(self, call: str) -> LiveCall | None:
        return self._roster.find(call)

    def under_way(self) -> tuple[LiveCall, ...]:
        return self._roster.under_way()

    def talk(self, call: LiveCall) -> None:
        if call.request.application:
            if call.worker is None:
                # Its worker was lost while it rang.
                self.begin(call)
                self.prepare(call, call.record.answered_by or self.answering.expected(call))
            call.tell(wire.CallAnswered(call.id))

    def begin_anew(self, call: LiveCall, answered_by: str) -> None:
        call.hang_up_after_queue = call.held = call.dialog_hears = False
        self.player.drop(call)
        call.record.begin_anew()
        if call.worker is not None:
            self.prepare(call, answered_by)

    def end(self, call: LiveCall) -> None:
        call.end_by_system()

    def let_go(self, call: LiveCall) -> None:
        """Hang up once the present queue is played."""
        if self._is_handed_over(call):
            # The caller talks with somebody else now, whatever the script does.
            return
        if call.playing is None:
            call.line.hang_up(call.id)
        else:
            call.hang_up_after_queue = True

    def played(self, call: LiveCall, play: int, completed: bool, heard_ms: int) -> None:
        """A queue of the script's has ended."""
        self.player.played(call, play, completed, heard_ms)
        if call.playing is None and call.words_private:
            call.words_private = False
            self._recordings.judge(call)

    def alone(self, call: LiveCall, why: str) -> None:
        """Whom it talked with has left, and no script waits: what became of a lost agent is not met with silence."""
        if call.record.state is not CallState.ANSWERED:
            return
        if why == LOST:
            self._say_sorry(call)
        else:
            call.line.hang_up(call.id)

    # --- what dialogs ask

    def dialog_said(self, message: wire.Message | wire.Audio, worker: Worker) -> None:
        call = self._roster.find(getattr(message, "call", ""))
        if call is None or call.worker is not worker:
            return
        match message:
            case wire.PlayClips():
                self.player.play(call, message, worker.inline)
                # What is too private for a file is so for a recording.
                call.words_private = call.playing == message.play and any(clip.inline for clip in message.clips)
                self._recordings.judge(call)
            case wire.StopPlay():
                self.player.stop(call)
            case wire.Listen(_, on):
                call.flush_heard()
                call.dialog_hears = on
                call.listen()
            case wire.MaskKeys(_, on, first):
                call.record.mask(on, first)
                call.keys_private = on
                self._recordings.judge(call)
            case wire.HangUp():
                self.let_go(call)
            case wire.Transfer():
                # Whoever is put through has been talked to; the far end's audio is another's from here on.
                self.answering.over(call)
                self._transfer(call, message)
            case wire.EndTransfer():
                self._transfers.end(call)
                self._bridges.take_back(call)
            case wire.Step(_, text):
                call.record.trace("vxml", text, self._clock.utcnow())
            case wire.Recognized(_, outcome, seconds):
                if outcome not in wire.RECOGNITIONS or not 0 <= seconds < _LONGEST_RECOGNITION:
                    raise ContractError("a recognition that cannot be")
                self._recognized(outcome, seconds)
            case wire.DialogOver():
                self._dialog_over(call, message)
            case _:
                raise ContractError(f"{type(message).__name__} from a dialog worker")

    def _transfer(self, call: LiveCall, asked: wire.Transfer) -> None:
        if asked.destination.startswith(SCHEME):
            self._bridges.wanted(call, asked)
        else:
            self._transfers.begin(call, asked)

    def _is_handed_over(self, call: LiveCall) -> bool:
        return self._transfers.hands_over(call) or self._bridges.hands_over(call)

    def dialog_lost(self, call: str, why: str) -> None:
        known = self._roster.find(call)
        if known is not None and known.worker is not None:
            log.error("dialog_lost", call=call, why=why)
            known.worker = None
            self._forget_private(known)
            known.record.trace("vxml", f"the dialog was lost: {why}", self._clock.utcnow())
            if known.record.state in (CallState.ANSWERED, CallState.ENDED):
                self._application_error(known)

    def _dialog_over(self, call: LiveCall, message: wire.DialogOver) -> None:
        self.release(call)
        values = reportable(call.id, message.values)
        if message.reason == "error":
            call.record.exit = values
            self._application_error(call)
            return
        call.record.dialog_over(DialogResult.COMPLETED, values)
        if call.record.state is CallState.ENDED:
            self._finish(call)
        elif not self.answering.holds(call):
            self.let_go(call)

    def _application_error(self, call: LiveCall) -> None:
        call.record.dialog_over(DialogResult.APPLICATION_ERROR, {})
        self._bridges.abandon(call)
        if self._is_handed_over(call):
            return
        self._transfers.abandon(call)
        if call.record.state is CallState.ENDED:
            self._finish(call)
        elif call.stopped:
            call.line.hang_up(call.id)
        else:
            self._say_sorry(call)

    def _say_sorry(self, call: LiveCall) -> None:
        self._run(self._apologise(call), partial(self._not_said, call))

    def _not_said(self, call: LiveCall, error: Exception) -> None:
        note_failure("apology", error, call=call.id)
        call.line.hang_up(call.id)

    async def _apologise(self, call: LiveCall) -> None:
        """Say that the call cannot go on, then hang up; at once where the apology cannot be had soon."""
        clip = await self._apology.clip()
        if call.record.state is not CallState.ANSWERED:
            return
        if clip is None:
            call.line.hang_up(call.id)
            return
        call.hang_up_after_queue = True
        self.player.start(call, wire.PlayClips(call.id, 0, (clip,), False, call.record.keys), {})
