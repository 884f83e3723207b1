"""What follows from who answered: when the application begins, and which calls end. The rules are the call's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from common.classification import Mode, OnMachine
from common.clock import Clock
from common.errors import Refused
from mediaserver import wire
from mediaserver.cpa.events import FAILURES, Verdict
from mediaserver.lines.base import Capability
from mediaserver.switch.classifying import Classification
from mediaserver.switch.live import LiveCall
from mediaserver.switch.record import CallState

#: The event that notes a moment of `Times`.
_MOMENTS: Mapping[str, str] = {
    "SpeechStarted": "start_of_speech",
    "GreetingEnded": "greeting_end",
    "Decided": "classified",
}

log = structlog.get_logger()


class Dialogs(Protocol):
    """What the switchboard does for us."""

    def find(self, call: str) -> LiveCall | None: ...

    def under_way(self) -> tuple[LiveCall, ...]: ...

    def talk(self, call: LiveCall) -> None:
        """The application begins."""
        ...

    def begin_anew(self, call: LiveCall, answered_by: str) -> None:
        """A new session of the application replaces the present one, and waits."""
        ...

    def end(self, call: LiveCall) -> None: ...

    def let_go(self, call: LiveCall) -> None:
        """The application is over and the call with it."""
        ...


class Answering:
    def __init__(self, classification: Classification, dialogs: Dialogs, clock: Clock) -> None:
        self._classification = classification
        self._dialogs = dialogs
        self._clock = clock
        classification.report_to(self)

    @staticmethod
    def check(call: LiveCall) -> None:
        """Raise Refused where the line cannot hear."""
        if call.request.answer.mode is not Mode.OFF and Capability.LISTEN not in call.line.capabilities:
            raise Refused("answer.mode: this line cannot listen to who answers; write off")

    @staticmethod
    def expected(call: LiveCall) -> str:
        """Whom the application is got ready for while it rings."""
        return Verdict.HUMAN.value if call.request.answer.mode is Mode.BEFORE else ""

    def placed(self, call: LiveCall) -> None:
        """Before the INVITE leaves: tones may come while it rings."""
        rules = call.request.answer
        if rules.mode is Mode.OFF:
            return
        call.classified = True
        self._tell(
            wire.Classify(
                call.id,
                call.request.to,
                rules.profile,
                rules.timeout,
                silence_detection=rules.silence_detection,
                figures=rules.figures,
            )
        )

    def dialled(self, call: LiveCall) -> None:
        if call.classified:
            call.listen()

    def answered(self, call: LiveCall) -> bool:
        """Whether the application may begin at once."""
        if not call.classified:
            return True
        self._tell(wire.CallAnswered(call.id))
        call.listen()
        return call.request.answer.mode is Mode.BACKGROUND

    def holds(self, call: LiveCall) -> bool:
        """Whether the end of the application waits for who it is: a machine is still to have its message."""
        undecided = call.classified and call.record.answered_by in ("", Verdict.HUMAN)
        call.held = undecided and call.request.answer.on_machine is OnMachine.LEAVE_MESSAGE
        return call.held

    def hear(self, call: LiveCall, audio: bytes) -> None:
        ready = call.to_classify(audio)
        if ready:
            self._classification.send(wire.encode_heard(call.id, ready))

    def over(self, call: LiveCall) -> None:
        """Nobody listens any more; harmless when that is so already."""
        if call.classified:
            call.classified = False
            self._tell(wire.CallOver(call.id))
            if call.record.state is CallState.ANSWERED:
                call.listen()

    # --- what classification tells

    def classified(self, message: wire.Classified) -> None:
        call = self._dialogs.find(message.call)
        if call is None or not call.classified or call.record.state is CallState.ENDED:
            return
        at = self._moment(message.at)
        if message.event in _MOMENTS:
            call.record.note(_MOMENTS[message.event], at)
        match message.event:
            case "Heard":
                self._sound(call, message.sound, at)
            case "Decided":
                self._decided(call, Verdict(message.verdict), message.sound)
            case "Corrected":
                self._corrected(call, at)
            case "Settled":
                self._settled(call)
            case "MessageMayStart":
                self._message(call)
            case "Lost":
                self._lost(call)

    def classification_lost(self) -> None:
        for call in self._dialogs.under_way():
            if call.classified:
                self._lost(call)

    def _lost(self, call: LiveCall) -> None:
        """Whoever waits for a decision is taken for a person; a machine that was found has its message now."""
        up, by = call.record.state is CallState.ANSWERED, call.record.answered_by
        call.classified = False
        if up and not by and call.request.answer.mode is Mode.BEFORE:
            self._dialogs.talk(call)
        elif up and by == Verdict.MACHINE and call.request.answer.on_machine is OnMachine.LEAVE_MESSAGE:
            self._message(call)
        elif call.held:
            self._dialogs.let_go(call)

    def _sound(self, call: LiveCall, sound: str, at: datetime) -> None:
        call.record.trace("cpa", f"heard {sound}", at)
        if sound == "beep":
            call.record.note("beep", at)
        elif call.record.state is not CallState.ANSWERED and sound in FAILURES:
            # The network says by a tone what it does not say by a final response.
            call.record.sound = sound
            self._dialogs.end(call)

    def _decided(self, call: LiveCall, verdict: Verdict, sound: str) -> None:
        call.record.answered_by, call.record.sound = verdict.value, sound
        call.record.trace("cpa", f"answered by {verdict.value}", self._clock.utcnow())
        rules = call.request.answer
        before = rules.mode is Mode.BEFORE
        if verdict is Verdict.HUMAN:
            # What is heard for a moment longer may correct it.
            if before:
                self._dialogs.talk(call)
        elif verdict is not Verdict.MACHINE or rules.on_machine is OnMachine.HANG_UP:
            self.over(call)
            self._dialogs.end(call)
        elif rules.on_machine is OnMachine.LEAVE_MESSAGE:
            self._dialogs.begin_anew(call, verdict.value)
        elif before:
            self._dialogs.begin_anew(call, verdict.value)
            self._dialogs.talk(call)

    def _settled(self, call: LiveCall) -> None:
        self.over(call)
        if call.held:
            self._dialogs.let_go(call)

    def _corrected(self, call: LiveCall, at: datetime) -> None:
        """A machine after all: what talks to it was begun for a person."""
        call.record.answered_by = Verdict.MACHINE.value
        call.record.note("corrected", at)
        call.record.forget("greeting_end")
        call.record.trace("cpa", "answered by machine after all", self._clock.utcnow())
        match call.request.answer.on_machine:
            case OnMachine.HANG_UP:
                self.over(call)
                self._dialogs.end(call)
            case OnMachine.LEAVE_MESSAGE:
                self._dialogs.begin_anew(call, Verdict.MACHINE.value)
            case OnMachine.GO_ON:
                self.over(call)

    def _message(self, call: LiveCall) -> None:
        self.over(call)
        if call.request.answer.on_machine is OnMachine.LEAVE_MESSAGE:
            call.record.note("message", self._clock.utcnow())
            self._dialogs.talk(call)

    def _moment(self, at: float) -> datetime:
        return self._clock.utcnow() - timedelta(seconds=max(0.0, self._clock.monotonic() - at))

    def _tell(self, message: wire.Message) -> None:
        self._classification.send(wire.encode(message))
