"""A far end behind a network that loses packets both ways, on the bench's still clock."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable

from mediaserver.switch.sip.message import Request, Response, parse_message
from mediaserver.switch.sip.responses import REASONS, make_response
from tests.support.sip_bench import ANSWER, FAR, SipBench

_DELAY = 0.02
_T1 = 0.5
_GIVE_UP = 64 * _T1


class LossyFar:
    """Answers one call with `status` after it rang `rings` seconds; vanishes at `gone_at` (bench time)."""

    def __init__(self, bench: SipBench, loss: float, seed: int, *, status: int, rings: float = 2.0) -> None:
        self.bench = bench
        self.loss = loss
        self.status = status
        self.rings = rings
        self.gone_at = float("inf")
        #: INVITEs that were not repetitions: how often the telephone rang.
        self.rang = 0
        self._chance = random.Random(seed)
        self._count = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._taken = 0
        self._branches: set[str] = set()
        self._acknowledged = False

    def run(self, seconds: float) -> None:
        """Let time pass for both sides."""
        bench, end = self.bench, self.bench.now + seconds
        self._carry()
        while True:
            timer = bench.agent.next_timer()
            far = self._due[0][0] if self._due else None
            at = min((moment for moment in (timer, far) if moment is not None), default=end + 1)
            if at > end:
                break
            bench.now = max(bench.now, at)
            if far is not None and far <= bench.now:
                heapq.heappop(self._due)[2]()
            else:
                bench.agent.handle_timer(bench.now)
                bench.collect()
            self._carry()
        bench.now = end

    def _at(self, delay: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.bench.now + delay, next(self._count), action))

    def _carry(self) -> None:
        """Take what the near side sent onto the network."""
        for message in self.bench.sent[self._taken :]:
            if isinstance(message, Request) and self._chance.random() >= self.loss:
                self._at(_DELAY, lambda request=message: self._hear(request))
        self._taken = len(self.bench.sent)

    def _say(self, response: Response) -> None:
        if self.bench.now < self.gone_at and self._chance.random() >= self.loss:
            data = response.serialize()
            self._at(_DELAY, lambda: self.bench.receive(data))

    def _hear(self, request: Request) -> None:
        if self.bench.now >= self.gone_at:
            return
        if request.method == "INVITE":
            self._invited(request)
        elif request.method == "ACK":
            self._acknowledged = True
        else:
            self._say(answer_to(request, 200))
            if request.method == "CANCEL" and not self._acknowledged:
                self.status, self.rings = 487, 0.0

    def _invited(self, request: Request) -> None:
        self._say(answer_to(request, 100))
        if request.via.branch in self._branches:
            return
        self._branches.add(request.via.branch)
        self.rang += 1
        self._at(0.1, lambda: self._say(answer_to(request, 180)))
        self._at(0.2, lambda: self._decide(request, self.bench.now + self.rings))

    def _decide(self, request: Request, at: float) -> None:
        if self.status == 487 or self.bench.now >= at:
            self._finally(request, _T1, self.bench.now + _GIVE_UP)
        else:
            self._at(0.1, lambda: self._decide(request, at))

    def _finally(self, request: Request, interval: float, until: float) -> None:
        """Repeated until its ACK."""
        if self._acknowledged or self.bench.now > until:
            return
        self._say(answer_to(request, self.status))
        self._at(interval, lambda: self._finally(request, min(2 * interval, 4.0), until))


def answer_to(request: Request, status: int) -> Response:
    REASONS.setdefault(status, "Whatever")
    is_answer = request.method == "INVITE" and status == 200
    headers = (("Contact", "<sip:far@127.0.0.1:6001>"),) if is_answer else ()
    tag = "far" if status > 100 else ""
    response = make_response(request, status, FAR, to_tag=tag, headers=headers, sdp=ANSWER if is_answer else b"")
    parsed = parse_message(response.serialize())
    assert isinstance(parsed, Response)
    return parsed
