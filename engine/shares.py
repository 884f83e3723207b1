"""Which part of each trunk's limits this engine may use by which media server.

All parts are leased in one table, in which they never add up to more than the limits, whoever comes and goes; media
servers keep to the part that each call brings with it. So no counter is shared by anybody, and yet no second holds more
starts than a trunk allows. A part that gets smaller is given back only after it has been out of use for as long as a
call that was asked for before may take to leave.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

#: A trunk and a media server.
Place = tuple[int, str]


class Limited(Protocol):
    """A trunk's limits."""

    @property
    def id(self) -> int: ...
    @property
    def max_channels(self) -> int: ...
    @property
    def calls_per_second(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Calls at a time, and call starts in a second."""

    channels: int = 0
    rate: int = 0

    def __add__(self, other: Part) -> Part:
        return Part(self.channels + other.channels, self.rate + other.rate)

    def __sub__(self, other: Part) -> Part:
        return Part(max(0, self.channels - other.channels), max(0, self.rate - other.rate))

    def lesser(self, other: Part) -> Part:
        return Part(min(self.channels, other.channels), min(self.rate, other.rate))

    def greater(self, other: Part) -> Part:
        return Part(max(self.channels, other.channels), max(self.rate, other.rate))

    def __bool__(self) -> bool:
        """Whether a call can leave by it."""
        return self.channels > 0 and self.rate > 0


NOTHING = Part()


def part(whole: int, share: int, sharers: int) -> int:
    """One's part of a limit, so that all parts add up to it."""
    return whole * (share + 1) // sharers - whole * share // sharers


def spread(whole: Part, names: Collection[str]) -> dict[str, Part]:
    """Over as many of the names as can have one call a second each; the others get nothing."""
    usable = sorted(names)[: min(whole.channels, whole.rate)]
    count = len(usable)
    return {
        name: Part(part(whole.channels, index, count), part(whole.rate, index, count))
        for index, name in enumerate(usable)
    }


def granted(limit: Part, others: Part, ours: Mapping[str, Part], wanted: Mapping[str, Part]) -> dict[str, Part]:
    """What each media server gets of what we want for it: at once what it has, more only of what is left."""
    given = {server: ours.get(server, NOTHING).lesser(wish) for server, wish in wanted.items()}
    left = limit - others - sum(given.values(), NOTHING)
    for server, wish in wanted.items():
        more = (wish - given[server]).lesser(left)
        given[server] += more
        left -= more
    return given


@dataclass(slots=True)
class _Held:
    """`leased` is ours in the table, `usable` what calls may use."""

    leased: Part = NOTHING
    usable: Part = NOTHING
    #: When `usable` last got smaller.
    lowered_at: float = float("-inf")


@dataclass(slots=True)
class Shares:
    """Pure: `plan` says what to lease, `lease` hears what was got. Seconds are monotonic.

    `calls_on` counts the calls that may use a place, `adopted_on` those among them that an engine before us began:
    their channels are ours in the table, but media servers do not count them among ours.
    """

    settle: float
    calls_on: Callable[[Place], int]
    adopted_on: Callable[[Place], int]
    _held: dict[Place, _Held] = field(default_factory=dict)
    _until: float = float("-inf")

    def usable(self, place: Place, now: float) -> Part:
        held = self._held.get(place)
        if held is None or now >= self._until:
            return NOTHING
        return held.usable - Part(self.adopted_on(place), 0)

    def plan(self, targets: Mapping[Place, Part], now: float) -> dict[Place, Part]:
        """What to lease for these aims. From now on no call uses more than its aim."""
        wanted = {}
        for place in {**self._held, **targets}:
            held, target = self._held.setdefault(place, _Held()), targets.get(place, NOTHING)
            lowered = held.usable.lesser(target)
            if lowered != held.usable:
                held.usable, held.lowered_at = lowered, now
            settled = now >= held.lowered_at + self.settle
            keep = Part(min(held.leased.channels, self.calls_on(place)), 0) if settled else held.leased
            wanted[place] = target.greater(keep).greater(Part(self.adopted_on(place), 0))
        return wanted

    def lease(self, targets: Mapping[Place, Part], got: Mapping[Place, Part], until: float) -> None:
        """`until`: no call uses any of it after that, unless it is leased anew."""
        self._until = until
        for place in tuple(self._held):
            held = self._held[place]
            held.leased = got.get(place, NOTHING)
            held.usable = held.leased.lesser(targets.get(place, NOTHING))
            if held.leased == NOTHING and place not in targets:
                del self._held[place]


def targets(
    trunks: Iterable[tuple[Limited, int]], servers: Collection[str], index: int, count: int
) -> dict[Place, Part]:
    """What one engine of several aims at. Each trunk comes with its group's number: where a limit is smaller than the
    number of engines, one engine has it whole, the same for all of a group."""
    aims = {}
    for trunk, group in trunks:
        limit = Part(trunk.max_channels, trunk.calls_per_second)
        if min(limit.channels, limit.rate) >= count:
            limit = Part(part(limit.channels, index, count), part(limit.rate, index, count))
        elif group % count != index:
            limit = NOTHING
        for server, share in spread(limit, servers).items():
            aims[trunk.id, server] = share
    return aims
