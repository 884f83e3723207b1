"""One call's classification: tones while it rings, then who or what answered, then when a message may begin.

Sans-IO: mu-law in by `receive`, events out. Time is the audio's own; where the far end sends nothing, `now` goes on and
what is missing counts as silence. Blocks may have any size: the same audio always gives the same events.
"""

from __future__ import annotations

import numpy as np

from common.profiles import HUMAN_FIRST, Profile
from mediaserver.cpa.cadence import CadenceDetector
from mediaserver.cpa.events import (
    FAILURES,
    FAX,
    Corrected,
    CpaEvent,
    Decided,
    GreetingEnded,
    Heard,
    MessageMayStart,
    Settled,
    Sound,
    SpeechStarted,
    Verdict,
)
from mediaserver.cpa.greeting import Greeting
from mediaserver.cpa.networks import RECOMMENDED, Network
from mediaserver.cpa.second_look import SecondLook
from mediaserver.cpa.special import SpecialToneDetector
from mediaserver.cpa.spectrum import FRAME, FRAME_SECONDS, Measure, Spectrum
from mediaserver.cpa.steady import SteadyToneDetector
from mediaserver.cpa.voice import VoiceActivity
from mediaserver.dialog import g711

#: Seconds the audio may lag behind before something is missing.
_LAG = 0.12
#: Frames that are missing and taken to be like the last one; more are silence.
_CONCEALED = 8
#: A tone within so many seconds of a greeting's beginning is no beep of its end.
_BEEP_AFTER = 0.3
#: Frames after a tone that are no voice yet: where one tone follows another, neither is pure.
_AFTER_TONE = 4
_FULL_SCALE = 32768.0
_SILENT_FRAME = b"\xff" * FRAME


