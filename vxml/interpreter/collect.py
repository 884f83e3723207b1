"""The waiting state: play what is queued, take keys and words, decide by the grammars and the timers.

Timers follow VoiceXML 2.1 appendix D: `timeout` until the first key, `interdigittimeout` while a grammar allows more,
`termtimeout` once none does; `termchar` ends input where no grammar wants that key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from vxml.ecmascript import ScriptError
from vxml.grammar import Matcher, Mode
from vxml.grammar.tokens import words_of
from vxml.interpreter.activation import ActiveGrammar
from vxml.interpreter.control import AwaitInput, Exit, Recognition, Steps, Thrown
from vxml.interpreter.ear import Ear
from vxml.interpreter.privacy import MASK
from vxml.interpreter.runtime import QueuedPrompt, Runtime
from vxml.messages import (
    Hangup,
    Input,
    KeyPressed,
    Play,
    PlayEnded,
    Private,
    RecognitionFailed,
    SpeechStarted,
    SpeechTooLong,
    Spoken,
    StopPlay,
)

if TYPE_CHECKING:
    from vxml.interpreter.execution import Execution

#: How long a cut prompt's end is waited for.
_MARK_SECONDS: Final = 1.0


def check_connected(rt: Runtime) -> None:
    """Throw the hang-up where the script would wait for a caller who is gone; a second time the session ends."""
    if not rt.hung_up:
        return
    if rt.final:
        raise Exit(rt.end_reason, rt.disconnect_values)
    rt.final = True
    raise Thrown("connection.disconnect.hangup")


class Collector:
    """One wait for input under the grammars in `active`."""

    def __init__(self, execution: Execution, active: list[ActiveGrammar]) -> None:
        self._execution = execution
        self._rt = execution.rt
        modes = execution.modes()
        self._dtmf = [
            (one, Matcher(one.grammar)) for one in active if one.grammar.mode is Mode.DTMF and "dtmf" in modes
        ]
        self._voice = [one for one in active if one.grammar.mode is Mode.VOICE and "voice" in modes]
        self._timeout = execution.seconds("timeout")
        self._interdigit = execution.seconds("interdigittimeout")
        self._term_timeout = execution.seconds("termtimeout")
        self._termchar = execution.setting("termchar").strip()[:1]
        self._private = execution.private
        self._typed = False
        self._complete = False
        self._ear = Ear(execution, tuple(one.grammar for one in self._voice))
        #: The caller is speaking: what is said will be known when it is over.
        self._speaking = False
        self._said: Spoken | SpeechTooLong | RecognitionFailed | None = None
        #: markname and marktime of the prompts of this wait, {} where none was passed (VoiceXML 2.1 section 4); then
        #: the recording of the utterance too.
        self._mark: dict[str, Any] = {}

    def collect(self) -> Steps[Recognition]:
        check_connected(self._rt)
        if self._private:
            self._rt.emit(Private(True, len(self._rt.keys)))
        try:
            yield from self._play()
            recognition = yield from self._listen()
        finally:
            self._ear.stop()
            if self._private:
                self._rt.emit(Private(False, len(self._rt.keys)))
        return recognition

    # --- prompts

    def _play(self) -> Steps[None]:
        rt = self._rt
        for prompt in rt.take_queue():
            self._timeout = prompt.timeout
            if not prompt.items:
                continue
            if not prompt.bargein:
                rt.keys.clear()
                self._ear.stop()
            elif rt.keys and self._dtmf:
                return
            else:
                self._ear.listen(hotword=prompt.hotword)
            bargein = prompt.bargein and not prompt.hotword and bool(self._dtmf)
            play = Play(rt.new_id(), prompt.items, bargein, prompt.marks)
            rt.emit(play)
            while True:
                happened = yield AwaitInput()
                if isinstance(happened, PlayEnded) and happened.id == play.id:
                    self._pass_mark(happened)
                    break
                if self._barges_in(happened, prompt):
                    rt.emit(StopPlay())
                    if play.marks:
                        yield from self._await_mark(play)
                    return

    def _await_mark(self, play: Play) -> Steps[None]:
        """Wait a moment for how far the prompt came, which `<mark>` needs to know."""
        deadline = self._rt.now + _MARK_SECONDS
        while (happened := (yield AwaitInput(deadline))) is not None:
            if isinstance(happened, PlayEnded) and happened.id == play.id:
                return self._pass_mark(happened)
            if isinstance(happened, Hangup):
                check_connected(self._rt)
        return None

    def _pass_mark(self, ended: PlayEnded) -> None:
        if ended.mark:
            self._mark = {"markname": ended.mark, "marktime": ended.mark_ms}

    def _barges_in(self, happened: Input | None, prompt: QueuedPrompt) -> bool:
        rt = self._rt
        if isinstance(happened, Hangup):
            check_connected(rt)
        if not prompt.bargein:
            rt.keys.clear()
            return False
        if isinstance(happened, SpeechStarted) and self._voice and not prompt.hotword:
            self._speaking = True
            return True
        if isinstance(happened, Spoken | SpeechTooLong | RecognitionFailed) and self._voice:
            self._ear.answered()
            if not prompt.hotword or (isinstance(happened, Spoken) and self._match_speech(happened)):
                self._said = happened
                return True
            self._ear.listen(hotword=True)
        elif isinstance(happened, KeyPressed) and self._dtmf:
            return self._hotword_typed() if prompt.hotword else True
        return False

    def _hotword_typed(self) -> bool:
        """Whether the keys so far match; keys that lead nowhere are dropped (section 4.1.5.1)."""
        trial = [Matcher(one.grammar) for one, _ in self._dtmf]
        for key in self._rt.keys:
            for matcher in trial:
                matcher.feed(key)
        if any(matcher.matched for matcher in trial):
            return True
        if not any(matcher.can_go_on for matcher in trial):
            self._rt.keys.clear()
        return False

    # --- input

    def _listen(self) -> Steps[Recognition]:
        rt = self._rt
        deadline: float | None = rt.now + self._timeout
        if self._said is None and not rt.keys:
            self._ear.listen(hotword=False)
        while True:
            if self._said is not None:
                return self._heard(self._said)
            while rt.keys:
                rt.new_turn()
                if self._key(rt.keys.popleft()):
                    return self._finish()
                deadline = rt.now + (self._term_timeout if self._complete else self._interdigit)
                if self._typed:
                    self._ear.stop()
                    self._speaking = False
                else:
                    deadline = rt.now + self._timeout
            happened = yield AwaitInput(None if self._speaking else deadline)
            if happened is None:
                if self._typed:
                    return self._finish()
                if self._mark:
                    self._set_last([self._mark])
                raise Thrown("noinput")
            if isinstance(happened, Hangup):
                check_connected(rt)
            elif self._voice and not self._typed:
                self._listen_to(happened)

    def _listen_to(self, happened: Input) -> None:
        if isinstance(happened, SpeechStarted):
            self._speaking = True
        elif isinstance(happened, Spoken | SpeechTooLong | RecognitionFailed):
            self._ear.answered()
            self._said = happened

    def _key(self, key: str) -> bool:
        """Take one key; answers whether input is over."""
        rt = self._rt
        if not self._dtmf:
            return False
        rt.trace("key", MASK if self._private else key)
        wanted = [matcher for _, matcher in self._dtmf if matcher.accepts(key)]
        swallow, rt.swallow_termchar = rt.swallow_termchar, False
        if not wanted:
            if key == self._termchar and (self._typed or swallow):
                # A termchar typed after an answer that was already complete belongs to that answer.
                return self._typed
            return self._spoil()
        self._typed = True
        for _, matcher in self._dtmf:
            matcher.feed(key)
        self._complete = not any(matcher.can_go_on for _, matcher in self._dtmf)
        if self._complete and not self._term_timeout:
            rt.swallow_termchar = True
            return True
        return False

    def _spoil(self) -> bool:
        """A key that fits nowhere: no match at once when it is the first; else the rest of what is being typed is taken
        too, so that it does not answer the next question."""
        spoiled_first = not self._typed
        for _, matcher in self._dtmf:
            matcher.give_up()
        self._complete = False
        return spoiled_first

    def _finish(self) -> Recognition:
        for one, matcher in self._dtmf:
            if matcher.matched:
                return self._recognised(one, matcher, "dtmf", 1.0)
        raise Thrown("nomatch")

    def _heard(self, spoken: Spoken | SpeechTooLong | RecognitionFailed) -> Recognition:
        if isinstance(spoken, SpeechTooLong):
            raise Thrown("maxspeechtimeout")
        if isinstance(spoken, RecognitionFailed):
            raise Thrown("error.noresource", spoken.detail)
        if spoken.audio:
            # recordutterance (VoiceXML 2.1 section 7).
            recording = self._rt.keep_recording(spoken.audio)
            size = {"recordingsize": len(spoken.audio), "recordingduration": spoken.duration_ms}
            self._mark = {**self._mark, "recording": recording, **size}
        heard = ((spoken.text, spoken.confidence), *spoken.others)
        found = [(*match, confidence) for text, confidence in heard if (match := self._match_words(text))][
            : self._execution.whole("maxnbest")
        ]
        if not found or found[0][2] < self._execution.number("confidencelevel"):
            last = {"utterance": spoken.text, "inputmode": "voice", "confidence": spoken.confidence}
            self._set_last([{**last, "interpretation": None, **self._mark}])
            raise Thrown("nomatch")
        one, matcher, confidence = found[0]
        return self._recognised(one, matcher, "voice", confidence, found[1:])

    def _match_speech(self, spoken: Spoken) -> tuple[ActiveGrammar, Matcher] | None:
        return self._match_words(spoken.text)

    def _match_words(self, text: str) -> tuple[ActiveGrammar, Matcher] | None:
        words = words_of(text)
        for one in self._voice:
            matcher = Matcher(one.grammar)
            for word in words:
                matcher.feed(word)
            if matcher.matched:
                return one, matcher
        return None

    def _recognised(
        self,
        one: ActiveGrammar,
        matcher: Matcher,
        mode: str,
        confidence: float,
        others: Sequence[tuple[ActiveGrammar, Matcher, float]] = (),
    ) -> Recognition:
        rt = self._rt
        try:
            value = self._value(one, matcher)
            more = [_result(inner, mode, self._value(of, inner), sure) for of, inner, sure in others]
        except ScriptError as error:
            raise Thrown("error.semantic", f"grammar tag: {error}") from error
        item = self._execution.item
        if self._private and item is not None:
            rt.privacy.add(item.name, [value, matcher.text])
        shown = MASK * len(matcher.text) if self._private else matcher.text
        rt.trace("match", f"{mode} {shown}")
        recognition = Recognition(value, matcher.text, mode, confidence, one, self._mark)
        self._set_last([{**_result(matcher, mode, value, confidence), **self._mark}, *more])
        return recognition

    def _set_last(self, results: list[dict[str, Any]]) -> None:
        self._rt.engine.set_last_result(self._execution.context.application_scope, results)

    def _value(self, one: ActiveGrammar, matcher: Matcher) -> Any:
        choice = one.owner.choice
        if choice is not None and choice.node.tag == "option":
            return choice.node.get("value") or choice.text or choice.dtmf
        return matcher.value(self._rt.engine)


def _result(matcher: Matcher, mode: str, value: Any, confidence: float) -> dict[str, Any]:
    """An entry of `application.lastresult$` (section 5.1.5)."""
    return {"utterance": matcher.text, "inputmode": mode, "interpretation": value, "confidence": confidence}
