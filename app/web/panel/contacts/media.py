"""What a call's media figures mean to ears: packets, loss and jitter both ways, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Share of packets lost up to which nobody notices, and from which words go missing.
_LOSS_GOOD, _LOSS_POOR = 0.01, 0.03
#: Milliseconds of jitter that a far end's buffer takes in its stride, and that it does not.
_JITTER_GOOD, _JITTER_POOR = 20.0, 40.0


@dataclass(frozen=True, slots=True)
class Direction:
    """`loss` (0 to 1) and `jitter` (milliseconds) are None where nobody reported them; `judged` is in one word."""

    name: str
    packets: int
    loss: float | None
    jitter: float | None

    @property
    def judged(self) -> str:
        if not self.packets:
            return "nothing"
        if self.loss is None or self.jitter is None:
            return "unknown"
        if self.loss > _LOSS_POOR or self.jitter > _JITTER_POOR:
            return "poor"
        return "good" if self.loss <= _LOSS_GOOD and self.jitter <= _JITTER_GOOD else "fair"

    @property
    def words(self) -> str:
        return {
            "nothing": "no packet came" if self.name == "Heard" else "no packet was sent",
            "unknown": "the far end sent no report of what reached it",
            "poor": "words went missing",
            "fair": "now and then a click",
            "good": "clear",
        }[self.judged]


def directions(rtp: Mapping[str, Any] | None) -> list[Direction]:
    """What was heard of the far end and what it heard of us; empty where no media was sent."""
    if not rtp or not rtp.get("sent"):
        return []
    received, lost, sent = int(rtp.get("received") or 0), int(rtp.get("lost") or 0), int(rtp["sent"])
    away = rtp.get("remote_lost")
    return [
        Direction("Heard", received, lost / max(1, received + lost), float(rtp.get("jitter_ms") or 0.0)),
        Direction(
            "Spoken",
            sent,
            None if away is None else min(1.0, max(0, int(away)) / sent),
            None if away is None else float(rtp.get("remote_jitter_ms") or 0.0),
        ),
    ]
