"""A recogniser that tells how each utterance went, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable

from mediaserver.recognition.base import Hypothesis, RecognizerFailed, SpeechRecognizer, Utterance


class CountingRecognizer:
    """`told` gets one of `wire.RECOGNITIONS` and seconds; waiting for a decoder counts."""

    def __init__(
        self,
        recognizer: SpeechRecognizer,
        told: Callable[[str, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recognizer = recognizer
        self._told = told
        self._clock = clock
        self.name = recognizer.name
        self.languages = recognizer.languages
        self.builtins = recognizer.builtins

    async def recognize(self, utterance: Utterance) -> tuple[Hypothesis, ...]:
        began, outcome = self._clock(), "given_up"
        try:
            found = await self._recognizer.recognize(utterance)
            outcome = "words" if found else "nothing"
        except RecognizerFailed:
            outcome = "failed"
            raise
        finally:
            self._told(outcome, self._clock() - began)
        return found

    def prepare(self) -> None:
        self._recognizer.prepare()

    async def close(self) -> None:
        await self._recognizer.close()
