"""How many callers so many agents can take within a service level (Erlang C)."""

from __future__ import annotations

import math
from functools import lru_cache


def served_within(agents: int, load: float, seconds: float, handling: float) -> float:
    """Share of callers answered within `seconds`, `load` in Erlangs, `handling` the mean seconds of a conversation."""
    if agents <= 0 or load >= agents:
        return 0.0
    if load <= 0:
        return 1.0
    blocked = 1.0
    for count in range(1, agents + 1):
        blocked = load * blocked / (count + load * blocked)
    waits = blocked / (1.0 - load / agents * (1.0 - blocked))
    return 1.0 - waits * math.exp(-(agents - load) * seconds / handling)


@lru_cache(maxsize=512)
def greatest_rate(agents: int, share: float, seconds: float, handling: float) -> float:
    """Callers a second that keep the service level."""
    low, high = 0.0, float(max(0, agents))
    for _ in range(30):
        middle = (low + high) / 2
        if served_within(agents, middle, seconds, handling) >= share:
            low = middle
        else:
            high = middle
    return low / handling
