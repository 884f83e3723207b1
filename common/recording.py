"""How a call is recorded: part of the media server's control API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

from common.errors import Refused


class RecordMode(StrEnum):
    OFF = "off"
    #: Both directions on one track.
    MIXED = "mixed"
    #: What the far end says on the left, what it hears on the right.
    STEREO = "stereo"
    #: What the far end says alone.
    HEARD = "heard"


@dataclass(frozen=True, slots=True)
class RecordRules:
    """`beep` is seconds between two beeps that tell of the recording, 0 for none. The law may want 15."""

    mode: RecordMode = RecordMode.OFF
    beep: float = 0.0

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Raise Refused naming the field."""
        known = {item.name for item in fields(cls)}
        for name in body:
            if name not in known:
                raise Refused(f"record.{name}: unknown field; the fields are {', '.join(sorted(known))}")
        try:
            mode = RecordMode(body.get("mode", RecordMode.OFF))
        except ValueError:
            raise Refused(f"record.mode: write one of {', '.join(RecordMode)}") from None
        beep = body.get("beep", 0.0)
        if isinstance(beep, bool) or not isinstance(beep, int | float) or not (beep == 0 or 1 <= beep <= 3600):
            raise Refused("record.beep: give seconds from 1 to 3600, or 0 for no beep")
        return cls(mode, float(beep))
