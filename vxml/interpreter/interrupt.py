"""Input while something else goes on (a transfer): what matches whole counts, the rest is passed over."""

from __future__ import annotations

from collections.abc import Sequence

from vxml.ecmascript import ScriptError
from vxml.grammar import Matcher, Mode
from vxml.grammar.tokens import words_of
from vxml.interpreter.activation import ActiveGrammar
from vxml.interpreter.control import Thrown
from vxml.interpreter.execution import Execution
from vxml.messages import Input, KeyPressed, Spoken


class Interrupt:
    """Once something matched, `mode` and `utterance` say how and what; `application.lastresult$` has all of it."""

    def __init__(self, execution: Execution, active: Sequence[ActiveGrammar]) -> None:
        self._execution = execution
        self._dtmf = [one for one in active if one.grammar.mode is Mode.DTMF]
        self._voice = [one for one in active if one.grammar.mode is Mode.VOICE]
        self._typed = self._fresh()
        self.listens = bool(active)
        self.mode = ""
        self.utterance = ""

    def take(self, happened: Input | None) -> bool:
        """Whether this input completes something that a grammar knows."""
        if isinstance(happened, KeyPressed):
            self._execution.rt.keys.clear()
            self._press(happened.key)
        elif isinstance(happened, Spoken) and happened.confidence >= self._execution.number("confidencelevel"):
            self._hear(happened)
        return bool(self.mode)

    def _press(self, key: str) -> None:
        if not any(matcher.accepts(key) for matcher in self._typed):
            # What was typed before led nowhere: this key may be the first of something.
            self._typed = self._fresh()
        for matcher in self._typed:
            matcher.feed(key)
        self._check(self._typed, "dtmf", 1.0)

    def _hear(self, spoken: Spoken) -> None:
        matchers = [Matcher(one.grammar) for one in self._voice]
        for word in words_of(spoken.text):
            for matcher in matchers:
                matcher.feed(word)
        self._check(matchers, "voice", spoken.confidence)

    def _check(self, matchers: list[Matcher], mode: str, confidence: float) -> None:
        matcher = next((one for one in matchers if one.matched), None)
        if matcher is None:
            return
        rt = self._execution.rt
        try:
            value = matcher.value(rt.engine)
        except ScriptError as error:
            raise Thrown("error.semantic", f"grammar tag: {error}") from error
        self.mode, self.utterance = mode, matcher.text
        rt.trace("match", f"{mode} {matcher.text}")
        result = {"utterance": matcher.text, "inputmode": mode, "interpretation": value, "confidence": confidence}
        rt.engine.set_last_result(self._execution.context.application_scope, [result])

    def _fresh(self) -> list[Matcher]:
        return [Matcher(one.grammar) for one in self._dtmf]
