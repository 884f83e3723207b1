"""What the classification of answers waits for. The default profile would rather call a machine human.

A profile is chosen by name; each of its figures can be set by itself, within its bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from common.errors import ConfigError, Refused


@dataclass(frozen=True, slots=True)
class Figure:
    """How one is shown to people, and its bounds."""

    label: str
    #: s (seconds), dB, or dBFS (decibels under full scale).
    unit: str
    least: float
    most: float
    about: str


def _figure(default: float, label: str, unit: str, bounds: tuple[float, float], about: str) -> Any:
    return field(default=default, metadata={"figure": Figure(label, unit, *bounds, about)})


@dataclass(frozen=True, slots=True)
class Profile:
    #: Seconds after the answer; no decision comes later.
    timeout: float = 20.0
    #: Nothing heard is SILENCE instead of HUMAN.
    silence_detection: bool = False
    initial_silence: float = _figure(
        4.0, "Initial silence", "s", (0.5, 15), "Whoever is silent for so long after the answer is taken for silent."
    )
    shortest_speech: float = _figure(0.12, "Shortest word", "s", (0.04, 0.5), "Voice of less is a cough or a click.")
    short_speech: float = _figure(0.8, "Short greeting", "s", (0.2, 3), "A word or two, such as hello.")
    short_pause: float = _figure(
        0.24, "Silence after a short greeting", "s", (0.1, 2), "A person: a word, and then silence."
    )
    pause: float = _figure(0.7, "Silence after a longer greeting", "s", (0.2, 3), "A person: the greeting is over.")
    machine_speech: float = _figure(
        3.6, "Longest greeting of a person", "s", (1, 15), "Speech without such a silence that goes on for longer."
    )
    clause_gap: float = _figure(0.16, "Silence between words", "s", (0.06, 0.5), "Shorter ones are within a word.")
    machine_clause: float = _figure(
        2.2, "Longest speech without a gap", "s", (0.8, 15), "A machine: longer, without silence between words."
    )
    second_look: float = _figure(
        1.5, "Second look", "s", (0, 5), "Who is a person, and speaks on within so long, may be a machine; 0: never."
    )
    second_speech: float = _figure(
        3.3, "Speech in the second look", "s", (1, 15), "A machine: speaks for so long, though it is talked to."
    )
    greeting_silence: float = _figure(
        1.2, "Silence after a machine's greeting", "s", (0.3, 5), "The greeting of a machine is over."
    )
    beep_wait: float = _figure(3.0, "Wait for the beep", "s", (0.5, 15), "A message begins after so long without one.")
    greeting_limit: float = _figure(
        30.0, "Longest wait for the end", "s", (2, 120), "A message begins so long after the decision in any case."
    )
    floor: float = _figure(-48.0, "Softest voice", "dBFS", (-65, -20), "Nothing softer is heard.")
    over_noise: float = _figure(7.0, "Voice over noise", "dB", (2, 25), "A voice is so much louder than the line.")

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise ConfigError("classification profile: timeout must be more than 0")
        for name, figure in FIGURES.items():
            value = getattr(self, name)
            if not figure.least <= value <= figure.most:
                raise ConfigError(f"classification profile: {name}: {_bounds(figure)}")
        if self.short_speech > self.machine_speech:
            raise ConfigError("classification profile: short_speech: at most machine_speech")


FIGURES: Mapping[str, Figure] = MappingProxyType(
    {item.name: item.metadata["figure"] for item in fields(Profile) if "figure" in item.metadata}
)

HUMAN_FIRST = Profile()
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "human-first": HUMAN_FIRST,
        # More machines are known before anybody talks to them; people wait longer.
        "patient": Profile(short_pause=0.6, pause=0.8),
        # Machines are told sooner; people of companies, whose greetings are long, are taken for machines more often.
        "quick": Profile(machine_speech=2.0, machine_clause=1.3),
    }
)


def checked_figures(profile: str, figures: Mapping[str, Any]) -> dict[str, float]:
    """Figures set by themselves over those of a profile. Raise Refused naming the figure."""
    checked: dict[str, float] = {}
    for name, value in figures.items():
        figure = FIGURES.get(name)
        if figure is None:
            raise Refused(f"{name}: unknown figure; the figures are {', '.join(FIGURES)}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not figure.least <= value <= figure.most:
            raise Refused(f"{name}: {_bounds(figure)}")
        checked[name] = float(value)
    short, longest = (
        checked.get(name, getattr(PROFILES[profile], name)) for name in ("short_speech", "machine_speech")
    )
    if short > longest:
        raise Refused(f"short_speech: give at most {longest:g} s, the longest greeting of a person")
    return checked


def _bounds(figure: Figure) -> str:
    return f"give {figure.least:g} to {figure.most:g} {figure.unit}"


def profile_of(name: str, timeout: float, *, silence_detection: bool, figures: Mapping[str, float]) -> Profile:
    """Of figures that `checked_figures` has seen."""
    return replace(PROFILES[name], timeout=timeout, silence_detection=silence_detection, **figures)
