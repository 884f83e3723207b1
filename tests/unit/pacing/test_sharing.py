"""Jobs that share ports and calls per second: nobody gets too much, nobody starves."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.campaigns import checked_pacing
from common.errors import Refused
from pacing.agentless import Pacing
from pacing.sharing import Claim, Turns, allot, assign

claims = st.builds(
    Claim,
    wanted=st.integers(0, 50),
    weight=st.sampled_from([0.5, 1.0, 3.0]),
    priority=st.integers(0, 2),
    reserved=st.integers(0, 20),
    minimum=st.integers(0, 20),
    most=st.none() | st.integers(0, 40),
)


@settings(max_examples=80)
@given(st.integers(0, 80), st.dictionaries(st.integers(0, 8), claims, max_size=6))
def test_no_more_is_given_than_there_is_is_wanted_or_is_allowed(capacity: int, asked: dict[int, Claim]) -> None:
    given_ = allot(capacity, asked)
    assert given_.keys() == asked.keys()
    assert sum(given_.values()) <= capacity
    assert all(0 <= given_[job] <= claim.useful for job, claim in asked.items())
    kept_free = sum(max(0, claim.reserved - given_[job]) for job, claim in asked.items())
    if any(given_[job] < claim.useful for job, claim in asked.items()):
        assert sum(given_.values()) + kept_free >= capacity


@settings(max_examples=40)
@given(st.integers(2, 80), st.integers(1, 60), st.integers(1, 60))
def test_a_low_priority_never_starves(capacity: int, high: int, low: int) -> None:
    given_ = allot(capacity, {"high": Claim(high, priority=2), "low": Claim(low)})
    assert given_["low"] >= 1


def test_ports_are_shared_by_weight_and_what_one_cannot_use_goes_to_the_others() -> None:
    assert allot(40, {"a": Claim(100, weight=3), "b": Claim(100)}) == {"a": 30, "b": 10}
    assert allot(40, {"a": Claim(5, weight=3), "b": Claim(100)}) == {"a": 5, "b": 35}


def test_what_is_reserved_stays_free_for_its_job_and_what_is_dynamic_does_not() -> None:
    assert allot(30, {"kept": Claim(0, reserved=10), "other": Claim(100)}) == {"kept": 0, "other": 20}
    assert allot(30, {"kept": Claim(50, reserved=10, most=12), "other": Claim(100)})["kept"] == 12


def test_reserved_ports_that_are_not_there_are_shared_by_weight() -> None:
    assert allot(8, {"a": Claim(9, weight=3, reserved=9), "b": Claim(9, reserved=9)}) == {"a": 6, "b": 2}


def test_starts_are_shared_by_weight_over_time() -> None:
    turns: Turns[str] = Turns()
    jobs = {"heavy": Claim(1, weight=3.0), "light": Claim(1)}
    started = dict.fromkeys(jobs, 0)
    for _ in range(400):
        first = turns.order(jobs.items())[0]
        turns.took(first, 1, jobs[first])
        started[first] += 1
    assert started == {"heavy": pytest.approx(300, abs=2), "light": pytest.approx(100, abs=2)}


def test_a_job_of_higher_priority_starts_ten_times_as_often() -> None:
    turns: Turns[str] = Turns()
    jobs = {"high": Claim(1, priority=1), "low": Claim(1)}
    firsts = []
    for _ in range(110):
        firsts.append(turns.order(jobs.items())[0])
        turns.took(firsts[-1], 1, jobs[firsts[-1]])
    assert firsts.count("low") == pytest.approx(10, abs=1)


def test_who_wanted_nothing_for_an_hour_does_not_take_every_turn_afterwards() -> None:
    turns: Turns[str] = Turns()
    jobs = {"busy": Claim(1), "idle": Claim(1)}
    for _ in range(1_000):
        turns.order([("busy", jobs["busy"])])
        turns.took("busy", 1, jobs["busy"])
    firsts = []
    for _ in range(20):
        firsts.append(turns.order(jobs.items())[0])
        turns.took(firsts[-1], 1, jobs[firsts[-1]])
    # A few starts are saved up, for pacers that want them at once.
    assert firsts.count("idle") == pytest.approx(10, abs=3), (
        "a few starts are saved up, for pacers that want them at once"
    )


def test_a_slow_job_is_no_starting_point_for_one_that_comes_later() -> None:
    """`slow` starts one in ten rounds by its own pacing: `late` begins where `busy` stands, not where `slow` does."""
    turns: Turns[str] = Turns()
    jobs = {"busy": Claim(1), "slow": Claim(1), "late": Claim(1)}
    for number in range(1_000):
        turns.order([(job, jobs[job]) for job in ("busy", "slow")])
        turns.took("busy", 1, jobs["busy"])
        turns.took("slow", number % 10 == 0, jobs["slow"])
    started = dict.fromkeys(jobs, 0)
    for _ in range(60):
        first = next(job for job in turns.order(jobs.items()) if job != "slow")
        turns.took(first, 1, jobs[first])
        started[first] += 1
    assert started["busy"] == pytest.approx(30, abs=4)


def test_jobs_on_other_trunks_do_not_move_the_turns() -> None:
    turns: Turns[str] = Turns()
    jobs = {"heavy": Claim(1, weight=3.0, trunks=1), "light": Claim(1, trunks=1), "fast": Claim(1, trunks=2)}
    started = dict.fromkeys(jobs, 0)
    for _ in range(400):
        turns.took("fast", 20, jobs["fast"])
        first = next(job for job in turns.order(jobs.items()) if job != "fast")
        turns.took(first, 1, jobs[first])
        started[first] += 1
    assert started["heavy"] == pytest.approx(300, abs=3)


def test_the_lowest_of_many_priorities_still_gets_a_hundredth_of_the_starts() -> None:
    turns: Turns[int] = Turns()
    jobs = {priority: Claim(1, priority=priority) for priority in range(10)}
    firsts = []
    for _ in range(1_000):
        firsts.append(turns.order(jobs.items())[0])
        turns.took(firsts[-1], 1, jobs[firsts[-1]])
    assert firsts.count(0) >= 8
    assert firsts.count(9) > 800


def _turns(turns: Turns[str], jobs: Mapping[str, Claim], rounds: int, trunks: int = 1) -> list[str]:
    """Who starts on these trunks, one a round."""
    firsts = []
    for _ in range(rounds):
        firsts.append(next(job for job in turns.order(jobs.items()) if jobs[job].trunks == trunks))
        turns.took(firsts[-1], 1, jobs[firsts[-1]])
    return firsts


def test_priorities_on_other_trunks_do_not_level_those_on_these() -> None:
    here = {"high": Claim(1, priority=5, trunks=1), "low": Claim(1, trunks=1)}
    there = {"nine": Claim(1, priority=9, trunks=2), "eight": Claim(1, priority=8, trunks=2)}
    assert _turns(Turns(), {**here, **there}, 110).count("low") == pytest.approx(10, abs=1)


@pytest.mark.parametrize("others", [{"high": 9}, {"high": 9, "middle": 5}])
@pytest.mark.parametrize("rounds", [1, 2, 30, 115])
def test_two_low_jobs_take_turns_whenever_higher_ones_end_or_come(rounds: int, others: dict[str, int]) -> None:
    turns: Turns[str] = Turns()
    low = {"one": Claim(1, trunks=1), "two": Claim(1, trunks=1)}
    high = {job: Claim(1, priority=priority, trunks=1) for job, priority in others.items()}
    for jobs, times in (({**low, **high}, rounds), (low, 21), ({**low, **high}, 230), (low, 21)):
        firsts = _turns(turns, jobs, times)
        assert firsts.count("one") == pytest.approx(firsts.count("two"), abs=1)


def test_agents_go_by_the_priorities_of_the_jobs_they_can_work_for() -> None:
    others = {"nine": Claim(99, priority=9), "eight": Claim(99, priority=8)}
    jobs = {**others, "one": Claim(99, priority=1), "none": Claim(99)}
    assert assign([(22, {"one", "none"})], jobs) == [{"one": 20, "none": 2}]


def test_a_minimum_goes_before_weights_and_is_lent_while_nobody_wants_it() -> None:
    assert allot(40, {"a": Claim(100, weight=9), "b": Claim(100, minimum=20)})["b"] == 22
    assert allot(40, {"a": Claim(100, weight=9), "b": Claim(0, minimum=20)})["a"] == 40
    assert allot(40, {"a": Claim(100, priority=5), "b": Claim(100, minimum=10)})["b"] == 13


skills = st.lists(st.tuples(st.integers(0, 12), st.sets(st.integers(0, 4))), max_size=4)


@settings(max_examples=50)
@given(skills, st.dictionaries(st.integers(0, 4), claims, max_size=4))
def test_agents_are_assigned_once_to_jobs_they_can_work_for(
    groups: list[tuple[int, set[int]]], asked: dict[int, Claim]
) -> None:
    assigned = assign(groups, asked)
    for (count, able), given_ in zip(groups, assigned, strict=True):
        assert sum(given_.values()) <= count
        assert set(given_) <= able & asked.keys()
    for job, claim in asked.items():
        total = sum(given_.get(job, 0) for given_ in assigned)
        assert total <= max(claim.useful, claim.reserved)


@settings(max_examples=30)
@given(st.lists(claims, min_size=1, max_size=4), st.integers(0, 60))
def test_in_one_pool_reserved_agents_are_granted_and_nobody_starves(asked: list[Claim], agents: int) -> None:
    jobs = dict(enumerate(asked))
    given_ = assign([(agents, jobs)], jobs)[0]
    if agents >= sum(max(claim.reserved, 1) for claim in asked):
        assert all(given_.get(job, 0) >= claim.reserved for job, claim in jobs.items())
        assert all(given_.get(job) for job, claim in jobs.items() if claim.useful)


@pytest.mark.parametrize("others", [{}, {"other": Claim(9)}])
def test_a_maximum_holds_alone_and_among_others(others: dict[str, Claim]) -> None:
    turns: Turns[str] = Turns()
    ports: dict[str, int] = {}
    turns.go_round(40, {"one": Claim(9, most=3), **others}, {"one"}, lambda job, mine: ports.update({job: mine}) or 0)
    assert ports == {"one": 3}


def test_each_job_has_an_agent_before_a_minimum_is_filled() -> None:
    jobs = {"kept": Claim(0, reserved=8), "one": Claim(1, weight=0.5), "three": Claim(3, weight=3.0, minimum=3)}
    assert assign([(10, jobs)], jobs) == [{"kept": 8, "one": 1, "three": 1}]


def test_agents_are_assigned_by_weight_over_what_their_skills_allow() -> None:
    jobs = {"a": Claim(99), "b": Claim(99)}
    assert assign([(20, {"a", "b"}), (5, {"a"})], jobs) == [{"a": 8, "b": 12}, {"a": 5}]


@pytest.mark.parametrize("wrong", [{"wanted": -1}, {"wanted": 1, "weight": 0.0}, {"wanted": 1, "most": -2}])
def test_a_claim_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Refused):
        Claim(**wrong)


def test_a_campaign_says_how_its_job_stands_among_others() -> None:
    body = checked_pacing({"mode": "none", "priority": 2, "weight": 3, "reserved": 0, "minimum": 4, "maximum": 9})
    assert body == {"mode": "none", "priority": 2, "weight": 3, "minimum": 4, "maximum": 9}
    pacing = Pacing.from_json(body)
    assert (pacing.priority, pacing.weight, pacing.reserved, pacing.minimum, pacing.most) == (2, 3.0, 0, 4, 9)
    assert Pacing.from_json({"mode": "ports", "ports": 12, "maximum": 7}).most == 7


@pytest.mark.parametrize(
    "wrong", [{"priority": 10}, {"priority": -1}, {"weight": 0}, {"reserved": 2.5}, {"minimum": -1}]
)
def test_a_campaign_that_asks_for_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    field = next(iter(wrong))
    with pytest.raises(Refused, match=field):
        checked_pacing({"mode": "none", **wrong})
    with pytest.raises(Refused, match=field):
        Pacing.from_json({"mode": "none", **wrong})


@pytest.mark.parametrize("kept", ["reserved", "minimum"])
@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"mode": "none", "maximum": 5}, "maximum"),
        ({"mode": "timed", "rate": 2, "maximum": 5}, "maximum"),
        ({"mode": "ports", "ports": 5}, "ports"),
        ({"mode": "ports", "ports": 5, "maximum": 7}, "ports"),
        ({"mode": "ports", "ports": 7, "maximum": 5}, "maximum"),
    ],
)
def test_more_ports_kept_than_the_job_may_have_are_refused_by_both_fields(
    limits: dict[str, object], named: str, kept: str
) -> None:
    with pytest.raises(Refused, match=f"pacing {kept}: give 5 or less, as pacing {named} says, or raise"):
        checked_pacing({**limits, kept: 6})
    with pytest.raises(Refused, match=rf"pacing\.{kept}: give 5 or less, as pacing\.{named} says, or raise"):
        Pacing.from_json({**limits, kept: 6})
    assert Pacing.from_json(checked_pacing({**limits, kept: 5})).most == 5
