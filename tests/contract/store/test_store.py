"""What every AttemptStore promises."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

from engine.store import EVERYTHING, Claimed, FinishedAttempt, Hold, NewAttempt, Next, Outcome, Parked, Progress, Share
from tests.contract.store.conftest import CONTACTS, World
from tests.support.job_rows import START

NOW = START + timedelta(seconds=1)
UNTIL = NOW + timedelta(seconds=60)
LATER = NOW + timedelta(minutes=5)


def claim(world: World, owner: str = "one", limit: int = 5, share: Share = EVERYTHING) -> list[Claimed]:
    return world.store.claim(world.job_id, owner, NOW, UNTIL, limit, share)


def attempt_of(contact: Claimed, owner: str = "one", number: int = 0, address: str = "") -> NewAttempt:
    return NewAttempt(
        id=f"attempt-{contact.id}-{contact.attempt_count + 1}",
        organization_id=contact.organization_id,
        job_id=contact.job_id,
        job_contact_id=contact.id,
        contact_id=contact.contact_id,
        address_id=None,
        number=number or contact.attempt_count + 1,
        channel="voice",
        action="call/voice",
        address=address or f"+120255501{contact.contact_id:02d}",
        sender="+12025550101",
        owner=owner,
        started_at=NOW,
        boot_id="boot-1",
        digest="d" * 64,
        dialled="912025550100",
    )


def finish_of(attempt: NewAttempt, code: str = "CALL_BUSY", final: str = "") -> FinishedAttempt:
    return FinishedAttempt(
        attempt.id,
        attempt.job_contact_id,
        attempt.contact_id,
        attempt.number,
        Outcome(code, LATER, "refused", 486, "Busy Here", result={"exit": {"a": 1}}, trace=[{"kind": "sip"}]),
        Next(LATER, {"handler": "call"}, code, final),
    )


def begun(world: World, limit: int = 3) -> list[NewAttempt]:
    attempts = [attempt_of(contact) for contact in claim(world, limit=limit)]
    assert world.store.begin(attempts, NOW) == {attempt.id for attempt in attempts}
    return attempts


def test_claims_the_longest_due_first_and_each_once(world: World) -> None:
    first, second = claim(world, "one"), claim(world, "two")
    assert [contact.id for contact in first] == [1, 2, 3, 4, 5]
    assert [contact.id for contact in second] == [6, 7, 8, 9, 10]
    assert first[0].strategy_state == {}
    assert world.contact(1) == ("leased", "")


def test_claims_only_what_is_due(world: World) -> None:
    assert world.store.claim(world.job_id, "one", START - timedelta(seconds=1), UNTIL, 5) == []
    assert world.store.claim(world.job_id + 1, "one", NOW, UNTIL, 5) == []


def test_engines_that_share_lanes_claim_apart(world: World) -> None:
    even = claim(world, "one", CONTACTS, Share(0, 2))
    odd = claim(world, "two", CONTACTS, Share(1, 2))
    assert {contact.id % 2 for contact in even} == {0}
    assert len(even) + len(odd) == CONTACTS


def test_workers_at_the_same_time_never_claim_the_same_contact(world: World) -> None:
    taken: list[int] = []
    lock = threading.Lock()

    def work(owner: str) -> None:
        while rows := world.store.claim(world.job_id, owner, NOW, UNTIL, 3):
            with lock:
                taken.extend(row.id for row in rows)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, CONTACTS + 1))


def test_an_attempt_is_recorded_before_it_may_leave(world: World) -> None:
    attempts = begun(world)
    assert world.attempt(attempts[0].id) == ("in_progress", "ATTEMPT_IN_PROGRESS")
    assert world.contact(attempts[0].job_contact_id)[0] == "attempting"


def test_refuses_an_attempt_whose_lease_ran_out(world: World) -> None:
    late = [attempt_of(contact) for contact in claim(world)]
    assert world.store.begin(late, UNTIL + timedelta(seconds=1)) == set()
    assert world.contact(1)[0] == "leased"


def test_refuses_an_attempt_after_the_reaper_took_the_contact_back(world: World) -> None:
    stale = [attempt_of(contact) for contact in claim(world, "one", 2)]
    assert world.store.reap(UNTIL + timedelta(seconds=1)) == 2
    claim(world, "two", 2)
    assert world.store.begin(stale, NOW) == set()
    assert world.contact(1)[0] == "leased"


def test_refuses_attempts_of_a_job_that_no_longer_runs(world: World) -> None:
    attempts = [attempt_of(contact) for contact in claim(world)]
    world.rest()
    assert world.store.begin(attempts, NOW) == set()


def test_a_contact_is_begun_once_for_a_claim(world: World) -> None:
    (contact,) = claim(world, limit=1)
    assert len(world.store.begin([attempt_of(contact)], NOW)) == 1
    assert world.store.begin([attempt_of(contact)], NOW) == set()


def test_an_address_has_one_attempt_in_progress_at_most(world: World) -> None:
    first, second, third = claim(world, limit=3)
    same = "+12025550199"
    together = [attempt_of(first, address=same), attempt_of(second, address=same), attempt_of(third)]
    assert world.store.begin(together, NOW) == {together[0].id, together[2].id}
    assert world.contact(second.id)[0] == "leased"
    assert world.store.begin([together[1]], NOW) == set()
    world.store.finish([finish_of(together[0])], NOW)
    assert world.store.begin([together[1]], NOW) == {together[1].id}


def test_engines_at_the_same_time_never_begin_two_attempts_to_an_address(world: World) -> None:
    addresses = [f"+120255502{number:02d}" for number in range(5)]
    claims = {owner: claim(world, owner, 10) for owner in ("one", "two")}
    begun: dict[str, set[str]] = {}

    def work(owner: str, order: int) -> None:
        attempts = [
            attempt_of(contact, owner, address=address)
            for contact, address in zip(claims[owner], addresses[::order], strict=False)
        ]
        begun[owner] = world.store.begin(attempts, NOW)

    threads = [threading.Thread(target=work, args=pair) for pair in (("one", 1), ("two", -1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun["one"]) + len(begun["two"]) == len(addresses)


def test_an_outcome_and_what_follows_are_recorded_together(world: World) -> None:
    retried, closed, _ = begun(world)
    world.store.finish([finish_of(retried), finish_of(closed, "ANSWER_HUMAN", "ANSWER_HUMAN")], LATER)
    assert world.attempt(retried.id) == ("done", "CALL_BUSY")
    assert world.contact(retried.job_contact_id) == ("ready", "")
    assert world.contact(closed.job_contact_id) == ("done", "ANSWER_HUMAN")
    again = world.store.claim(world.job_id, "one", LATER, LATER, 50)
    mine = next(contact for contact in again if contact.id == retried.job_contact_id)
    assert mine.attempt_count == 1
    assert mine.strategy_state == {"handler": "call"}
    assert mine.last_code == "CALL_BUSY"


def test_a_second_outcome_changes_nothing(world: World) -> None:
    (attempt, *_) = begun(world)
    world.store.finish([finish_of(attempt)], LATER)
    (contact,) = [row for row in world.store.claim(world.job_id, "one", LATER, LATER, 50) if row.attempt_count == 1]
    world.store.finish([finish_of(attempt, "ANSWER_HUMAN", "ANSWER_HUMAN")], LATER)
    assert world.attempt(attempt.id) == ("done", "CALL_BUSY")
    assert world.contact(contact.id) == ("leased", "")
    again = attempt_of(contact)
    assert world.store.begin([again], LATER) == {again.id}
    world.store.finish([finish_of(attempt, "ANSWER_HUMAN", "ANSWER_HUMAN")], LATER)
    assert world.contact(contact.id) == ("attempting", "")


def test_an_opt_out_is_listed_with_its_outcome_and_once(world: World) -> None:
    leaving, staying, _ = begun(world)
    gone = replace(finish_of(leaving, "AGENT_DNC", "AGENT_DNC"), opts_out=True)
    world.store.finish([finish_of(staying), gone], LATER)
    said = {(str(leaving.contact_id), leaving.id)}
    assert world.opt_outs() == said
    assert world.attempt(leaving.id) == ("done", "AGENT_DNC")
    assert world.contact(leaving.job_contact_id) == ("done", "AGENT_DNC")
    assert world.attempt(staying.id) == ("done", "CALL_BUSY")
    world.store.finish([gone], LATER)
    world.store.finish([replace(finish_of(staying), opts_out=True)], LATER)
    assert world.opt_outs() == said


def test_a_refusal_of_the_gate_parks_the_contact(world: World) -> None:
    held, closed, foreign = claim(world, limit=3)
    hold = Hold("RESTRICTED_TIME", "outside", LATER)
    gone = Next(NOW, {}, "IN_DNC_LIST", "IN_DNC_LIST")
    world.store.park("one", [Parked(held.id, Next(LATER, {}), hold), Parked(closed.id, gone)], NOW)
    world.store.park("two", [Parked(foreign.id, gone)], NOW)
    assert world.contact(held.id) == ("ready", "")
    assert world.contact(closed.id) == ("done", "IN_DNC_LIST")
    assert world.contact(foreign.id) == ("leased", "")
    assert held.id not in [contact.id for contact in claim(world, limit=50)]


def test_leases_are_given_back_by_name_or_all(world: World) -> None:
    contacts = claim(world, "one", 4)
    claim(world, "two", 2)
    assert world.store.release("one", [contacts[0].id]) == 1
    assert world.store.release("one", []) == 0
    assert world.store.release("one") == 3
    assert world.store.release("one") == 0
    assert world.contact(5)[0] == "leased"


def test_the_reaper_takes_only_what_ran_out(world: World) -> None:
    claim(world, limit=4)
    assert world.store.reap(NOW) == 0
    assert world.store.reap(UNTIL + timedelta(seconds=1), limit=3) == 3
    assert world.store.reap(UNTIL + timedelta(seconds=1)) == 1


def test_the_reaper_takes_what_a_dead_engine_held(world: World) -> None:
    claim(world, "one", 2)
    claim(world, "two", 3)
    assert world.store.owners() == {"one", "two"}
    assert world.store.reap(NOW, {"three"}) == 0
    assert world.store.reap(NOW, {"one"}) == 2
    assert world.store.reap(NOW, {"two", "three"}) == 3
    assert world.store.owners() == set()


def test_attempts_of_a_dead_engine_are_adopted_once(world: World) -> None:
    attempts = begun(world)
    world.store.finish([finish_of(attempts[0])], LATER)
    assert world.store.owners() == {"one"}
    assert world.store.adopt(set(), "two") == []
    assert world.store.adopt({"three"}, "two") == []
    adopted = world.store.adopt({"one"}, "two", limit=1)
    adopted += world.store.adopt({"one", "three"}, "two")
    assert {item.attempt.id for item in adopted} == {attempt.id for attempt in attempts[1:]}
    assert adopted[0].attempt.boot_id == "boot-1"
    assert adopted[0].attempt.digest == "d" * 64
    assert adopted[0].attempt.dialled == "912025550100"
    assert adopted[0].attempt.owner == "two"
    assert adopted[0].attempt.started_at == NOW
    assert adopted[0].strategy_state == {}
    assert world.store.adopt({"one"}, "three") == []
    assert world.store.owners() == {"two"}


def test_progress_is_noted(world: World) -> None:
    (attempt, *_) = begun(world)
    world.store.progress([Progress(attempt.id, ringing_at=NOW), Progress(attempt.id, answered_at=NOW)])
    assert world.attempt(attempt.id) == ("in_progress", "ATTEMPT_IN_PROGRESS")


def test_empty_batches_are_fine(world: World) -> None:
    world.store.progress([])
    world.store.finish([], NOW)
    world.store.park("one", [], NOW)
    assert world.store.begin([], NOW) == set()
