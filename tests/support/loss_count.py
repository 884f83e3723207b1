"""Real calls over the native line through a network that loses packets both ways, or to SIPp that goes silent.

Behind the losses stands our own user agent: SIPp 3.6 repeats no final response once it has seen a repeated INVITE."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from common.control import Disposition, Trunk
from mediaserver.lines.base import Answered, Failed, HungUp, LineEvent, Place, Ringing
from mediaserver.lines.native import NativeLine
from mediaserver.switch.sip.endpoint import SipConfig, SipEndpoint
from mediaserver.switch.sip.events import Incoming, SipEvent
from mediaserver.switch.sip.sdp import make_offer
from tests.support.lossy_relay import LossyRelay
from tests.support.sipp import Sipp

#: What the far end does, and the end that its calls are to have.
WAYS = {"answers": "hung up by us", "refuses": "refused 486", "hangs up": "hung up by them"}
_NUMBER = "+12125550100"
#: When the far end goes silent, and the end that its call is to have.
GONE = {
    "before an answer": ("answer_after_180", None, "no_reply None"),
    "while it rings": ("ring_until_cancelled", Ringing, "ring_timeout None"),
    "while it talks": ("answer_after_180", Answered, "hung up by us"),
}


@dataclass(slots=True)
class Outcome:
    ends: Counter[str] = field(default_factory=Counter)
    #: Of the slowest call: seconds from our last order (hang up, give up) or the INVITE to its end.
    slowest: float = 0.0
    #: What a channel holds, left `patience` after the last order. (Transactions absorb repetitions for 32 s more.)
    left: str = ""


class _Near:
    def __init__(self, t1: float) -> None:
        self.line = NativeLine(SipConfig("127.0.0.1", 0, t1=t1, t2=8 * t1, t4=10 * t1), None, "127.0.0.1")
        self.ends: dict[str, str] = {}
        self.ended: dict[str, float] = {}
        self.ordered: dict[str, float] = {}
        self.on_event = {kind: set[str]() for kind in (Ringing, Answered)}
        self.news = asyncio.Event()

    def hear(self, event: LineEvent) -> None:
        match event:
            case Failed(call, disposition, status):
                refused = disposition is Disposition.REFUSED
                self._end(call, f"refused {status}" if refused else f"{disposition.value} {status}")
            case HungUp(call, by_far_end):
                self._end(call, "hung up by them" if by_far_end else "hung up by us")
            case Ringing() | Answered():
                self.on_event[type(event)].add(event.call)
        self.news.set()

    def _end(self, call: str, end: str) -> None:
        self.ends[call], self.ended[call] = end, time.monotonic()

    def place(self, call: str, port: int, ring_timeout: float) -> None:
        self.ordered[call] = time.monotonic()
        self.line.place(Place(call, _NUMBER, "+12125550199", "", Trunk("127.0.0.1", port), ring_timeout))

    def hang_up(self, call: str) -> None:
        self.ordered[call] = time.monotonic()
        self.line.hang_up(call)

    async def outcome(self, patience: float) -> Outcome:
        """Once all have ended and nothing is left, or `patience` after the last order."""
        until = max(self.ordered.values()) + patience
        for _ in range(round(patience / 0.02)):
            if time.monotonic() > until or not (self._left() or len(self.ends) < len(self.ordered)):
                break
            await asyncio.sleep(0.02)
        stuck = len(self.ordered) - len(self.ends)
        left = ", ".join(filter(None, [f"{stuck} calls" if stuck else "", self._left()]))
        slowest = max((self.ended[call] - self.ordered[call] for call in self.ends), default=0.0)
        return Outcome(Counter(self.ends.values()), slowest, left)

    def _left(self) -> str:
        pump, sip = self.line.pump, self.line.endpoint.stats()
        held = {"streams": pump.streams, "sockets": pump.open_sockets, "calls": sip.calls, "dialogs": sip.dialogs}
        return ", ".join(f"{count} {what}" for what, count in held.items() if count)


class _Far:
    def __init__(self, way: str, t1: float) -> None:
        self.endpoint = SipEndpoint(SipConfig(accepted=frozenset({_NUMBER}), t1=t1, t2=8 * t1, t4=10 * t1))
        self._way = way
        self._t1 = t1

    def hear(self, event: SipEvent) -> None:
        if isinstance(event, Incoming) and self._way == "refuses":
            self.endpoint.refuse(event.call)
        elif isinstance(event, Incoming):
            self.endpoint.answer(event.call, make_offer("127.0.0.1", 9))
            if self._way == "hangs up":
                # RFC 3261 15: not before the ACK.
                asyncio.get_running_loop().call_later(30 * self._t1, self.endpoint.hang_up, event.call)


async def lossy_calls(way: str, calls: int, loss: int, t1: float, patience: float) -> Outcome:
    """`loss` is percent, in each direction; `patience` seconds may pass after the last order."""
    near = _Near(t1)
    far = _Far(way, t1)
    await far.endpoint.start(far.hear)
    relay = LossyRelay(far.endpoint.address[1], loss, seed=calls)
    await relay.start()
    await near.line.start(near.hear)
    try:
        for number in range(calls):
            near.place(f"c{number}", relay.port, ring_timeout=80 * t1)
        talking: set[str] = set()
        while len(near.ends) + len(talking - set(near.ends)) < calls:
            near.news.clear()
            await asyncio.wait_for(near.news.wait(), 100 * t1)
            if way == "answers":
                for call in near.on_event[Answered] - talking:
                    near.hang_up(call)
            talking |= near.on_event[Answered]
        return await near.outcome(patience)
    finally:
        await near.line.close()
        await far.endpoint.close()
        relay.close()


async def silent_call(when: str, t1: float, patience: float) -> Outcome:
    """Its process stops, so that the port is there and nobody at it: no ICMP tells."""
    scenario, moment, _ = GONE[when]
    near = _Near(t1)
    far = await Sipp.start(scenario, patience=round(400 * t1))
    await near.line.start(near.hear)
    try:
        if moment is None:
            os.kill(far.pid, signal.SIGSTOP)
        near.place("c", far.port, ring_timeout=80 * t1 if moment is not Ringing else 1.0)
        if moment is not None:
            while "c" not in near.on_event[moment]:
                near.news.clear()
                await asyncio.wait_for(near.news.wait(), 100 * t1)
            os.kill(far.pid, signal.SIGSTOP)
            if moment is Answered:
                near.hang_up("c")
            else:
                near.ordered["c"] = time.monotonic() + 1.0
        return await near.outcome(patience)
    finally:
        await near.line.close()
        await far.stop()
