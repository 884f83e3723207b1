"""Parts of trunks' limits: whatever engines and media servers come and go, no second holds more than a trunk allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.shares import NOTHING, Part, Place, Shares, granted, part, spread, targets
from mediaserver.switch.sip.limits import PATIENCE, WINDOW, TrunkLimits

LIFE, SETTLE, TICK = 3.0, PATIENCE + WINDOW + 0.5, 0.25


@dataclass(frozen=True)
class Limits:
    id: int
    max_channels: int
    calls_per_second: int


@given(st.integers(0, 1000), st.integers(1, 12))
def test_the_parts_of_a_limit_add_up_to_it(whole: int, sharers: int) -> None:
    parts = [part(whole, share, sharers) for share in range(sharers)]
    assert sum(parts) == whole
    assert max(parts) - min(parts) <= 1


parts = st.builds(Part, st.integers(0, 12), st.integers(0, 12))


@given(parts, parts, st.dictionaries(st.sampled_from("abc"), parts), st.dictionaries(st.sampled_from("abc"), parts))
def test_what_is_granted_fits_beside_what_others_have(
    limit: Part, others: Part, ours: dict[str, Part], wanted: dict[str, Part]
) -> None:
    given_out = granted(limit, others, ours, wanted)
    total = sum(given_out.values(), others)
    kept = sum((ours.get(server, NOTHING).lesser(wish) for server, wish in wanted.items()), others)
    assert total.channels <= max(limit.channels, kept.channels)
    assert total.rate <= max(limit.rate, kept.rate)
    assert all(given_out[server].lesser(wanted[server]) == given_out[server] for server in wanted)


@given(parts, st.sets(st.sampled_from("abcdef")))
def test_a_part_is_spread_whole_over_servers_that_can_use_theirs(whole: Part, names: set[str]) -> None:
    shares = spread(whole, names)
    assert all(shares.values())
    if names and whole:
        assert sum(shares.values(), NOTHING) == whole


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(0, 3))
def test_the_engines_aims_add_up_to_the_limits(channels: int, rate: int, engines: int, group: int) -> None:
    trunk = Limits(7, channels, rate)
    aims = [targets([(trunk, group)], ["a", "b"], index, engines) for index in range(engines)]
    total = sum((share for aim in aims for share in aim.values()), NOTHING)
    assert total == Part(channels, rate)


@dataclass
class Table:
    """As engine.shares_table keeps it: (owner, server) to a part and its end; calls outlive their engine."""

    limit: Part
    calls: Callable[[str, str], int]
    rows: dict[tuple[str, str], tuple[Part, float]] = field(default_factory=dict)

    def lease(self, owner: str, wanted: dict[Place, Part], now: float, until: float) -> dict[Place, Part]:
        for key, (held, end) in tuple(self.rows.items()):
            if end <= now:
                self.rows[key] = Part(min(held.channels, self.calls(*key)), 0), end
        others = sum((held for (whose, _), (held, _) in self.rows.items() if whose != owner), NOTHING)
        ours = {server: held for (whose, server), (held, _) in self.rows.items() if whose == owner}
        got = granted(self.limit, others, ours, {server: wish for (_, server), wish in wanted.items()})
        self.rows = {key: row for key, row in self.rows.items() if key[0] != owner}
        self.rows.update({(owner, server): (held, until) for server, held in got.items() if held != NOTHING})
        return {(1, server): held for server, held in got.items()}


class Engine:
    def __init__(self, name: str, floor: Floor) -> None:
        self.name, self.floor = name, floor
        self.shares = Shares(SETTLE, lambda place: len(floor.limits_of(name, place[1])), lambda _: 0)

    def renew(self, index: int, count: int, servers: list[str], now: float) -> None:
        trunk = Limits(1, self.floor.table.limit.channels, self.floor.table.limit.rate)
        aims = targets([(trunk, 1)], servers, index, count)
        got = self.floor.table.lease(self.name, self.shares.plan(aims, now), now, now + LIFE + SETTLE)
        self.shares.lease(aims, got, now + LIFE)

    def call(self, server: str, now: float) -> None:
        """As greedy as can be: as often as it may."""
        usable = self.shares.usable((1, server), now)
        if usable:
            limits = self.floor.limits_of(self.name, server)
            limits.max_channels, limits.calls_per_second = usable.channels, usable.rate
            limits.ask(self.floor.new_call(), now)


class Floor:
    """A trunk, and what leaves by it."""

    def __init__(self, limit: Part) -> None:
        self.table = Table(limit, lambda engine, server: len(self.limits_of(engine, server)))
        self.servers: dict[tuple[str, str], TrunkLimits] = {}
        self.starts: list[float] = []
        self.up: Counter[str] = Counter()
        self._calls = 0

    def new_call(self) -> str:
        self._calls += 1
        return str(self._calls)

    def limits_of(self, engine: str, server: str) -> TrunkLimits:
        return self.servers.setdefault((engine, server), TrunkLimits(0, 0))

    def let_start(self, now: float, end: int) -> None:
        for key, limits in self.servers.items():
            started, _ = limits.take(now)
            self.starts += [now] * len(started)
            for call in [*limits._up][:end]:
                limits.release(call)
            self.up[str(key)] = len(limits._up)


steps = st.tuples(
    st.sets(st.sampled_from(["e0", "e1", "e2"])),
    st.sets(st.sampled_from(["m0", "m1", "m2"]), min_size=1),
    st.integers(0, 3),
    st.integers(1, 12),
)


@settings(max_examples=60)
@given(st.integers(1, 6), st.integers(1, 9), st.lists(steps, min_size=1, max_size=8))
def test_no_second_holds_more_starts_than_the_trunk_allows_whoever_comes_and_goes(
    rate: int, channels: int, story: list[tuple[set[str], set[str], int, int]]
) -> None:
    floor = Floor(Part(channels, rate))
    engines = {name: Engine(name, floor) for name in ("e0", "e1", "e2")}
    now = 100.0
    for alive, servers, ending, ticks in story:
        for tick in range(ticks * 4):
            now += TICK
            for name in sorted(alive):
                if tick % 4 == 0:
                    engines[name].renew(sorted(alive).index(name), len(alive), sorted(servers), now)
                for server in sorted(servers):
                    engines[name].call(server, now)
            floor.let_start(now, ending)
            assert sum(floor.up.values()) <= channels
    starts = floor.starts
    assert all(later - first > 1.0 for first, later in zip(starts, starts[rate:], strict=False))


def test_a_part_that_nobody_uses_any_more_comes_to_who_can_use_it() -> None:
    floor = Floor(Part(10, 10))
    first, second = Engine("e0", floor), Engine("e1", floor)
    first.renew(0, 1, ["m0", "m1"], 100.0)
    assert first.shares.usable((1, "m0"), 100.0) == Part(5, 5)
    for tick in range(12):
        first.renew(0, 2, ["m0", "m1"], 101.0 + tick)
        second.renew(1, 2, ["m0", "m1"], 101.0 + tick)
        both = [
            engine.shares.usable((1, server), 101.0 + tick) for engine in (first, second) for server in ("m0", "m1")
        ]
        assert sum(both, NOTHING).lesser(Part(10, 10)) == sum(both, NOTHING)
    assert sum(both, NOTHING) == Part(10, 10)
    assert first.shares.usable((1, "m0"), 112.0 + LIFE) == NOTHING
