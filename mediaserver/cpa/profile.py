"""What classification waits for, in seconds and decibels. The default profile would rather call a machine human."""

from __future__ import annotations

from dataclasses import dataclass, fields

from common.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Profile:
    #: No decision comes later than this after the answer.
    timeout: float = 20.0
    #: Nobody who is going to speak waits longer; then the answer is taken as at the timeout.
    initial_silence: float = 4.0
    #: Nothing heard is SILENCE instead of HUMAN.
    silence_detection: bool = False
    #: Voice of less than this is a cough or a click.
    shortest_speech: float = 0.12
    #: Speech without a pause of `pause` that goes on for so long is a recording.
    machine_speech: float = 3.6
    #: Silence after which a greeting waits for an answer: a person. After a word or two of `short_speech` less will do.
    pause: float = 0.6
    short_speech: float = 0.8
    short_pause: float = 0.4
    #: Silence that ends a recorded greeting.
    greeting_silence: float = 1.2
    #: Silence after a greeting in which a beep may still come.
    beep_wait: float = 3.0
    #: A message begins this long after the decision at the latest, whatever is heard.
    greeting_limit: float = 30.0
    #: Decibels under full scale below which nothing is heard, and those a voice is over the noise of the line.
    floor: float = -48.0
    over_noise: float = 7.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in ("silence_detection", "floor") and value <= 0:
                raise ConfigError(f"classification profile: {item.name} must be more than 0")


HUMAN_FIRST = Profile()
#: Machines are told sooner; people of companies, whose greetings are long, are taken for machines more often.
QUICK = Profile(machine_speech=2.0)
PROFILES = {"human-first": HUMAN_FIRST, "quick": QUICK}
