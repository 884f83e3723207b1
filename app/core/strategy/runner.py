"""What a contact's strategy says next: `step(strategy, state, event, now) -> (state, decision)`, pure.

A contact is in one phase:

    phase    event     goes to
    ready    due       ready    (the attempt of the handler's action; asking again changes nothing)
    ready    finished  ready | waiting | done, by the result's retry or next state
    waiting  finished  as above: the receipt came
    waiting  due       done, once the wait is over
    done     any       done

A fault of ours or the trunk's (nothing reached the person) that the strategy has no word on is tried again after a
while without counting; every other step counts towards the strategy's most attempts, so that none can loop.

Retries are counted as POM counts them: a retry is made while fewer retries than its Count were made inside the
handler; with Counting.ACTION all codes share that counter, with Counting.CODE each has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from app.core.completion import SYSTEM_CODES
from app.core.strategy.model import DONE, NEXT_ADDRESS, WAIT, Action, AddressRef, Channel, Counting, Retry, Strategy


class Phase(StrEnum):
    READY = "ready"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class RunnerState:
    """Small, and stored as JSON with the contact of the job; {} is a contact not yet begun."""

    handler: str = ""
    phase: Phase = Phase.READY
    #: Retries made in this handler: by code, or all under "*".
    retries: Mapping[str, int] = field(default_factory=dict)
    #: Addresses the next attempt is limited to (a retry's own); empty for the action's.
    only: tuple[str, ...] = ()
    #: Addresses used up by next-address in this handler.
    used: tuple[str, ...] = ()
    due: datetime | None = None
    attempts: int = 0
    #: Faults in a row, see FAULT_INTERVALS.
    faults: int = 0
    last_code: str = ""
    #: Channels whose guard time is not known to be over, and when it is.
    guarded: Mapping[Channel, datetime] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "handler": self.handler,
            "phase": str(self.phase),
            "retries": dict(self.retries),
            "only": list(self.only),
            "used": list(self.used),
            "due": self.due.isoformat() if self.due else None,
            "attempts": self.attempts,
            "faults": self.faults,
            "last_code": self.last_code,
            "guarded": {str(channel): until.isoformat() for channel, until in self.guarded.items()},
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        if not body:
            return cls()
        due = body.get("due")
        return cls(
            handler=body["handler"],
            phase=Phase(body["phase"]),
            retries=dict(body["retries"]),
            only=tuple(body["only"]),
            used=tuple(body["used"]),
            due=datetime.fromisoformat(due) if due else None,
            attempts=body["attempts"],
            faults=body["faults"],
            last_code=body["last_code"],
            # States stored before 0.2 have none.
            guarded={Channel(name): datetime.fromisoformat(at) for name, at in body.get("guarded", {}).items()},
        )


@dataclass(frozen=True, slots=True)
class Due:
    """The contact's time has come."""


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt (or a receipt of it) ended. `address` is the name of the address used, "" where none could be.

    `closes`: the code closes the contact (the flag of a custom code; system codes are known here).
    """

    code: str
    address: str = ""
    closes: bool = False
    #: False for a code that no attempt stands behind, such as NO_CALLABLE_ADDRESS: it never becomes the last code
    #: of a contact that was attempted before.
    attempted: bool = True
    #: The guard time's end: the same channel is not used again before it.
    not_before: datetime | None = None


Event = Due | Finished


@dataclass(frozen=True, slots=True)
class Attempt:
    """Try the addresses in order: the first that the contact has and the gate allows now."""

    handler: str
    channel: Channel
    addresses: tuple[AddressRef, ...]
    action: Action

    @property
    def name(self) -> str:
        return f"{self.handler}/{self.channel}"


@dataclass(frozen=True, slots=True)
class WaitUntil:
    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    code: str


Decision = Attempt | WaitUntil | Done

#: Seconds after which a fault that reached nobody is tried again.
FAULT_INTERVALS: Mapping[str, float] = MappingProxyType({"NO_PORTS": 5.0, "NO_LICENSE": 30.0, "TRUNK_FAULT": 60.0})
MAX_FAULTS = 50


def step(strategy: Strategy, state: RunnerState, event: Event, now: datetime) -> tuple[RunnerState, Decision]:
    if state.phase is Phase.DONE:
        return state, Done(state.last_code)
    if not state.handler:
        state = replace(state, handler=strategy.initial)
    if isinstance(event, Due):
        return _due(strategy, state, now)
    if event.attempted or not state.last_code:
        state = replace(state, last_code=event.code)
    if _is_fault(strategy, state, event.code):
        state = replace(state, faults=state.faults + 1)
        return _wait(strategy, state, now + timedelta(seconds=FAULT_INTERVALS[event.code]))
    counted = replace(state, attempts=state.attempts + (state.phase is Phase.READY), faults=0)
    if event.not_before is not None:
        channel = strategy.handlers[state.handler].action.channel
        counted = replace(counted, guarded={**counted.guarded, channel: event.not_before})
    return _guard(strategy, *_finished(strategy, counted, event, now))


def _is_fault(strategy: Strategy, state: RunnerState, code: str) -> bool:
    action = strategy.handlers[state.handler].action
    return code in FAULT_INTERVALS and state.faults < MAX_FAULTS and action.result_for(code) is None


def _guard(strategy: Strategy, state: RunnerState, decision: Decision) -> tuple[RunnerState, Decision]:
    """Keep a channel quiet until its guard time is over, whichever other channels were used in between."""
    if state.phase is not Phase.READY or not isinstance(decision, WaitUntil):
        return state, decision
    guarded_until = state.guarded.get(strategy.handlers[state.handler].action.channel, decision.at)
    due = max(decision.at, guarded_until)
    return replace(state, due=due), WaitUntil(due)


def _due(strategy: Strategy, state: RunnerState, now: datetime) -> tuple[RunnerState, Decision]:
    if state.due is not None and now < state.due:
        return state, WaitUntil(state.due)
    if state.phase is Phase.WAITING or state.attempts >= strategy.max_attempts:
        return _done(state)
    action = strategy.handlers[state.handler].action
    return state, Attempt(state.handler, action.channel, _candidates(action, state), action)


def _finished(strategy: Strategy, state: RunnerState, event: Finished, now: datetime) -> tuple[RunnerState, Decision]:
    action = strategy.handlers[state.handler].action
    result = action.result_for(event.code)
    if result is None and (event.closes or _closes_contact(event.code)):
        return _done(state)
    if result is not None and result.retry is not None:
        return _retry(strategy, state, event.code, result.retry, now)
    return _go(strategy, state, result.next_state if result else action.default_next, event, now)


def _retry(
    strategy: Strategy, state: RunnerState, code: str, retry: Retry, now: datetime
) -> tuple[RunnerState, Decision]:
    counter = code if strategy.counting is Counting.CODE else "*"
    made = state.retries.get(counter, 0)
    used_up = bool(retry.addresses) and not retry.looping and made >= len(retry.addresses)
    if made >= retry.count or used_up:
        return _go(strategy, state, retry.fail_state, Finished(code), now)
    interval = retry.intervals[min(made, len(retry.intervals) - 1)]
    only = (retry.addresses[made % len(retry.addresses)].name,) if retry.addresses else ()
    state = replace(state, retries={**state.retries, counter: made + 1}, only=only)
    return _wait(strategy, replace(state, phase=Phase.READY), now + timedelta(seconds=interval))


def _go(
    strategy: Strategy, state: RunnerState, target: str, event: Finished, now: datetime
) -> tuple[RunnerState, Decision]:
    """Enter the next state."""
    if target == DONE:
        return _done(state)
    action = strategy.handlers[state.handler].action
    if target == WAIT:
        until = now + timedelta(seconds=action.wait)
        return replace(state, phase=Phase.WAITING, due=until), WaitUntil(until)
    if target == NEXT_ADDRESS:
        state = replace(state, used=(*state.used, event.address) if event.address else state.used, only=())
        if event.address and _candidates(action, state):
            return _wait(strategy, replace(state, phase=Phase.READY), now)
        exhausted = action.result_for("NO_CALLABLE_ADDRESS")
        after = exhausted.next_state if exhausted else action.default_next
        return _done(state) if after == NEXT_ADDRESS else _go(strategy, state, after, event, now)
    entered = replace(state, handler=target, phase=Phase.READY, retries={}, only=(), used=())
    return _wait(strategy, entered, now)


def _wait(strategy: Strategy, state: RunnerState, until: datetime) -> tuple[RunnerState, Decision]:
    if state.attempts >= strategy.max_attempts:
        return _done(state)
    return replace(state, due=until), WaitUntil(until)


def _done(state: RunnerState) -> tuple[RunnerState, Decision]:
    return replace(state, phase=Phase.DONE, due=None), Done(state.last_code)


def _candidates(action: Action, state: RunnerState) -> tuple[AddressRef, ...]:
    if state.only:
        return tuple(ref for ref in action.all_addresses() if ref.name in state.only)
    return tuple(ref for ref in action.addresses if ref.name not in state.used)


def _closes_contact(code: str) -> bool:
    known = SYSTEM_CODES.get(code)
    return known is not None and known.closes_contact
