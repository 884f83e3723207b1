"""Whether whoever was taken for a person is a machine after all: it speaks on, and nobody can interrupt it.

"Hello." and a pause is how people answer, and how many recorded greetings begin. The application talks by then. A
person who is talked to stops soon; a recording does not, nor is it softer than it was. An echo is softer.
"""

from __future__ import annotations

from common.profiles import Profile
from mediaserver.cpa.events import Verdict
from mediaserver.cpa.loudness import Loudness

#: Decibels by which what goes on may be softer than the greeting.
_SOFTER = 6.0


class SecondLook:
    """Fed frame by frame from the decision on; moments are seconds of the audio."""

    def __init__(self, profile: Profile, last_voice: float, greeting: Loudness) -> None:
        self._profile = profile
        self._last_voice = last_voice
        self._least = greeting.decibels - _SOFTER
        self._began: float | None = None
        self._loudness = Loudness()

    def hear(self, voiced: bool, level: float, at: float) -> Verdict | None:
        """Who it is in the end, None while that is open."""
        if voiced:
            if self._began is None:
                self._began = at
            self._last_voice = at
            self._loudness.add(level)
            if at - self._began >= self._profile.second_speech:
                return Verdict.MACHINE if self.as_loud(self._loudness.decibels) else Verdict.HUMAN
            return None
        patience = self._profile.second_look if self._began is None else self._profile.pause
        return Verdict.HUMAN if at - self._last_voice >= patience else None

    def as_loud(self, level: float) -> bool:
        """As loud as the greeting was, in decibels."""
        return level >= self._least
