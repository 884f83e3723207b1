"""Which trunk and media server a call leaves by, and which trunks rest after what media servers tell."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.core.phone import DialingRule, Numbering, TrunkSite
from common.clock import VirtualClock
from common.control import CallStatus, Disposition, Trunk, TrunkFault
from engine.outcomes import of_call, trunk_rests, trunk_taken, with_dialled
from engine.plans import TrunkPlan
from engine.routes import Port, Routes, Server, trunk_of
from engine.shares import Place, targets
from engine.store import NewAttempt, Outcome
from engine.tuning import Tuning
from tests.support.job_plans import NOW, PLAN

FIRST = replace(PLAN.trunk, id=1, name="first", priority=0, max_channels=20, calls_per_second=10)
SECOND = replace(FIRST, id=2, name="second", weight=3)
BACKUP = replace(FIRST, id=3, name="backup", priority=1)
GROUP = (FIRST, SECOND, BACKUP)
NUMBER = "+12125550100"
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


def test_a_port_dials_each_number_in_its_trunks_way_and_leaves_out_those_that_cannot() -> None:
    first, second = (Trunk("127.0.0.1", name=name) for name in ("1@e", "2@e"))
    port = Port("m0", "boot", (first, second), (1, 2))
    sites = {1: TrunkSite(1, "US"), 2: TrunkSite(2, "GB")}
    plain = Numbering((DialingRule("r", trunk_id=2, written="digits", prepend="77"),))
    made = port.for_number(NUMBER, plain, sites)
    assert made is not None
    assert (made.trunk_ids, dict(made.dialled), made.first_dialled) == ((1, 2), {"2@e": "7712125550100"}, "")
    extension = Numbering((DialingRule("r", trunk_id=1, strip_prefix="+1212555010"),))
    made = port.for_number(NUMBER, extension, sites)
    assert made is not None
    assert (made.trunks, made.trunk_ids, dict(made.dialled)) == ((second,), (2,), {})
    assert port.for_number(NUMBER, Numbering((DialingRule("r", strip=11),)), sites) is None


def test_what_another_trunk_dialled_is_told_by_the_result() -> None:
    attempt = NewAttempt("a", 1, 1, 1, 1, 1, 1, "voice", "call", NUMBER, "", "me", NOW, dialled="912125550100")
    outcome, dialled = Outcome("ANSWER_HUMAN", NOW, result={"dtmf": "1"}), {"1@e": "912125550100", "2@e": "8"}
    assert with_dialled(outcome, attempt, dialled, "1@e") is outcome
    assert with_dialled(outcome, attempt, {}, "1@e") is outcome
    assert with_dialled(outcome, attempt, dialled, "2@e").result == {"dtmf": "1", "dialled": "8"}
    assert with_dialled(outcome, attempt, dialled, "3@e").result == {"dtmf": "1", "dialled": NUMBER}
