"""Properties (VoiceXML 2.1 section 6.3): defaults and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from vxml.interpreter.control import Thrown

DEFAULTS: Final[Mapping[str, str]] = {
    "audiofetchhint": "prefetch",
    "bargein": "true",
    "bargeintype": "speech",
    "clarion.private": "false",
    "completetimeout": "600ms",
    "confidencelevel": "0.5",
    "fetchaudiodelay": "2s",
    "fetchaudiominimum": "5s",
    "fetchtimeout": "10s",
    "incompletetimeout": "1200ms",
    "inputmodes": "dtmf voice",
    "interdigittimeout": "3s",
    "maxnbest": "1",
    "maxspeechtimeout": "30s",
    "recordutterance": "false",
    "sensitivity": "0.5",
    "speedvsaccuracy": "0.5",
    "termchar": "#",
    "termtimeout": "0s",
    "timeout": "5s",
    "universals": "none",
}

_TIME: Final = re.compile(r"\s*\+?(\d+(?:\.\d*)?|\.\d+)(ms|s)\s*")


@lru_cache(maxsize=1024)
def seconds(text: str, what: str) -> float:
    """A time designation ("3s", "250ms"); error.semantic when it is not one."""
    match = _TIME.fullmatch(text)
    if not match:
        raise Thrown("error.semantic", f'{what}="{text}": write a time such as 3s or 500ms')
    return float(match[1]) / (1000 if match[2] == "ms" else 1)
