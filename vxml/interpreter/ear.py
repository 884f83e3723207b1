"""Telling the recogniser when to listen during one wait for input, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxml.grammar import Grammar
from vxml.messages import Recognize, StopRecognizing

if TYPE_CHECKING:
    from vxml.interpreter.execution import Execution


class Ear:
    """Deaf where no grammar has words."""

    def __init__(self, execution: Execution, grammars: tuple[Grammar, ...]) -> None:
        self._execution = execution
        self._grammars = grammars
        self._mode = ""

    def listen(self, *, hotword: bool) -> None:
        """From now on, prompt or not."""
        mode = "hotword" if hotword else "speech"
        if self._grammars and mode != self._mode:
            self._mode = mode
            self._execution.rt.emit(self._command(hotword))

    def stop(self) -> None:
        if self._mode:
            self._mode = ""
            self._execution.rt.emit(StopRecognizing())

    def answered(self) -> None:
        """The recogniser gave its answer, and listens no longer."""
        self._mode = ""

    def _command(self, hotword: bool) -> Recognize:
        execution = self._execution
        return Recognize(
            grammars=self._grammars,
            hotword=hotword,
            complete_timeout=execution.seconds("completetimeout"),
            incomplete_timeout=execution.seconds("incompletetimeout"),
            max_speech=execution.seconds("maxspeechtimeout"),
            sensitivity=execution.number("sensitivity"),
            accuracy=execution.number("speedvsaccuracy"),
            max_results=execution.whole("maxnbest"),
            keep_audio=execution.flag("recordutterance") and not execution.private,
        )
