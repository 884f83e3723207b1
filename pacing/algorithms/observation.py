"""What a pacer sees and answers. Times are seconds on one steady clock; ids are any hashable values."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.errors import Refused

CallId: TypeAlias = Hashable
Floats: TypeAlias = NDArray[np.float64]
#: Elapsed seconds of each, or only how many there are (each then counts as having just begun).
Elapsed: TypeAlias = Sequence[float] | Floats | int

_NONE: Floats = np.empty(0)
#: Agents in one state, or calls, that are believed.
MOST = 100_000


class Outcome(StrEnum):
    #: A person (without classification: anything that answered).
    HUMAN = "human"
    MACHINE = "machine"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    #: Our CANCEL was in time.
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Placed:
    """A call has left. `at` None: just now."""

    call: CallId
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """It is known who or what answered, or that nobody did. `age`: seconds since the call was placed."""

    call: CallId
    outcome: Outcome
    age: float
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A person was given an agent, `waited` seconds after the greeting's end: abandoned if that was too long."""

    call: CallId
    waited: float | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A person was given no agent in time, after `waited` seconds; a CANCEL that crossed the answer is one too."""

    call: CallId
    waited: float | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """An agent's conversation ended; `inbound`: it was one that came in; `machine`: the agent says it was no person."""

    duration: float
    inbound: bool = False
    machine: bool = False
    at: float | None = None


@dataclass(frozen=True, slots=True)
class WrapupEnded:
    duration: float
    at: float | None = None


@dataclass(frozen=True, slots=True)
class InboundArrived:
    """`after`: seconds since this caller was notified; None: none of ours, or not recognised."""

    after: float | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class InboundAnswered:
    """A caller was given an agent."""

    waited: float
    at: float | None = None


@dataclass(frozen=True, slots=True)
class InboundLost:
    """A caller gave up."""

    waited: float
    at: float | None = None


Event: TypeAlias = (
    Placed | Resolved | Connected | Abandoned | TalkEnded | WrapupEnded | InboundArrived | InboundAnswered | InboundLost
)


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at the job. Everything may be left out; `docs/reference/pacing.md` tells each field."""

    #: Agents by state, seconds in it.
    ready: Elapsed = ()
    talking: Elapsed = ()
    wrapup: Elapsed = ()
    previewing: Elapsed = ()
    on_break: Elapsed = ()
    inbound_talking: Elapsed = ()
    #: Calls by id: seconds since placed, since answered, since a person was found.
    ringing: Mapping[Any, float] | Elapsed = ()
    classifying: Mapping[Any, float] | Elapsed = ()
    waiting: Mapping[Any, float] | Elapsed = ()
    #: Callers in the inbound queue, seconds in it.
    inbound_waiting: Elapsed = ()
    #: None: counted from the calls and conversations above.
    lines_in_use: int | None = None
    #: None: counted from the states above, breaks left out.
    agents_logged_in: int | None = None
    #: PREVIEW and TIMED_PREVIEW: records that agents accepted since the last time.
    previews_accepted: int = 0
    #: What happened since the last time, in any order.
    events: Iterable[Event] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Place `place` new calls now and send CANCEL for the calls in `cancel`; show `offer` records to ready agents."""

    place: int = 0
    cancel: tuple[CallId, ...] = ()
    offer: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation checked and counted."""

    now: float
    ready: int
    previewing: Floats
    talking: Floats
    inbound_talking: Floats
    wrapup: Floats
    ringing: Floats
    ringing_ids: tuple[CallId, ...]
    classifying: Floats
    waiting: int
    inbound_waiting: Floats
    lines_in_use: int
    #: Agents by their states, and as many as the observer says are logged in.
    at_work: int
    logged_in: int
    previews_accepted: int
    events: tuple[Event, ...]

    @property
    def in_the_air(self) -> int:
        """Calls that may still need an agent."""
        return len(self.ringing) + len(self.classifying) + self.waiting


def look(observation: Observation, now: float) -> Seen:
    """Check an observation. Raise Refused naming the field that cannot be true."""
    o = observation
    talking, inbound = _elapsed("talking", o.talking), _elapsed("inbound_talking", o.inbound_talking)
    wrapup, previewing = _elapsed("wrapup", o.wrapup), _elapsed("previewing", o.previewing)
    ringing, classifying = _calls("ringing", o.ringing), _calls("classifying", o.classifying)
    waiting = len(_calls("waiting", o.waiting))
    ready = _number("ready", o.ready)
    _number("on_break", o.on_break)
    at_work = ready + len(talking) + len(inbound) + len(wrapup) + len(previewing)
    lines = o.lines_in_use
    if lines is None:
        lines = len(ringing) + len(classifying) + waiting + len(talking)
    return Seen(
        now=now,
        ready=ready,
        previewing=previewing,
        talking=talking,
        inbound_talking=inbound,
        wrapup=wrapup,
        ringing=ringing,
        ringing_ids=tuple(o.ringing) if isinstance(o.ringing, Mapping) else (),
        classifying=classifying,
        waiting=waiting,
        inbound_waiting=_elapsed("inbound_waiting", o.inbound_waiting),
        lines_in_use=_number("lines_in_use", lines),
        at_work=at_work,
        logged_in=at_work if o.agents_logged_in is None else _number("agents_logged_in", o.agents_logged_in),
        previews_accepted=_number("previews_accepted", o.previews_accepted),
        events=_events(o.events),
    )


def _events(events: Iterable[Event]) -> tuple[Event, ...]:
    try:
        given = tuple(events)
    except TypeError:
        raise Refused("observation.events: give a list of events") from None
    for event in given:
        if not isinstance(event, Event):
            raise Refused(f"observation.events: {type(event).__name__} is none; give Placed, Resolved, …")
    return given


def _number(field: str, value: Elapsed) -> int:
    if not isinstance(value, int | np.integer):
        return len(_elapsed(field, value))
    if isinstance(value, bool) or not 0 <= value <= MOST:
        raise Refused(f"observation.{field}: give a number from 0 to {MOST}, not {value!r}")
    return int(value)


def _elapsed(field: str, value: Elapsed) -> Floats:
    if isinstance(value, int | np.integer):
        return np.zeros(_number(field, value))
    try:
        if len(value) == 0:
            return _NONE
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"observation.{field}: give seconds, or how many there are") from None
    return _checked(field, array)


def _calls(field: str, value: Mapping[Any, float] | Elapsed) -> Floats:
    if not isinstance(value, Mapping):
        return _elapsed(field, value)
    if not value:
        return _NONE
    try:
        array = np.fromiter(value.values(), dtype=np.float64, count=len(value))
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"observation.{field}: give call ids with their seconds") from None
    return _checked(field, array)


def _checked(field: str, array: Floats) -> Floats:
    if array.ndim != 1 or len(array) > MOST:
        raise Refused(f"observation.{field}: give one number of seconds each, of at most {MOST}")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and math.isfinite(high)):
        raise Refused(f"observation.{field}: seconds must be finite and not negative (least {low}, most {high})")
    return array
