"""What a called party does: how the network answers, and what the person (or machine) does once it has.

A behaviour is data. `steps` is the person's script, a text of words separated by spaces:

    prompt          wait until the caller talks and then pauses (or the fallback time passes without a word)
    talk            wait until the caller starts to talk
    wait:SECONDS    wait
    keys:DIGITS     press keys 0-9 * # A-D
    say:SECONDS     talk (speech-like sound) for so long
    speak:WORDS     say these words by espeak-ng, + between them: speak:new+york (speak:en-gb/yes+please by that voice)
    beep            an answering machine's beep
    hangup          hang up

After the last step the person listens until the caller hangs up or `patience` runs out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from common.errors import ConfigError


class StepKind(StrEnum):
    #: Until the caller talked and then paused.
    PROMPT = "prompt"
    #: Until the caller is heard.
    TALK = "talk"
    #: A number of seconds.
    WAIT = "wait"
    #: Press these keys.
    KEYS = "keys"
    #: Speech-like sound for a number of seconds.
    SAY = "say"
    #: These words, in an espeak-ng voice.
    SPEAK = "speak"
    #: The beep of an answering machine.
    BEEP = "beep"
    #: Send BYE.
    HANGUP = "hangup"


@dataclass(frozen=True, slots=True)
class Step:
    kind: StepKind
    seconds: float = 0.0
    keys: str = ""
    words: str = ""
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one called number answers. Times are seconds from the INVITE (before answer) or as the field says."""

    name: str
    #: What it is for, one line, printed in the reference page.
    about: str = ""
    #: Provisional sent at once: 100, 180, 183 (with early media) or 0 for none.
    provisional: int = 180
    #: What is heard while it rings, with 183: ringback, busy, reorder or sit-vacant.
    early: str = "ringback"
    #: The final status, sent after `delay`; 0 never sends one (CANCEL is answered all the same).
    final: int = 200
    delay: float = 0.0
    #: Nothing is ever answered, CANCEL and retransmissions included.
    mute: bool = False
    #: Ask for digest credentials (407) even where the carrier as a whole does not.
    challenge: bool = False
    #: Share of SIP messages and of RTP packets lost in each direction, 0 to 1.
    sip_loss: float = 0.0
    rtp_loss: float = 0.0
    #: ACKs of the 200 to overlook, so that the 200 is sent again.
    lost_acks: int = 0
    #: Codec answered where the caller offers it: pcmu or pcma.
    codec: str = "pcmu"
    #: Send a re-INVITE (hold, then resume two seconds later) so many seconds after the answer; 0 for none.
    reinvite: float = 0.0
    script: str = ""
    #: Silence after talk that the person takes for the end of a prompt.
    pause: float = 1.0
    #: Seconds of listening after the script, then the person hangs up.
    patience: float = 60.0
    #: What the number does from its second ring on, by name; "" for the same again.
    then: str = ""

    @property
    def steps(self) -> tuple[Step, ...]:
        return parse_script(self.script)


DEFAULT_VOICE = "en-us"
_KEYS = re.compile(r"[0-9*#A-D]+")
_WORDS = re.compile(r"[\w'.,?!+-]*\w[\w'.,?!+-]*")
_VOICE = re.compile(r"[a-z]{2,3}(-[a-z0-9]+)*(\+\w+)?")


@lru_cache(maxsize=1024)
def parse_script(script: str) -> tuple[Step, ...]:
    """The steps of a script; ConfigError names the word that is wrong."""
    return tuple(_parse_step(word) for word in script.split())


def _parse_step(word: str) -> Step:
    name, _, value = word.partition(":")
    try:
        kind = StepKind(name)
    except ValueError:
        known = ", ".join(StepKind)
        raise ConfigError(f"customer script: unknown step {word!r}; the steps are {known}") from None
    if kind is StepKind.KEYS:
        if not _KEYS.fullmatch(value):
            raise ConfigError(f"customer script: {word!r} needs keys 0-9 * # A-D after the colon, such as keys:1")
        return Step(kind, keys=value)
    if kind is StepKind.SPEAK:
        voice, _, words = value.rpartition("/")
        if not _WORDS.fullmatch(words) or not _VOICE.fullmatch(voice or DEFAULT_VOICE):
            raise ConfigError(f"customer script: {word!r} needs words after the colon, such as speak:new+york")
        return Step(kind, words=words.replace("+", " "), voice=voice or DEFAULT_VOICE)
    if kind in (StepKind.WAIT, StepKind.SAY):
        try:
            return Step(kind, seconds=float(value))
        except ValueError:
            raise ConfigError(f"customer script: {word!r} needs seconds after the colon, such as wait:2.5") from None
    if value:
        raise ConfigError(f"customer script: {word!r}: this step takes no value; write {name!r}")
    return Step(kind)
