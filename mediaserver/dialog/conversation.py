"""One call's VoiceXML session in the worker: carries out its commands, brings it what happens, keeps its one timer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from common.tasks import Tasks
from mediaserver import wire
from mediaserver.dialog.fetch import Fetcher, Visitor
from mediaserver.dialog.listener import Listener
from mediaserver.dialog.policy import Policy
from mediaserver.dialog.prompts import PromptRenderer, Rendered
from mediaserver.dialog.recorder import Recorder
from mediaserver.dialog.waiting import WaitingAudio
from mediaserver.recognition.base import SpeechRecognizer
from mediaserver.recognition.counting import CountingRecognizer
from vxml import messages as vxml
from vxml.text import say

#: Play numbers that the session never reaches, as the pump has them (unsigned, 32 bits): the beep before a recording.
_BEEP_PLAY = 0xFFFF_FFFF
#: And for what is heard while a page is slow, or while somebody else is called.
_WAITING_PLAY, _TRANSFER_PLAY = 0xFFFF_FFFE, 0xFFFF_FFFD
_MASK = "•"
_STEP_LENGTH = 300

log = structlog.get_logger()


class Session(Protocol):
    """What the worker needs of `vxml.Session`."""

    def start(self, now: float) -> None: ...

    def receive(self, event: vxml.Input, now: float) -> None: ...

    def commands(self) -> list[vxml.Command]: ...

    def next_timer(self) -> float | None: ...

    def handle_timer(self, now: float) -> None: ...


class Conversation:
    """`send` carries frames to the switch; `on_end` is called once, when the session is over.

    While the call rings, the session is rehearsed: its start document is fetched and its first prompts are rendered,
    so that they are at hand when somebody answers. Whatever else it wants waits for the answer, since nobody may notice
    a script that had no conversation; and its clock stands still until then.
    """

    def __init__(
        self,
        start: wire.StartDialog,
        session: Session,
        fetcher: Fetcher,
        renderer: PromptRenderer,
        beep: str,
        send: Callable[[bytes], None],
        on_end: Callable[[str], None],
        recognizer: SpeechRecognizer | None = None,
    ) -> None:
        self.call = start.call
        self._visitor = Visitor(Policy(tuple(start.allow), tuple(start.listed)), start.call)
        self._session = session
        self._fetcher = fetcher
        self._renderer = renderer
        self._beep = beep
        self._send = send
        self._on_end = on_end
        self._tasks = Tasks()
        self._timer: asyncio.TimerHandle | None = None
        self._rendering: tuple[vxml.Play, asyncio.Task[None]] | None = None
        #: The marks of the queue that plays: milliseconds from its beginning, and name.
        self._marks: tuple[tuple[int, str], ...] = ()
        self._waiting: WaitingAudio | None = None
        self._recorder: Recorder | None = None
        self._listener: Listener | None = None
        if recognizer is not None:
            counting = CountingRecognizer(recognizer, self._recognized)
            self._listener = Listener(counting, self._heard_speech, self._run)
        self._hearing = False
        self._record_after_beep: vxml.Record | None = None
        self._keys_seen = 0
        self._over = False
        self._answered = False
        self._asked_for_document = False
        self._held: list[vxml.Command] = []
        #: Seconds the session's clock is behind the monotonic one; before the answer, where it stands.
        self._lag = 0.0
        self._stands_at = time.monotonic()

    def start(self) -> None:
        self._turn(lambda: self._session.start(self._now()))

    def answered(self) -> None:
        if not self._answered:
            self._lag = time.monotonic() - self._stands_at
            self._answered = True
            self._turn(self._catch_up)

    def _catch_up(self) -> None:
        held, self._held = self._held, []
        for command in held:
            self._carry_out(command)

    def _now(self) -> float:
        return time.monotonic() - self._lag if self._answered else self._stands_at

    def close(self) -> None:
        """Stop whatever still runs for the call."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            self._listener.stop()
        self._tasks.cancel_all()
        self._renderer.forget(self._visitor)
        self._fetcher.forget(self._visitor)

    # --- what happens

    def press(self, key: str) -> None:
        self._keys_seen += 1
        if self._recorder is not None:
            recorded = self._recorder.press(key)
            if recorded is not None:
                self._end_recording(recorded)
            return
        rendering = self._rendering
        self._feed(vxml.KeyPressed(key))
        if rendering is not None and rendering is self._rendering and rendering[0].bargein:
            self._stop_rendering()

    def played(self, play: int, completed: bool, heard_ms: int) -> None:
        if play == _WAITING_PLAY:
            if self._waiting is not None:
                self._waiting.ended()
        elif play == _TRANSFER_PLAY:
            pass
        elif play != _BEEP_PLAY:
            at, mark = next((passed for passed in reversed(self._marks) if completed or passed[0] <= heard_ms), (0, ""))
            self._feed(vxml.PlayEnded(play, completed, heard_ms, mark, max(0, heard_ms - at) if mark else 0))
        elif self._record_after_beep is not None:
            self._begin_recording(self._record_after_beep)

    def heard(self, audio: bytes) -> None:
        if self._recorder is not None:
            if (recorded := self._recorder.hear(audio)) is not None:
                self._end_recording(recorded)
        elif self._listener is not None:
            self._listener.hear(audio)

    def transferred(self, transfer: int, outcome: str, duration_ms: int) -> None:
        self._feed(vxml.Transferred(transfer, outcome, duration_ms))

    def hung_up(self) -> None:
        if not self._answered:
            self.close()
            self._on_end(self.call)
            return
        if self._recorder is not None:
            self._end_recording(self._recorder.end("hangup"))
        self._record_after_beep = None
        if self._waiting is not None:
            self._waiting.hung_up()
        self._feed(vxml.Hangup())

    # --- turns of the session

    def _feed(self, happened: vxml.Input) -> None:
        if not self._over:
            self._turn(lambda: self._session.receive(happened, self._now()))

    def _timer_due(self) -> None:
        self._turn(lambda: self._session.handle_timer(self._now()))

    def _turn(self, step: Callable[[], None]) -> None:
        try:
            step()
            for command in self._session.commands():
                self._obey(command)
        except Exception as error:
            self._defect(error)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._session.next_timer() if self._answered and not self._over else None
        if due is not None:
            delay = max(0.0, due - self._now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._timer_due)

    def _defect(self, error: Exception) -> None:
        """Of the interpreter, or of what it waits for: it ends this call alone."""
        # The text may hold what the caller typed: not logged.
        log.error("dialog_defect", call=self.call, error=type(error).__name__, at=_where(error))
        defect = f"defect: {type(error).__name__} at {_where(error)}"
        self._obey(vxml.Trace("end", defect))
        self._obey(vxml.Ended(vxml.EndReason.ERROR, detail=defect))

    def _obey(self, command: vxml.Command) -> None:
        if self._answered:
            self._carry_out(command)
        elif isinstance(command, vxml.Fetch) and not self._asked_for_document:
            self._asked_for_document = True
            self._carry_out(command)
        elif isinstance(command, vxml.Prefetch):
            self._carry_out(command)
        else:
            if isinstance(command, vxml.Play):
                # What it makes is cached; the queue itself is put together again when it is played.
                self._tasks.start(self._renderer.render(command.items, self._visitor))
            self._held.append(command)

    def _carry_out(self, command: vxml.Command) -> None:
        match command:
            case vxml.Fetch():
                self._run(self._fetch(command))
            case vxml.Play():
                self._trace("prompt", " ".join(say(item) for item in command.items))
                self._rendering = command, self._run(self._play(command))
            case vxml.Prefetch(items):
                self._tasks.start(self._renderer.prepare(items, self._visitor))
            case vxml.StopPlay():
                if self._rendering is not None:
                    self._stop_rendering()
                else:
                    self._send(wire.encode(wire.StopPlay(self.call)))
            case vxml.Recognize() | vxml.StopRecognizing():
                self._recognize(command)
            case vxml.Record():
                self._record(command)
            case vxml.Transfer():
                self._run(self._transfer(command))
            case vxml.EndTransfer():
                self._send(wire.encode(wire.EndTransfer(self.call)))
            case vxml.Private(on, waiting):
                self._send(wire.encode(wire.MaskKeys(self.call, on, self._keys_seen - waiting)))
            case vxml.Disconnect():
                self._send(wire.encode(wire.HangUp(self.call)))
            case vxml.Trace(kind, text):
                self._trace(kind, text)
            case vxml.Ended():
                self._end(command)

    def _trace(self, kind: str, text: str) -> None:
        self._send(wire.encode(wire.Step(self.call, f"{kind}: {text}"[:_STEP_LENGTH])))

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """The session waits for what becomes of it."""
        return self._tasks.start(work, self._defect)

    def _end(self, ended: vxml.Ended) -> None:
        if self._over:
            return
        values = {name: _MASK if name in ended.private else value for name, value in ended.values.items()}
        # Before closing: values that cannot be encoded are a defect, after which this is called again without them.
        over = wire.encode(wire.DialogOver(self.call, ended.reason.value, values, ended.detail[:_STEP_LENGTH]))
        self.close()
        self._send(over)
        self._on_end(self.call)

    # --- fetching and playing

    async def _fetch(self, command: vxml.Fetch) -> None:
        fetching = asyncio.ensure_future(self._fetcher.fetch(command, self._visitor))
        try:
            if command.audio is not None:
                self._waiting = WaitingAudio(
                    lambda rendered: self._send_clips(_WAITING_PLAY, rendered, bargein=False),
                    lambda: self._send(wire.encode(wire.StopPlay(self.call))),
                )
                rendering = self._renderer.render((command.audio.item,), self._visitor)
                await self._waiting.accompany(fetching, command.audio, rendering)
                self._waiting = None
            answer = await fetching
        finally:
            fetching.cancel()
        self._feed(answer)

    async def _play(self, command: vxml.Play) -> None:
        rendered = await self._renderer.render(command.items, self._visitor)
        self._rendering = None
        self._marks = rendered.moments(command.marks)
        self._send_clips(command.id, rendered, bargein=command.bargein)
        for failure in rendered.failures:
            self._feed(vxml.PlayFailed(command.id, failure))

    def _send_clips(self, play: int, rendered: Rendered, *, bargein: bool) -> None:
        for name, audio in rendered.inline:
            self._send(wire.encode_clip(name, audio[: wire.MAX_CLIP]))
        self._send(wire.encode(wire.PlayClips(self.call, play, rendered.clips, bargein, self._keys_seen)))

    def _stop_rendering(self) -> None:
        assert self._rendering is not None
        command, task = self._rendering
        self._rendering = None
        task.cancel()
        # Not at once: the session is in the middle of handing out its commands.
        asyncio.get_running_loop().call_soon(self._feed, vxml.PlayEnded(command.id, completed=False))

    async def _transfer(self, command: vxml.Transfer) -> None:
        asked = wire.Transfer(
            self.call,
            command.id,
            command.kind,
            command.destination,
            command.connect_timeout,
            command.max_seconds,
        )
        if command.audio is not None:
            # The destination's answer stops it; one that cannot be had is nothing to hear.
            rendered = await self._renderer.render((command.audio,), self._visitor)
            self._send_clips(_TRANSFER_PLAY, rendered, bargein=False)
        self._send(wire.encode(asked))

    # --- recording

    def _record(self, command: vxml.Record) -> None:
        if command.beep and self._beep:
            self._record_after_beep = command
            clips = (wire.Clip(file=self._beep),)
            self._send(wire.encode(wire.PlayClips(self.call, _BEEP_PLAY, clips, False, self._keys_seen)))
        else:
            self._begin_recording(command)

    def _begin_recording(self, command: vxml.Record) -> None:
        self._record_after_beep = None
        self._recorder = Recorder(command)
        self._hear_or_not()

    def _end_recording(self, recorded: vxml.Recorded) -> None:
        self._recorder = None
        self._hear_or_not()
        self._feed(recorded)

    # --- listening

    def _recognize(self, command: vxml.Recognize | vxml.StopRecognizing) -> None:
        if self._listener is None:
            return
        if isinstance(command, vxml.Recognize):
            self._listener.begin(command)
        else:
            self._listener.stop()
        self._hear_or_not()

    def _recognized(self, outcome: str, seconds: float) -> None:
        self._send(wire.encode(wire.Recognized(self.call, outcome, seconds)))

    def _heard_speech(self, happened: vxml.Input) -> None:
        self._feed(happened)
        self._hear_or_not()

    def _hear_or_not(self) -> None:
        """Have the caller's audio sent while somebody wants it, and no longer."""
        wanted = self._recorder is not None or (self._listener is not None and self._listener.on)
        if wanted is not self._hearing:
            self._hearing = wanted
            self._send(wire.encode(wire.Listen(self.call, wanted)))


def _where(error: Exception) -> str:
    """File and line of the innermost frame."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
