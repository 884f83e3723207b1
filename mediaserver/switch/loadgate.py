"""Whether new calls may come, by what the process can bear; pure, observations and moments are passed in.

A count of calls says little of a processor that others use too. So what calls cost of it is learnt from what is seen,
and no more are let in than leave the busiest thread the rest it needs to keep its packets in time; those that ring and
will talk are counted as if they talked.

Where that errs, because another program came: what callers hear of an overload is packets that come
late, and what trunks see of it is answers that come late. Both are measured, and while either lasts, new calls are
refused so that it gets no worse for those under way. Afterwards they are let in a few a second, twice as many each
second: a server that is opened wide to everybody who waits is closed again at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from mediaserver.switch.callcost import CallCost

#: Packets and turns of the loop later than this (seconds, of lateness.BOUNDS) are late ...
LATE_PACKET = 0.02
LATE_TURN = 0.05
#: ... and these shares of them close the gate, once they last.
_PACKETS_CLOSE, _TURNS_CLOSE = 0.01, 0.2
#: Below these it may open again.
_PACKETS_CALM, _TURNS_CALM = 0.002, 0.05
#: An overload lasts when so many of the last observations had it: one hiccup refuses nobody.
_ENOUGH, _RECENT = 3, 4
#: Seconds of calm before it opens; each relapse doubles them, up to the most.
_CALM, _CALM_MOST = 3.0, 30.0
#: Calls in the first second after it opened, and at how many a second it is open as before.
_FIRST, _OPEN = 2.0, 256.0
#: Of one core that the switch's loop uses.
_EXHAUSTED = 0.9
#: Of the time, what the busiest thread may want the processor: beyond it, packets wait for each other.
_BEARABLE = 0.6
#: Calls that may wait for their talk before any was seen, and more for each that talked: their cost is a guess so far.
_UNSEEN, _PER_SEEN = 100, 2
#: Of what one observation adds to what is thought to be wanted.
_SMOOTH = 0.5
#: Seconds that the time before the first look stands for.
_FIRST_LOOK = 0.5


class GateState(StrEnum):
    OPEN = "open"
    #: New calls are refused.
    CLOSED = "closed"
    #: They are let in slowly.
    RECOVERING = "recovering"


@dataclass(frozen=True, slots=True)
class Observation:
    """Of the time since the last one.

    `late_packets` and `late_turns` are shares (0 to 1) of those sent, and of the looks at the loop's clock; `stalled`
    says that time was given up. `busy` is the share of one core that the loop's thread used, `wanted` what the busiest
    thread used and waited for. `talking` streams were up, `expected` further calls have none yet.
    """

    late_packets: float = 0.0
    late_turns: float = 0.0
    stalled: bool = False
    busy: float = 0.0
    wanted: float = 0.0
    talking: int = 0
    expected: int = 0

    @property
    def overloaded(self) -> bool:
        return self.stalled or self.late_packets > _PACKETS_CLOSE or self.late_turns > _TURNS_CLOSE

    @property
    def calm(self) -> bool:
        return not self.stalled and self.late_packets <= _PACKETS_CALM and self.late_turns <= _TURNS_CALM


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is empty where calls may come; `room` is how many until the next decision."""

    state: GateState
    reason: str = ""
    room: int = 0


class LoadGate:
    """`decide` once a while (a few times a second), `admit` for each call; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self.state = GateState.OPEN
        #: How often it has closed.
        self.closed = 0
        self._reason = ""
        self._overloads: deque[bool] = deque(maxlen=_RECENT)
        self._calm_since: float | None = None
        self._patience = _CALM
        self._rate = 0.0
        self._permits = 0.0
        self._at: float | None = None
        self._cost = CallCost()
        self._wanted = 0.0
        self._admitted = 0
        self._most_talking = 0
        #: Calls that the processor bears until the next decision.
        self._bears = self._borne(0, _FIRST_LOOK)

    def decide(self, seen: Observation, now: float) -> Decision:
        seconds = _FIRST_LOOK if self._at is None else max(1e-3, now - self._at)
        self._look(seen, seconds)
        self._overloads.append(seen.overloaded)
        self._calm_since = (now if self._calm_since is None else self._calm_since) if seen.calm else None
        if seen.overloaded and sum(self._overloads) >= _ENOUGH:
            self._close(seen)
        elif self.state is GateState.CLOSED and self._calm_since is not None:
            if now - self._calm_since >= self._patience:
                self.state, self._reason = GateState.RECOVERING, ""
                self._rate = self._permits = _FIRST
        elif self.state is GateState.RECOVERING:
            self._recover(seconds, calm=seen.calm)
        self._at, self._admitted = now, 0
        return self.decision

    @property
    def decision(self) -> Decision:
        room = self._bears if self.state is GateState.OPEN else min(self._bears, int(self._permits))
        return Decision(self.state, self._reason or ("" if self._bears else self._busy), room)

    def admit(self) -> str:
        """Why one more call may not come now; empty when it may, and then it has come."""
        if self.state is GateState.CLOSED:
            return self._reason
        if not self._bears:
            return self._busy
        if self.state is GateState.RECOVERING:
            if self._permits < 1:
                return "just recovered from an overload: calls are let in slowly"
            self._permits -= 1
        self._bears -= 1
        self._admitted += 1
        return ""

    @property
    def _busy(self) -> str:
        return f"busy: the calls there are take {100 * _BEARABLE:.0f} % of the time that the processor has for them"

    def _look(self, seen: Observation, seconds: float) -> None:
        """Learn, and say how many calls more there may be until the next look."""
        self._wanted += (seen.wanted - self._wanted) * _SMOOTH
        # Calls whose talk has not begun cost what their set-up does.
        self._cost.learn(seen.wanted, seen.talking, self._admitted / seconds)
        self._most_talking = max(self._most_talking, seen.talking)
        guessed = _UNSEEN + _PER_SEEN * self._most_talking - seen.expected
        self._bears = max(0, min(self._borne(seen.talking + seen.expected, seconds), guessed))

    def _borne(self, calls: int, seconds: float) -> int:
        """Each costs its set-up within the time to the next look, and its talk from then on."""
        cost = self._cost
        unexplained = max(0.0, self._wanted - cost.talking * calls - cost.setup * self._admitted / seconds)
        free = _BEARABLE - cost.talking * calls - unexplained
        return max(0, int(free / (cost.talking + cost.setup / seconds)))

    def _close(self, seen: Observation) -> None:
        if self.state is not GateState.CLOSED:
            self.closed += 1
        if self.state is GateState.RECOVERING:
            self._patience = min(2 * self._patience, _CALM_MOST)
        self.state, self._permits, self._calm_since = GateState.CLOSED, 0.0, None
        exhausted = seen.busy >= _EXHAUSTED
        self._reason = "cpu exhausted: the switch uses its core whole" if exhausted else f"overloaded: {_late(seen)}"

    def _recover(self, seconds: float, *, calm: bool) -> None:
        if calm:
            self._rate *= 2.0**seconds
        if self._rate >= _OPEN:
            self.state, self._patience = GateState.OPEN, _CALM
        self._permits = min(self._permits + self._rate * seconds, max(1.0, self._rate))


def _late(seen: Observation) -> str:
    if seen.stalled:
        return "packets come too late to be caught up"
    if seen.late_packets > _PACKETS_CLOSE:
        return f"{100 * seen.late_packets:.0f} % of packets leave more than {1000 * LATE_PACKET:.0f} ms late"
    return f"{100 * seen.late_turns:.0f} % of the loop's turns come more than {1000 * LATE_TURN:.0f} ms late"
