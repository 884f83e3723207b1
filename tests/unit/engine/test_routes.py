"""Which trunk and media server a call leaves by, and which trunks rest after what media servers tell."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.clock import VirtualClock
from common.control import CallStatus, Disposition, TrunkFault
from engine.outcomes import of_call, trunk_rests, trunk_taken
from engine.plans import TrunkPlan
from engine.routes import Routes, Server, trunk_of
from engine.shares import Place, targets
from engine.tuning import Tuning
from tests.support.job_plans import NOW, PLAN

FIRST = replace(PLAN.trunk, id=1, name="first", priority=0, max_channels=20, calls_per_second=10)
SECOND = replace(FIRST, id=2, name="second", weight=3)
BACKUP = replace(FIRST, id=3, name="backup", priority=1)
GROUP = (FIRST, SECOND, BACKUP)
SERVERS = [Server("m0", "boot-0", 50), Server("m1", "boot-1", 50)]


class Bench:
    def __init__(self, *group: TrunkPlan, servers: tuple[str, ...] = ("m0", "m1")) -> None:
        unused: Any = None
        self.clock = VirtualClock(NOW)
        self.up: Counter[Place] = Counter()
        count = self.up.__getitem__
        draw = random.Random(7).random
        self.routes = Routes(unused, self.clock, Tuning(), "engine/1", count, lambda _: 0, count, draw)
        aims = targets([(trunk, 1) for trunk in group], servers, 0, 1)
        self.routes._shares.plan(aims, self.clock.monotonic())
        self.routes._shares.lease(aims, aims, self.clock.monotonic() + 3600)

    def firsts(self, group: tuple[TrunkPlan, ...], count: int) -> Counter[int]:
        return Counter(port.trunk_ids[0] for port in self.routes.choose(group, SERVERS, count))


def test_calls_leave_by_the_lowest_priority_and_within_it_by_weight() -> None:
    wide = tuple(replace(trunk, max_channels=4000, calls_per_second=2000) for trunk in GROUP)
    servers = [Server("m0", "boot-0", 5000)]
    bench = Bench(*wide, servers=("m0",))
    ports = bench.routes.choose(wide, servers, 800)
    seen = Counter(port.trunk_ids[0] for port in ports)
    assert seen[3] == 0
    assert seen[1] + seen[2] == 800
    assert 2.0 < seen[2] / seen[1] < 4.5
    assert all(port.trunk_ids[-1] == 3 and len(port.trunk_ids) == 3 for port in ports)


def test_the_next_trunk_takes_what_the_first_has_no_part_left_for() -> None:
    bench = Bench(FIRST, BACKUP)
    assert bench.firsts((FIRST, BACKUP), 25) == {1: 10, 3: 10}
    bench.clock.advance(1.01)
    # Nothing of that was launched yet: ten channels are taken on each.
    assert bench.firsts((FIRST, BACKUP), 25) == {1: 10, 3: 10}
    bench.clock.advance(1.01)
    assert bench.firsts((FIRST, BACKUP), 25) == {}


def test_a_trunk_that_rests_is_passed_over_and_no_alternative() -> None:
    resting = replace(FIRST, paused_until=NOW + timedelta(seconds=30))
    bench = Bench(resting, BACKUP)
    (port,) = bench.routes.choose((resting, BACKUP), SERVERS, 1)
    assert port.trunk_ids == (3,)
    limits = bench.routes.limits((resting, BACKUP), SERVERS, bench.clock.monotonic())
    assert (limits.channels, limits.calls_per_second, limits.paused) == (20, 10, False)
    assert bench.routes.limits((resting,), SERVERS, bench.clock.monotonic()).paused
    bench.clock.advance(31)
    assert bench.routes.limits((resting, BACKUP), SERVERS, bench.clock.monotonic()).channels == 40


def test_media_servers_are_told_our_part_and_its_name() -> None:
    bench = Bench(FIRST)
    ports = bench.routes.choose((FIRST,), SERVERS, 2)
    assert {port.server for port in ports} == {"m0", "m1"}
    for port in ports:
        (trunk,) = port.trunks
        assert (trunk.max_channels, trunk.calls_per_second) == (10, 5)
        assert trunk_of(trunk.name) == 1


def test_nothing_leaves_without_a_part_or_a_media_server() -> None:
    bench = Bench(FIRST)
    assert bench.routes.choose((SECOND,), SERVERS, 5) == []
    assert bench.routes.choose((FIRST,), [], 5) == []
    assert not bench.routes.wanted.is_set()
    bench.routes.use((SECOND,))
    assert bench.routes.wanted.is_set()


def status(*faults: TrunkFault, code: int = 503, trunk: str = "1@e", **more: Any) -> CallStatus:
    return CallStatus("a", "b", "ended", Disposition.REFUSED, code, faults=faults, trunk=trunk, **more)


PLAN_OF_GROUP = replace(PLAN, trunk=FIRST, trunks=GROUP)


@pytest.mark.parametrize(
    ("told", "rests"),
    [
        (status(TrunkFault("1@e", "503 Busy", retry_after=120)), {1: 120}),
        (status(TrunkFault("1@e", "503 Busy", retry_after=10**6)), {1: 3600}),
        (status(TrunkFault("1@e", "503 Busy")), {}),
        (status(TrunkFault("1@e", "refused", down=True), trunk="2@e", code=200), {1: 60}),
        (status(TrunkFault("99@e", "refused", down=True), TrunkFault("", "x", down=True)), {}),
        (status(code=407, trunk="2@e"), {2: 60}),
        (status(code=407, trunk=""), {1: 60}),
    ],
)
def test_trunks_rest_as_long_as_they_ask_or_while_they_are_down(told: CallStatus, rests: dict[int, float]) -> None:
    outcome = of_call(told, PLAN_OF_GROUP, NOW)
    found = trunk_rests(told, PLAN_OF_GROUP, outcome, NOW, rest=60, longest=3600)
    assert {rest.trunk: (rest.until - NOW).total_seconds() for rest in found} == rests


def test_the_trunk_of_a_status_is_one_of_the_groups() -> None:
    assert trunk_taken(status(trunk="3@e"), PLAN_OF_GROUP) == 3
    assert trunk_taken(status(trunk="9@e"), PLAN_OF_GROUP) == 1
    assert trunk_taken(status(trunk="carrier"), PLAN_OF_GROUP) == 1
