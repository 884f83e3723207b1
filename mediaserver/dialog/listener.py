"""One call's ear: finds utterances in the caller's audio, has them recognised, and tells the session.

An utterance is recognised as soon as its speaker pauses, so that its words are known before the timeouts of VoiceXML
(section 6.3.2) decide whether they were all; where speech goes on, what was found is thrown away and looked for again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from common.tasks import note_failure
from mediaserver.dialog import audio as audio_files
from mediaserver.recognition.base import Hypothesis, RecognizerFailed, SpeechRecognizer, Utterance
from mediaserver.recognition.endpoint import FRAME, FRAME_MS, RATE, Endpointer, Phase
from vxml import messages as vxml
from vxml.grammar import GrammarError, Matcher, for_recognizer
from vxml.grammar.tokens import words_of

#: Seconds without a packet after which the far end is taken to send none while it is silent.
_NO_PACKETS = 0.2
_SILENCE = b"\xff" * FRAME
#: Milliseconds of an utterance that are recognised; longer ones end by maxspeechtimeout or are cut.
_MAX_UTTERANCE_MS = 60_000

log = structlog.get_logger()


class Listener:
    """`answer` takes what the session is to hear; `run` keeps a coroutine of ours alive."""

    def __init__(
        self,
        recognizer: SpeechRecognizer,
        answer: Callable[[vxml.Input], None],
        run: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._recognizer = recognizer
        self._answer = answer
        self._run = run
        self._command: vxml.Recognize | None = None
        self._endpointer = Endpointer()
        self._waiting = bytearray()
        self._work: asyncio.Task[None] | None = None
        self._found: tuple[Hypothesis, ...] | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._heard_at = 0.0

    @property
    def on(self) -> bool:
        return self._command is not None

    def begin(self, command: vxml.Recognize) -> None:
        if self._command is None:
            self._endpointer = Endpointer(command.sensitivity)
            self._waiting.clear()
            self._forget_found()
        started = self._command is not None and self._endpointer.phase is not Phase.QUIET
        was_hotword = self._command is not None and self._command.hotword
        self._command = command
        if started and was_hotword and not command.hotword:
            # It began unannounced, during a prompt that only a hotword could cut.
            asyncio.get_running_loop().call_soon(self._announce, command)

    def stop(self) -> None:
        self._command = None
        self._forget_found()
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def hear(self, heard: bytes) -> None:
        """Mu-law of the caller, as it comes."""
        self._heard_at = time.monotonic()
        self._waiting += heard
        while self._command is not None and len(self._waiting) >= FRAME:
            frame = bytes(self._waiting[:FRAME])
            del self._waiting[:FRAME]
            self._frame(self._command, frame)

    def _announce(self, command: vxml.Recognize) -> None:
        if self._command is command:
            self._answer(vxml.SpeechStarted())

    def _frame(self, command: vxml.Recognize, frame: bytes) -> None:
        ear = self._endpointer
        before = ear.phase
        phase = ear.hear(frame)
        if phase is Phase.QUIET:
            return
        if before is Phase.QUIET:
            # Not before: most callers press keys, and a decoder costs memory.
            self._recognizer.prepare()
            self._watch_for_packets()
            if not command.hotword:
                self._answer(vxml.SpeechStarted())
                # The answer may have changed or ended the listening.
                if self._command is not command:
                    return
        if phase is Phase.SPEAKING and before is Phase.PAUSED:
            self._forget_found()
        elif phase is Phase.PAUSED and before is Phase.SPEAKING:
            self._work = self._run(self._recognize(command, ear.audio()))
        self._decide()

    def _decide(self) -> None:
        """End the utterance where its time has come."""
        command, ear = self._command, self._endpointer
        if command is None:
            return
        if ear.phase is Phase.SPEAKING and ear.duration_ms >= min(command.max_speech * 1000, _MAX_UTTERANCE_MS):
            self._too_long(command)
        elif ear.phase is Phase.PAUSED and self._found is not None:
            whole = _matches_and_is_whole(command, self._found)
            patience = command.complete_timeout if whole else command.incomplete_timeout
            if ear.silent_ms >= patience * 1000:
                self._finish(command, self._found)

    def _too_long(self, command: vxml.Recognize) -> None:
        if command.hotword:
            self._go_on()
        else:
            self._give(vxml.SpeechTooLong())

    def _finish(self, command: vxml.Recognize, found: tuple[Hypothesis, ...]) -> None:
        if command.hotword and not any(_match(command, one.text) for one in found):
            self._go_on()
            return
        kept = self._endpointer.audio() if command.keep_audio else b""
        first = found[0] if found else Hypothesis("", 0.0)
        spoken = vxml.Spoken(
            first.text,
            first.confidence,
            tuple((one.text, one.confidence) for one in found[1:]),
            audio_files.to_wav(kept) if kept else b"",
            len(kept) * 1000 // RATE,
        )
        self._give(spoken)

    def _give(self, answer: vxml.Input) -> None:
        self.stop()
        self._answer(answer)

    def _go_on(self) -> None:
        self._forget_found()
        self._endpointer.restart()

    # --- recognising

    async def _recognize(self, command: vxml.Recognize, audio: bytes) -> None:
        try:
            grammar = for_recognizer(command.grammars)
            found = await self._recognizer.recognize(Utterance(audio, grammar, command.max_results, command.accuracy))
        except Exception as error:
            if not isinstance(error, RecognizerFailed | GrammarError):
                note_failure("recognition", error)
            log.warning("speech_not_recognized", error=str(error))
            if self._command is not None and self._work is asyncio.current_task():
                self._give(vxml.RecognitionFailed(str(error)))
            return
        if self._work is asyncio.current_task():
            self._found = found
            self._decide()

    def _forget_found(self) -> None:
        self._found = None
        work, self._work = self._work, None
        if work is not None and work is not asyncio.current_task():
            work.cancel()

    # --- far ends that send nothing while they are silent

    def _watch_for_packets(self) -> None:
        self._tick = asyncio.get_running_loop().call_later(_NO_PACKETS, self._look_for_packets)

    def _look_for_packets(self) -> None:
        self._tick = None
        missing = time.monotonic() - self._heard_at
        if missing >= _NO_PACKETS:
            self.hear(_SILENCE * round(missing * 1000 / FRAME_MS))
        if self._command is not None and self._endpointer.phase is not Phase.QUIET:
            self._watch_for_packets()


def _match(command: vxml.Recognize, text: str) -> Matcher | None:
    """The matcher of the first grammar that matches."""
    words = words_of(text)
    for grammar in command.grammars:
        matcher = Matcher(grammar)
        for word in words:
            matcher.feed(word)
        if matcher.matched:
            return matcher
    return None


def _matches_and_is_whole(command: vxml.Recognize, found: tuple[Hypothesis, ...]) -> bool:
    """Whether what was said matches and no grammar wants more words after it (appendix of section 6.3.2)."""
    matcher = _match(command, found[0].text) if found else None
    return matcher is not None and not matcher.can_go_on
