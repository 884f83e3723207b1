"""The person behind an answered call: works through a script, reacting to what is heard."""

from __future__ import annotations

from collections.abc import Sequence

from simulators.carrier import audio
from simulators.carrier.behaviour import Step, StepKind
from simulators.carrier.rtp import Ear, Mouth

#: Silence after talk that counts as the end of a prompt; of a caller who sends none, FALLBACK.
PAUSE = 1.0
#: A prompt that never comes (or was over before we listened) is waited for so long.
FALLBACK = 12.0
#: Audio under way when a key cuts a prompt is not yet the next prompt.
SETTLE = 0.3


class Customer:
    """Call `tick` every 20 ms; it talks through the mouth and answers True once, when the person hangs up."""

    def __init__(
        self,
        steps: Sequence[Step],
        patience: float,
        now: float,
        *,
        pause: float = PAUSE,
        fallback: float = FALLBACK,
    ) -> None:
        self._steps = list(reversed(steps))
        self._patience = patience
        self._pause = pause
        self._fallback = fallback
        self._since = now
        self._acting = False
        #: Groups of keys pressed so far.
        self.pressed: list[str] = []
        #: Steps that waited for the caller to talk: how many heard it, and how many gave up.
        self.heard = 0
        self.missed = 0
        #: When the person last began to say words, and to press keys.
        self.spoke_at: float | None = None
        self.pressed_at: float | None = None

    def tick(self, now: float, ear: Ear, mouth: Mouth) -> bool:
        if not self._steps:
            return now - self._since >= self._patience
        if not self._done(self._steps[-1], now, ear, mouth):
            return False
        step = self._steps.pop()
        if step.kind in (StepKind.PROMPT, StepKind.TALK):
            self._count(self._heard(ear))
        self._since = now
        self._acting = False
        return step.kind is StepKind.HANGUP

    def _done(self, step: Step, now: float, ear: Ear, mouth: Mouth) -> bool:
        match step.kind:
            case StepKind.PROMPT:
                return self._prompt_over(now, ear)
            case StepKind.TALK:
                return self._heard(ear) or self._given_up(now)
            case StepKind.WAIT:
                return now - self._since >= step.seconds
            case StepKind.HANGUP:
                return True
        if not self._acting:
            self._acting = True
            if step.kind is StepKind.SPEAK:
                self.spoke_at = now
            elif step.kind is StepKind.KEYS:
                self.pressed_at = now
            self._act(step, mouth)
        return not mouth.busy

    def _act(self, step: Step, mouth: Mouth) -> None:
        if step.kind is StepKind.KEYS:
            self.pressed.append(step.keys)
            mouth.press(step.keys)
        elif step.kind is StepKind.SAY:
            mouth.say(audio.speech(step.seconds, mouth.codec))
        elif step.kind is StepKind.SPEAK:
            mouth.say(audio.spoken(step.words, step.voice, mouth.codec))
        else:
            mouth.say(audio.beep(mouth.codec))

    def _heard(self, ear: Ear) -> bool:
        return ear.last_loud is not None and ear.last_loud > self._since + SETTLE

    def _prompt_over(self, now: float, ear: Ear) -> bool:
        if ear.last_loud is not None and self._heard(ear):
            return ear.quiet >= self._pause or now - ear.last_loud >= self._fallback
        return self._given_up(now)

    def _given_up(self, now: float) -> bool:
        return now - self._since >= self._fallback

    def _count(self, heard: bool) -> None:
        self.heard += heard
        self.missed += not heard
