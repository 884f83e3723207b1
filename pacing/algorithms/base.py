"""What every pacer shares: the clock, the check of what it sees, the hard limits, and its state as JSON."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

from common.errors import Refused
from pacing.algorithms.configuration import Configuration
from pacing.algorithms.ledger import Ledger
from pacing.algorithms.observation import (
    Abandoned,
    Connected,
    Decision,
    InboundAnswered,
    InboundArrived,
    InboundLost,
    Observation,
    Outcome,
    Placed,
    Resolved,
    Seen,
    TalkEnded,
    WrapupEnded,
    look,
)

#: The version of saved states. Another one is refused.
STATE = 1
#: A question that comes a hair early still belongs to the next second.
_HAIR = 1e-6
#: Plain words are taken too.
_OUTCOMES = frozenset(Outcome)


class Pacer(ABC):
    """Ask `decide` about once a second. Lines and calls per second are kept here, whatever the mode wants."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.ledger = Ledger(configuration)
        self._now: float | None = None
        self._placed: deque[tuple[float, int]] = deque()

    def decide(self, observation: Observation, now: float) -> Decision:
        """What to do now. Raise Refused, with nothing changed, where the observation cannot be true."""
        if not _is_time(now):
            raise Refused(f"now: give a time in seconds, not {now!r}")
        if self._now is not None and now < self._now:
            raise Refused(f"now: the time went back from {self._now:g} to {now:g}; give one steady clock")
        seen = look(observation, now)
        for event in seen.events:
            _check(event)
        elapsed = 1.0 if self._now is None else now - self._now
        self._now = now
        self.ledger.see(seen)
        room = max(0, self._room(seen))
        wanted = self._wanted(seen, elapsed, room)
        place = max(0, min(wanted.place, room))
        if place and self.configuration.calls_per_second is not None:
            self._placed.append((now, place))
        return wanted if place == wanted.place else replace(wanted, place=place)

    @abstractmethod
    def _wanted(self, seen: Seen, elapsed: float, room: int) -> Decision:
        """What the mode wants, `elapsed` seconds after the last time. More than `room` calls are never placed."""

    def save(self) -> dict[str, Any]:
        """All that was learnt, as a JSON document."""
        return {
            "version": STATE,
            "mode": str(self.configuration.mode),
            "now": self._now,
            "placed": [list(pair) for pair in self._placed],
            "ledger": self.ledger.save(),
            "learnt": self._save(),
        }

    def restore(self, state: Mapping[str, Any], *, new_clock: bool = False) -> None:
        """Take up a saved state. `new_clock`: the clock starts anew (another process, another day)."""
        if state.get("version") != STATE or state.get("mode") != self.configuration.mode:
            raise Refused(f"state: it is not one of version {STATE} for {self.configuration.mode}")
        try:
            self.ledger.restore(state["ledger"], new_clock=new_clock)
            self._restore(state["learnt"], new_clock=new_clock)
            self._now = None if new_clock else state["now"]
            self._placed = deque() if new_clock else deque((float(at), int(count)) for at, count in state["placed"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Refused(f"state: it is damaged ({error})") from error

    def _save(self) -> Any:
        """What the mode itself has learnt."""
        return None

    def _restore(self, learnt: Any, *, new_clock: bool) -> None:
        """Take up what `_save` gave."""
        if learnt is not None:
            raise ValueError("this mode learns nothing")

    def _room(self, seen: Seen) -> int:
        """How many calls lines and calls per second allow, were they all wanted."""
        room = 1_000_000
        if self.configuration.lines is not None:
            room = self.configuration.lines - seen.lines_in_use
        rate = self.configuration.calls_per_second
        if rate is None:
            self._placed.clear()
            return room
        if rate <= 0:
            return 0
        window = max(1.0, 1.0 / rate)
        while self._placed and self._placed[0][0] <= seen.now - window + _HAIR:
            self._placed.popleft()
        return min(room, max(1, math.floor(rate + _HAIR)) - sum(count for _, count in self._placed))


def _check(event: object) -> None:
    """Raise Refused for an event that cannot have happened."""
    if isinstance(event, Placed | Resolved | Connected | Abandoned):
        _identifies(f"{type(event).__name__}.call", event.call)
    if isinstance(event, Resolved):
        _not_negative("Resolved.age", event.age)
        if not isinstance(event.outcome, str) or event.outcome not in _OUTCOMES:
            raise Refused(f"Resolved.outcome: use one of {', '.join(Outcome)}, not {event.outcome!r}")
    elif isinstance(event, TalkEnded | WrapupEnded):
        _not_negative(f"{type(event).__name__}.duration", event.duration)
    elif isinstance(event, InboundArrived) and event.after is not None:
        _not_negative("InboundArrived.after", event.after)
    elif isinstance(event, Connected | Abandoned | InboundAnswered | InboundLost) and event.waited is not None:
        _not_negative(f"{type(event).__name__}.waited", event.waited)
    at = getattr(event, "at", None)
    if at is not None and not _is_time(at):
        raise Refused(f"{type(event).__name__}.at: give a time in seconds, not {at!r}")


def _identifies(field: str, value: object) -> None:
    try:
        hash(value)
    except TypeError:
        raise Refused(f"{field}: give a text, a number or another hashable value, not {value!r}") from None


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _not_negative(field: str, value: float) -> None:
    if not (_is_time(value) and value >= 0.0):
        raise Refused(f"{field}: seconds must be finite and not negative, not {value!r}")