class Classifier:
    def __init__(self, profile: Profile = HUMAN_FIRST, network: Network = RECOMMENDED) -> None:
        self._profile = profile
        self._cadences = CadenceDetector(network)
        self._spectrum = Spectrum(self._cadences.sets)
        self._special = SpecialToneDetector()
        self._steady = SteadyToneDetector()
        self._voice = VoiceActivity(profile.floor, profile.over_noise)
        self._events: list[CpaEvent] = []
        self._waiting = b""
        self._last = _SILENT_FRAME
        self._missing = 0
        #: The moment up to which audio was heard.
        self._heard_to: float | None = None
        self._answered: float | None = None
        self._greeting: Greeting | None = None
        self._verdict: Verdict | None = None
        #: Open while a person may turn out to be a machine.
        self._second: SecondLook | None = None
        self._decided_at = 0.0
        self._greeting_ended = False
        self._may_start = False
        self._spoke = False
        self._since_tone = _AFTER_TONE

    @property
    def verdict(self) -> Verdict | None:
        return self._verdict

    def answered(self, now: float) -> None:
        """Before this only tones of the network are told."""
        if self._answered is None:
            self._catch_up(now)
            self._answered = now if self._heard_to is None else self._heard_to
            self._greeting = Greeting(self._profile, self._answered)

    def receive(self, audio: bytes, now: float) -> None:
        """Mu-law at 8 kHz that ends at `now`, in any amount."""
        seconds = (len(self._waiting) + len(audio)) / FRAME * FRAME_SECONDS
        if self._heard_to is None:
            self._heard_to = now - seconds
        elif now - seconds - self._heard_to > _LAG:
            self._catch_up(now - seconds)
        elif self._heard_to - (now - seconds) > _LAG:
            # What had been taken for missing was late.
            self._heard_to = now - seconds
        self._waiting += audio
        self._missing = 0
        whole = len(self._waiting) - len(self._waiting) % FRAME
        for start in range(0, whole, FRAME):
            self._last = self._waiting[start : start + FRAME]
            self._frame(self._last)
        self._waiting = self._waiting[whole:]

    def next_timer(self) -> float | None:
        """When to call `handle_timer` if nothing is received."""
        if self._heard_to is None:
            return None if self._answered is None else self._answered + _LAG
        return self._heard_to + _LAG

    def handle_timer(self, now: float) -> None:
        if self._heard_to is None or now - self._heard_to > _LAG:
            self._catch_up(now)

    def events(self) -> list[CpaEvent]:
        """What happened since it was asked last."""
        told, self._events = self._events, []
        return told

    def _catch_up(self, now: float) -> None:
        """Nothing came up to `now`."""
        if self._heard_to is None:
            if self._answered is None:
                return
            self._heard_to = self._answered
        while now - self._heard_to >= FRAME_SECONDS:
            self._missing += 1
            self._frame(self._last if self._missing <= _CONCEALED else _SILENT_FRAME)

    def _frame(self, audio: bytes) -> None:
        assert self._heard_to is not None
        at = self._heard_to = self._heard_to + FRAME_SECONDS
        measure = self._spectrum.measure(g711.decode_ulaw(audio).astype(np.float64) / _FULL_SCALE)
        tonal = self._tones(measure, at)
        self._since_tone = 0 if tonal else self._since_tone + 1
        voiced = self._voice.voiced(measure) and self._since_tone >= _AFTER_TONE
        if self._greeting is not None and self._answered is not None and at > self._answered:
            self._listen(self._greeting, voiced, measure.level, at)

    # --- tones

    def _tones(self, measure: Measure, at: float) -> bool:
        """Whether a tone sounds."""
        special = self._special.hear(measure, at)
        for network in (*self._cadences.hear(measure, at), *((special,) if special else ())):
            self._network_says(network)
        if (heard := self._steady.hear(measure, at)) is not None:
            self._steady_says(heard)
        return self._steady.sounding or self._cadences.is_tone(measure)

    def _network_says(self, heard: Heard) -> None:
        self._events.append(heard)
        if self._answered is not None and heard.sound in FAILURES and not self._spoke:
            self._decide(Verdict.NETWORK, heard.at, heard.sound)

    def _steady_says(self, heard: Heard) -> None:
        if self._answered is None:
            return
        sound = heard.sound
        if sound in FAX and self._spoke:
            # A machine's beep may have a fax machine's frequency; a fax machine has no voice.
            sound = Sound.BEEP
        if sound is Sound.BEEP and (not self._spoke or heard.at < self._answered + _BEEP_AFTER):
            return
        self._events.append(Heard(sound, heard.at))
        if sound in FAX:
            self._decide(Verdict.FAX, heard.at, sound)
            return
        if self._second is not None and self._second.as_loud(self._steady.loudness):
            self._correct(heard.at)
        self._decide(Verdict.MACHINE, heard.at)
        self._end_greeting()
        self._start_message(heard.at, after_beep=True)

    # --- the answer

    def _listen(self, greeting: Greeting, voiced: bool, level: float, at: float) -> None:
        answered = self._answered or 0.0
        verdict = greeting.hear(voiced, level, at)
        if greeting.began is not None and not self._spoke:
            self._spoke = True
            self._events.append(SpeechStarted(max(greeting.began, answered)))
        if self._verdict is None:
            self._judge(greeting, verdict, at, answered)
        elif self._verdict is Verdict.MACHINE:
            self._wait_for_end(greeting, at)
        elif self._second is not None:
            late = at - answered >= self._profile.timeout
            self._look_again(Verdict.HUMAN if late else self._second.hear(voiced, level, at), at)

    def _judge(self, greeting: Greeting, verdict: Verdict | None, at: float, answered: float) -> None:
        limit = answered + self._profile.timeout
        nothing = Verdict.SILENCE if self._profile.silence_detection else Verdict.HUMAN
        if verdict is not None:
            if verdict is Verdict.HUMAN:
                self._end_greeting()
            self._decide(verdict, at)
        elif at >= limit:
            self._decide(nothing if greeting.last_voice is None else Verdict.HUMAN, at)
        elif not self._spoke and not self._steady.sounding and at - answered >= self._profile.initial_silence:
            self._decide(nothing, at)

    def _open_second_look(self, at: float) -> None:
        greeting = self._greeting
        if greeting is None or greeting.last_voice is None or not self._profile.second_look:
            self._events.append(Settled(at))
        else:
            self._second = SecondLook(self._profile, greeting.last_voice, greeting.loudness)

    def _look_again(self, verdict: Verdict | None, at: float) -> None:
        if verdict is Verdict.MACHINE:
            self._correct(at)
        elif verdict is Verdict.HUMAN:
            self._second = None
            self._events.append(Settled(at))

    def _correct(self, at: float) -> None:
        self._second = None
        self._verdict, self._decided_at = Verdict.MACHINE, at
        self._greeting_ended = False
        self._events.append(Corrected(at))

    def _wait_for_end(self, greeting: Greeting, at: float) -> None:
        silence = greeting.silence(at)
        if silence >= self._profile.greeting_silence:
            self._end_greeting()
        if silence >= self._profile.beep_wait or at - self._decided_at >= self._profile.greeting_limit:
            self._start_message(at, after_beep=False)

    def _decide(self, verdict: Verdict, at: float, sound: Sound | None = None) -> None:
        if self._verdict is None and self._answered is not None:
            at = min(at, self._answered + self._profile.timeout)
            self._verdict, self._decided_at = verdict, at
            self._events.append(Decided(verdict, at, sound))
            if verdict is Verdict.HUMAN:
                self._open_second_look(at)

    def _end_greeting(self) -> None:
        last = self._greeting.last_voice if self._greeting is not None else None
        if last is not None and not self._greeting_ended:
            self._greeting_ended = True
            self._events.append(GreetingEnded(last))

    def _start_message(self, at: float, *, after_beep: bool) -> None:
        if self._verdict is Verdict.MACHINE and not self._may_start:
            self._may_start = True
            self._events.append(MessageMayStart(at, after_beep))
