"""What of SSML's own mark-up goes to the synthesiser: known elements, legal values, units that every one reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from vxml.document import Node

#: Elements passed on, older names by today's.
ELEMENTS: Final[Mapping[str, str]] = {
    "emphasis": "emphasis", "lang": "lang", "p": "p", "paragraph": "p", "phoneme": "phoneme", "prosody": "prosody",
    "s": "s", "sentence": "s", "voice": "voice",
}  # fmt: skip
#: What a voice's middle pitch is taken for where a pitch is given in hertz.
_MIDDLE_HZ: Final = 120
_NUMBER: Final = r"(?:\d+(?:\.\d*)?|\.\d+)"
_LEVELS: Final = frozenset(("x-low", "low", "medium", "high", "x-high", "default"))
_RATES: Final = frozenset(("x-slow", "slow", "medium", "fast", "x-fast", "default"))
_VOLUMES: Final = frozenset(("silent", "x-soft", "soft", "medium", "loud", "x-loud", "default"))
_PITCH: Final = re.compile(rf"([+-]?)({_NUMBER})\s*(hz|st|%)", re.IGNORECASE)
_CHANGE: Final = re.compile(rf"[+-]?{_NUMBER}%?")
_TIME: Final = re.compile(rf"\+?{_NUMBER}(?:ms|s)")
_CONTOUR: Final = re.compile(r"(?:\s*\([^(),]{1,20},[^(),]{1,20}\))+\s*")
#: A voice's name must not lead a synthesiser anywhere in the file system.
_VOICE_NAMES: Final = re.compile(r"[\w .,+-]{1,80}")


def _pitch(value: str) -> str:
    """Section 3.2.4: hertz, semitones, per cent or a label. Hertz become per cent of the voice's own pitch."""
    match = _PITCH.fullmatch(value)
    if match is None or (match[3].lower() == "st" and not match[1]):
        return value if value in _LEVELS else ""
    sign, number, unit = match[1], float(match[2]), match[3].lower()
    return f"{sign}{number * 100 / _MIDDLE_HZ:.0f}%" if unit == "hz" else f"{sign}{number:g}{unit}"


def _rate(value: str) -> str:
    """A multiple, a change or a label; a multiple of 0 is no rate."""
    if value in _RATES:
        return value
    return value if _CHANGE.fullmatch(value) and float(value.strip("+-%")) > 0 else ""


def _volume(value: str) -> str:
    """0 to 100, a change or a label."""
    if value in _VOLUMES:
        return value
    legal = _CHANGE.fullmatch(value) and (value[0] in "+-" or float(value.strip("%")) <= 100)
    return value if legal else ""


def _one_of(*values: str) -> Callable[[str], str]:
    return lambda value: value if value in values else ""


def _like(pattern: re.Pattern[str]) -> Callable[[str], str]:
    return lambda value: value if pattern.fullmatch(value) else ""


_ATTRIBUTES: Final[Mapping[str, Mapping[str, Callable[[str], str]]]] = {
    "emphasis": {"level": _one_of("strong", "moderate", "none", "reduced")},
    "phoneme": {"alphabet": _like(re.compile(r"[\w-]{1,40}")), "ph": str},
    "prosody": {
        "pitch": _pitch,
        "contour": _like(_CONTOUR),
        "range": _pitch,
        "rate": _rate,
        "duration": _like(_TIME),
        "volume": _volume,
    },
    "voice": {
        "gender": _one_of("male", "female", "neutral"),
        "age": _like(re.compile(r"\d{1,3}")),
        "variant": _like(re.compile(r"[1-9]\d{0,2}")),
        "name": _like(_VOICE_NAMES),
    },
}


def attributes(node: Node) -> dict[str, str]:
    """The legal ones; an illegal value is as if it were not written (section 3.2.4)."""
    known = _ATTRIBUTES.get(ELEMENTS[node.tag], {})
    made = {}
    for name, value in node.attrs.items():
        if name == "xml:lang" and node.tag not in ("emphasis", "phoneme", "prosody"):
            made[name] = value
        elif name in known and (legal := known[name](value.strip())):
            made[name] = legal
    return made
