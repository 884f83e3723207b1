"""What classification tells of a call. Moments are seconds on the clock of `now`, of the audio itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Sound(StrEnum):
    RINGBACK = "ringback"
    BUSY = "busy"
    #: Fast busy, congestion.
    REORDER = "reorder"
    #: Number unobtainable, as some networks say by a tone.
    UNOBTAINABLE = "unobtainable"
    #: Special information tones: of the ITU's frequencies, which tell no more, and as Telcordia's segments tell.
    SIT = "sit"
    SIT_VACANT = "sit_vacant"
    SIT_INTERCEPT = "sit_intercept"
    SIT_REORDER = "sit_reorder"
    SIT_NO_CIRCUIT = "sit_no_circuit"
    SIT_INEFFECTIVE = "sit_ineffective"
    FAX_CALLING = "fax_calling"
    FAX_ANSWER = "fax_answer"
    MODEM = "modem"
    BEEP = "beep"


#: The event of a call that a defect took from classification: nothing more comes.
LOST = "Lost"
FAX = frozenset({Sound.FAX_CALLING, Sound.FAX_ANSWER, Sound.MODEM})
#: What the network plays where the call has failed.
FAILURES = frozenset(Sound) - FAX - {Sound.BEEP, Sound.RINGBACK}


class Verdict(StrEnum):
    HUMAN = "human"
    MACHINE = "machine"
    FAX = "fax"
    SILENCE = "silence"
    #: The network played a tone into an answered call; `Decided.sound` says which.
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Heard:
    """A tone was recognised; of a beep, its end."""

    sound: Sound
    at: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The first voice after the answer, told once."""

    at: float


@dataclass(frozen=True, slots=True)
class Decided:
    """Told once after the answer."""

    verdict: Verdict
    at: float
    sound: Sound | None = None


@dataclass(frozen=True, slots=True)
class Corrected:
    """Who was decided to be a person is a machine after all. Told once, or `Settled` instead."""

    at: float


@dataclass(frozen=True, slots=True)
class Settled:
    """It remains a person; nothing more is told."""

    at: float


@dataclass(frozen=True, slots=True)
class GreetingEnded:
    """The last voice of the greeting, told once; of a machine that was taken for a person, anew."""

    at: float


@dataclass(frozen=True, slots=True)
class MessageMayStart:
    """A machine records now: its beep is over, or none came. Told once."""

    at: float
    after_beep: bool


CpaEvent = Heard | SpeechStarted | Decided | Corrected | Settled | GreetingEnded | MessageMayStart
