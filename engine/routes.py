"""Where each call leaves: by which trunk of its campaign's group, from which media server, and by which others after.

Trunks are taken by priority and weight; one that rests, or of which this engine has no part left on any media server
with room, is passed over. `Routes` keeps the parts leased (engine.shares) for the trunks that are in use.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Self

import structlog
from sqlalchemy import Engine

from app.core.phone import Dialled, Numbering, TrunkSite
from common import control
from common.clock import Clock
from engine import share_table
from engine.plans import TrunkPlan
from engine.shares import NOTHING, Part, Place, Shares, targets
from engine.store import Share
from engine.tuning import Tuning
from pacing.agentless import Trunk

log = structlog.get_logger()

#: Seconds a trunk's part is kept after the last job or test call asked for it.
_KEPT = 60.0
_SECOND = 1.0


@dataclass(frozen=True, slots=True)
class Port:
    """Where a call will be placed: a media server in one boot, and the trunks to try there, with our parts of them."""

    server: str
    boot_id: str
    trunks: tuple[control.Trunk, ...] = ()
    trunk_ids: tuple[int, ...] = ()
    #: What is dialled for one number by the trunks' names; where a trunk is not named, the number itself.
    dialled: Mapping[str, str] = field(default_factory=dict)

    @property
    def first_dialled(self) -> str:
        """By the trunk that is tried first; "" for the number itself."""
        return self.dialled.get(self.trunks[0].name, "") if self.trunks else ""

    def for_number(self, e164: str, numbering: Numbering, sites: Mapping[int, TrunkSite]) -> Self | None:
        """With what is dialled for this number, without the trunks that cannot dial it; None where none can."""
        kept = []
        for trunk, trunk_id in zip(self.trunks, self.trunk_ids, strict=True):
            made = numbering.dial(e164, sites[trunk_id])
            if isinstance(made, Dialled):
                kept.append((trunk, trunk_id, made.text))
        if not kept:
            return None
        dialled = {trunk.name: text for trunk, _, text in kept if text != e164}
        trunks, trunk_ids = tuple(each[0] for each in kept), tuple(each[1] for each in kept)
        return replace(self, trunks=trunks, trunk_ids=trunk_ids, dialled=dialled)


@dataclass(frozen=True, slots=True)
class Server:
    """A media server with room for so many calls of ours."""

    name: str
    boot_id: str
    free: int


@dataclass(slots=True)
class Starts:
    """Of the last second at one place; monotonic seconds."""

    at: deque[float] = field(default_factory=deque)

    def recent(self, now: float) -> int:
        while self.at and self.at[0] <= now - _SECOND:
            self.at.popleft()
        return len(self.at)


class Routes:
    """`calls_on` counts our calls that may use a place, `adopted_on` those among them begun by others;
    `on_trunk` those that went by a trunk first, by media server."""

    def __init__(
        self,
        database: Engine,
        clock: Clock,
        tuning: Tuning,
        owner: str,
        calls_on: Callable[[Place], int],
        adopted_on: Callable[[Place], int],
        on_trunk: Callable[[Place], int],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._clock = clock
        self._tuning = tuning
        self._owner = owner
        self._on_trunk = on_trunk
        self._draw = draw
        self._shares = Shares(tuning.settle, calls_on, adopted_on)
        self._starts: dict[Place, Starts] = defaultdict(Starts)
        #: Chosen, and not yet among the calls that `on_trunk` counts.
        self._pending: Counter[Place] = Counter()
        #: Trunks in use, the number of their group, and when they were asked for last.
        self._trunks: dict[int, tuple[TrunkPlan, int, float]] = {}
        #: Set when a trunk is asked for that nothing is leased of yet.
        self.wanted = asyncio.Event()

    # --- what is leased

    def use(self, group: Sequence[TrunkPlan]) -> None:
        """Calls will want to leave by these."""
        now = self._clock.monotonic()
        lead = min(trunk.id for trunk in group)
        for trunk in group:
            if trunk.id not in self._trunks:
                self.wanted.set()
            self._trunks[trunk.id] = (trunk, lead, now)

    async def lease(self, servers: Collection[str], share: Share) -> None:
        """Have our parts for a while longer, as `share` and the media servers in use have them now."""
        self.wanted.clear()
        started = self._clock.monotonic()
        for trunk_id in [key for key, (_, _, at) in self._trunks.items() if at + _KEPT < started]:
            del self._trunks[trunk_id]
        trunks = [(trunk, lead) for trunk, lead, _ in self._trunks.values()]
        aims = targets(trunks, servers, share.index, share.count)
        now, usable = self._clock.utcnow(), self._tuning.life / 2
        until = now + timedelta(seconds=usable + self._tuning.settle)
        wanted = self._shares.plan(aims, started)
        got = await asyncio.to_thread(share_table.lease, self._database, self._owner, wanted, now, until)
        self._shares.lease(aims, got, started + usable)

    async def give_back(self) -> None:
        until = self._clock.utcnow() + timedelta(seconds=self._tuning.settle)
        await asyncio.to_thread(share_table.give_back, self._database, self._owner, until)

    # --- what may leave

    def limits(self, group: Iterable[TrunkPlan], servers: Iterable[Server], now: float) -> Trunk:
        """All trunks that calls of the group may leave by at this moment, as one."""
        whole, in_progress, starts = NOTHING, 0, list[float]()
        resting = True
        for trunk in group:
            if self._rests(trunk):
                continue
            resting = False
            for server in servers:
                place = (trunk.id, server.name)
                whole += self._shares.usable(place, now)
                in_progress += self._busy(place)
                self._starts[place].recent(now)
                starts += self._starts[place].at
        return Trunk(whole.channels, whole.rate, in_progress, tuple(sorted(starts)), paused=resting)

    def choose(self, group: Sequence[TrunkPlan], servers: Iterable[Server], count: int) -> list[Port]:
        """Ports for so many calls, at most. They count as started, and as up until `launched`."""
        now = self._clock.monotonic()
        free, boots = Counter[str](), {}
        for server in servers:
            free[server.name], boots[server.name] = server.free, server.boot_id
        for (_, name), pending in self._pending.items():
            free[name] -= pending
        ports = []
        for _ in range(count):
            place = self._place(group, boots, free, now)
            if place is None:
                break
            free[place[1]] -= 1
            self._pending[place] += 1
            self._starts[place].at.append(now)
            ports.append(self._port(group, place, boots[place[1]], now))
        return ports

    def launched(self, ports: Iterable[Port]) -> None:
        """Their calls are counted elsewhere, or will not be placed."""
        self._pending.subtract((port.trunk_ids[0], port.server) for port in ports)
        self._pending = +self._pending

    def _place(
        self, group: Sequence[TrunkPlan], servers: Collection[str], free: Mapping[str, int], now: float
    ) -> Place | None:
        for trunk in self._in_order(group):
            # The server with most room that has something left of this trunk.
            for server in sorted(servers, key=lambda name: -free[name]):
                place = (trunk.id, server)
                if free[server] > 0 and self._left(place, now):
                    return place
        return None

    def _left(self, place: Place, now: float) -> bool:
        part = self._shares.usable(place, now)
        return self._busy(place) < part.channels and self._starts[place].recent(now) < part.rate

    def _busy(self, place: Place) -> int:
        return self._on_trunk(place) + self._pending[place]

    def _port(self, group: Sequence[TrunkPlan], place: Place, boot_id: str, now: float) -> Port:
        first = next(trunk for trunk in group if trunk.id == place[0])
        others = [trunk for trunk in self._in_order(group) if trunk is not first and trunk.line == first.line]
        usable = [trunk for trunk in (first, *others) if self._shares.usable((trunk.id, place[1]), now)]
        trunks = tuple(self._with_part(trunk, self._shares.usable((trunk.id, place[1]), now)) for trunk in usable)
        return Port(place[1], boot_id, trunks, tuple(trunk.id for trunk in usable))

    def _with_part(self, trunk: TrunkPlan, part: Part) -> control.Trunk:
        return replace(
            trunk.for_media_server(),
            max_channels=part.channels,
            calls_per_second=part.rate,
            name=f"{trunk.id}@{self._owner}",
        )

    def _in_order(self, group: Sequence[TrunkPlan]) -> list[TrunkPlan]:
        """By priority, and within one at random by weight; without those that rest."""
        awake = [trunk for trunk in group if not self._rests(trunk)]
        # The largest of random() ** (1 / weight) falls on each by its weight (Efraimidis and Spirakis).
        drawn = {trunk.id: (1.0 - self._draw()) ** (1.0 / trunk.weight) if trunk.weight else 0.0 for trunk in awake}
        return sorted(awake, key=lambda trunk: (trunk.priority, -drawn[trunk.id]))

    def _rests(self, trunk: TrunkPlan) -> bool:
        return trunk.paused_until is not None and trunk.paused_until > self._clock.utcnow()


def trunk_of(name: str) -> int | None:
    """The trunk's id that `Routes` named so."""
    number = name.partition("@")[0]
    return int(number) if number.isdecimal() else None
