"""Human or machine, by how long speech and silence last after the answer: people say a word and wait."""

from __future__ import annotations

from collections import deque

from common.profiles import Profile
from mediaserver.cpa.events import Verdict
from mediaserver.cpa.loudness import Loudness
from mediaserver.cpa.spectrum import FRAME_SECONDS

#: Voiced frames of the last so many that are speech (80 ms of 120): a click is none, nor the first moment of a tone.
_SPEECH, _SPEECH_OF = 4, 6
#: Sums of frames are not exact.
_ABOUT = 1e-6


class Greeting:
    """Fed frame by frame from the answer on; moments are seconds of the audio."""

    def __init__(self, profile: Profile, answered: float) -> None:
        self._profile = profile
        self._answered = answered
        self._latest: deque[bool] = deque(maxlen=_SPEECH_OF)
        self._voiced = 0.0
        #: When the present speech without a gap began, and how long such speech was at most.
        self._clause = 0.0
        self._longest = 0.0
        #: When the present utterance began, None before there was any.
        self.began: float | None = None
        self.last_voice: float | None = None
        self.loudness = Loudness()

    def hear(self, voiced: bool, level: float, at: float) -> Verdict | None:
        """`at` is the end of the frame, `level` its decibels. What the greeting tells so far."""
        self._latest.append(voiced)
        if voiced and (self.began is not None or sum(self._latest) >= _SPEECH):
            if self.began is None or self.last_voice is None:
                self.began = self._clause = at - sum(self._latest) * FRAME_SECONDS
                self._voiced = (sum(self._latest) - 1) * FRAME_SECONDS
                self._longest = 0.0
            elif at - self.last_voice > self._profile.clause_gap + _ABOUT:
                self._clause = at - FRAME_SECONDS
            self._voiced += FRAME_SECONDS
            self.last_voice = at
            self._longest = max(self._longest, at - self._clause)
            self.loudness.add(level)
        return self._judge(at)

    def silence(self, at: float) -> float:
        """Seconds since somebody spoke, or since the answer."""
        return at - (self._answered if self.last_voice is None else self.last_voice)

    def _judge(self, at: float) -> Verdict | None:
        if self.began is None or self.last_voice is None:
            return None
        spoken = self.last_voice - self.began
        if spoken >= self._profile.machine_speech or self._longest >= self._profile.machine_clause - _ABOUT:
            return Verdict.MACHINE
        if at - self.last_voice < self._patience(spoken) - _ABOUT:
            return None
        if self._voiced >= self._profile.shortest_speech:
            return Verdict.HUMAN
        self.began = None
        return None

    def _patience(self, spoken: float) -> float:
        """Silence after so long a greeting that makes it a person's: after a word or two we are sure sooner."""
        return self._profile.short_pause if spoken <= self._profile.short_speech else self._profile.pause
