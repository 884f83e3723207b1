"""What lines hold for their calls: it comes back to nothing when the calls are over (SIP's timers want 64*T1 more)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from mediaserver.lines.base import Line


@runtime_checkable
class Holder(Protocol):
    def held(self) -> Mapping[str, int]:
        """What its calls hold, by name."""
        ...


def holdings(lines: Iterable[Line]) -> Counter[str]:
    """Of all lines together. What the pyvoip line holds is the library's."""
    held: Counter[str] = Counter()
    for line in lines:
        if isinstance(line, Holder):
            held.update(line.held())
    return held
