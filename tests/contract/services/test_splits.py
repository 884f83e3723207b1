"""Lists split by conditions and into shares: everybody is in one part, crashes change nothing, and it is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, func, insert, select, text, update
from sqlalchemy.exc import OperationalError

from app import bulk
from app.core.audience import BadCondition, Condition, Filter, Group, Operator
from app.db import read_transaction, write_transaction
from app.models import Address, AuditEntry, Campaign, Contact, ContactExclusion, ContactList, ContactName, ListChange
from app.security.access import Actor
from app.services import contact_push, exclusions, list_changes, lists
from app.services.list_changes import Part, Plan
from app.services.list_changes.working import SILENCE, work_next
from common.clock import utcnow
from common.errors import Refused
from tests.support.organizations import World, build

ROOT = Actor.system()


def whose(value: str, operator: Operator = Operator.EQUALS) -> Filter:
    return Filter((Group((Condition("first_name", operator, value),)),))


BY_NAME = (Part("Twos", whose("c2", Operator.BEGINS)), Part("Cees", whose("c", Operator.BEGINS)), Part("Others"))
THIRDS = (Part("Third 1", share=1 / 3), Part("Third 2", share=1 / 3), Part("Third 3", share=1 / 3))


@pytest.fixture
def world(engine: Engine) -> World:
    """A list of one contact that a job has and is calling, and forty others with a number each."""
    with write_transaction(engine) as session:
        world = build(session, "Meadow")
        now = utcnow()
        home = {"organization_id": world.organization_id}
        row = {**home, "contact_list_id": world.contact_list, "attributes": {}, "created_at": now, "updated_at": now}
        session.execute(insert(Contact), [{**row, "external_id": f"c{n}", "first_name": f"c{n}"} for n in range(40)])
        ids = session.scalars(select(Contact.id).where(Contact.external_id.like("c%"))).all()
        address = {**home, "kind": "phone", "name": "phone1"}
        session.execute(insert(Address), [{**address, "contact_id": key, "value": f"+1202555{key:04}"} for key in ids])
    return world


def start(engine: Engine, world: World, plan: Plan) -> int:
    with write_transaction(engine) as session:
        seen = list_changes.look_split(session, ROOT, world.contact_list, plan, utcnow())
        return list_changes.start_split(
            session, ROOT, world.contact_list, plan, expected=seen.counted, last_id=seen.last_id
        ).id


def undo(engine: Engine, change_id: int) -> ListChange:
    with write_transaction(engine) as session:
        back = list_changes.undo(session, ROOT, change_id).id
    work_next(engine)
    return change(engine, back)


def change(engine: Engine, change_id: int) -> ListChange:
    with read_transaction(engine) as session:
        return session.get_one(ListChange, change_id)


def by_list(engine: Engine) -> dict[str, set[str]]:
    with read_transaction(engine) as session:
        rows = session.execute(
            select(ContactList.name, Contact.external_id).join(Contact, Contact.contact_list_id == ContactList.id)
        ).all()
    return {name: {one for other, one in rows if other == name} for name, _ in rows}


def count(engine: Engine, model: Any) -> int:
    with read_transaction(engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_each_comes_into_the_first_part_that_fits_and_all_come_back(engine: Engine, world: World) -> None:
    before = by_list(engine)
    with read_transaction(engine) as session:
        seen = list_changes.look_split(session, ROOT, world.contact_list, Plan(BY_NAME), utcnow())
        assert (seen.counts, seen.staying) == ((11, 29, 1), 0)
    split = start(engine, world, Plan(BY_NAME))
    work_next(engine)
    after = by_list(engine)
    assert {name: len(ids) for name, ids in after.items()} == {"Twos": 11, "Cees": 29, "Others": 1}
    assert after["Twos"] == {"c2", *(f"c2{n}" for n in range(10))}
    assert after["Others"] == {"Meadow"}
    assert (change(engine, split).done, change(engine, split).words) == (
        41, "Twos: First name begins with c2; Cees: First name begins with c; Others: who is left",
    )  # fmt: skip
    back = undo(engine, split)
    assert (back.state, back.done, back.detail) == ("completed", 41, "")
    assert by_list(engine) == before
    assert count(engine, ContactList) == 1
    with read_transaction(engine) as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.kind == "list_change")).all()
    assert sorted(actions) == ["contact_list.split", "list_change.merge", "list_change.split", "list_change.undo"]


@pytest.mark.parametrize("copies", [False, True])
def test_shares_are_even_and_the_same_again_after_a_crash(
    engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch, copies: bool
) -> None:
    for name in ("_FIRST", "_LEAST", "_LARGEST", "_PAGE"):
        monkeypatch.setattr(bulk, name, 4)
    split, steps = start(engine, world, Plan(THIRDS, copies, "word")), iter(range(3))

    def dies() -> bool:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        work_next(engine, dies)
    with write_transaction(engine) as session:
        session.execute(update(ListChange).values(seen_at=utcnow() - SILENCE * 2))
    work_next(engine)
    crashed = by_list(engine)
    assert sorted(len(crashed[part.name]) for part in THIRDS) == [13, 14, 14]
    assert change(engine, split).done == 41
    undo(engine, split)
    start(engine, world, Plan(THIRDS, copies, "word"))
    work_next(engine)
    assert by_list(engine) == crashed
    assert ("Meadow" in crashed) is copies


def test_copies_have_addresses_and_names_of_their_own_and_go_while_untouched(engine: Engine, world: World) -> None:
    split = start(engine, world, Plan(BY_NAME[:1], copies=True))
    work_next(engine)
    assert count(engine, Contact) == 41 + 11
    assert count(engine, Address) == 41 + 11
    assert count(engine, ContactName) >= 11
    undo(engine, split)
    assert (count(engine, Contact), count(engine, Address), count(engine, ContactList)) == (41, 41, 1)
    split = start(engine, world, Plan(BY_NAME[:1], copies=True))
    work_next(engine)
    with write_transaction(engine) as session:
        twos = lists.find_list(session, ROOT, "Twos", world.organization_id).id
        contact_push.push(session, ROOT, twos, [{"id": "new", "phone1": "2025550100"}])
        with pytest.raises(Refused, match="'Twos' has changed since"):
            list_changes.undo(session, ROOT, split)


def test_copies_of_the_excluded_are_excluded_and_kinds_of_numbers_stay_known(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        session.execute(update(Address).values(number_type="mobile"))
        exclusions.exclude(session, ROOT, world.contact_list, [("id", "c2"), ("id", "c20")])
        exclusions.exclude(session, ROOT, world.contact_list, [("id", "c20"), ("id", "c21")], world.campaign)
    split = start(engine, world, Plan(BY_NAME[:1], copies=True))
    work_next(engine)
    with read_transaction(engine) as session:
        twos = lists.find_list(session, ROOT, "Twos", world.organization_id).id
        excluded = {one.external_id: names for one, names in exclusions.list_excluded(session, ROOT, twos)}
        copies = select(Address.number_type).join(Contact).where(Contact.contact_list_id == twos)
        assert set(session.scalars(copies)) == {"mobile"}
    everywhere = exclusions.EVERY_CAMPAIGN
    assert excluded == {"c2": [everywhere], "c20": [everywhere, "Meadow"], "c21": ["Meadow"]}
    undo(engine, split)
    assert count(engine, ContactExclusion) == 4


def test_who_is_withdrawn_after_their_page_was_read_is_not_copied(engine: Engine, world: World) -> None:
    split = start(engine, world, Plan(BY_NAME[:1], copies=True))

    def withdraws() -> bool:
        with write_transaction(engine) as session:
            session.execute(update(Contact).where(Contact.external_id == "c2").values(deleted_at=utcnow()))
        return True

    work_next(engine, withdraws)
    assert by_list(engine)["Twos"] == {f"c2{n}" for n in range(10)}
    assert (change(engine, split).done, count(engine, Address)) == (10, 41 + 10)


def test_a_list_in_use_is_not_merged_and_who_came_by_themselves_stay(engine: Engine, world: World) -> None:
    split = start(engine, world, Plan(BY_NAME[:2]))
    work_next(engine)
    with write_transaction(engine) as session:
        twos = lists.find_list(session, ROOT, "Twos", world.organization_id).id
        contact_push.push(session, ROOT, twos, [{"id": "new", "phone1": "2025550100"}])
        contact_push.push(session, ROOT, world.contact_list, [{"id": "c2", "phone1": "2025550101"}])
        campaign = session.get_one(Campaign, world.campaign)
        campaign.contact_list_id = twos
        session.flush()
        with pytest.raises(Refused, match="the campaign 'Meadow' uses 'Twos'"):
            list_changes.undo(session, ROOT, split)
        campaign.contact_list_id = world.contact_list
    back = undo(engine, split)
    assert "stay: 'Twos'" in back.detail
    left = by_list(engine)
    assert left["Twos"] == {"new", "c2"}
    assert "Cees" not in left
    assert len(left["Meadow"]) == 41


def test_a_part_is_not_deleted_while_its_split_or_its_undoing_goes_on(engine: Engine, world: World) -> None:
    def refuses() -> bool:
        with pytest.raises(Refused, match="a split, or its undoing, goes on with this list"):
            lists.delete_list(engine, ROOT, twos)
        return True

    split = start(engine, world, Plan(BY_NAME))
    with read_transaction(engine) as session:
        twos = lists.find_list(session, ROOT, "Twos", world.organization_id).id
    work_next(engine, refuses)
    with write_transaction(engine) as session:
        list_changes.undo(session, ROOT, split)
    work_next(engine, refuses)
    assert len(by_list(engine)["Meadow"]) == 41
    start(engine, world, Plan((Part("Fours", whose("c4")),)))
    work_next(engine)
    with read_transaction(engine) as session:
        fours = lists.find_list(session, ROOT, "Fours", world.organization_id).id
    lists.delete_list(engine, ROOT, fours)
    assert len(by_list(engine)["Meadow"]) == 40


@pytest.mark.parametrize("copies", [False, True])
def test_a_split_whose_part_is_gone_ends_with_the_reason_and_loses_nobody(
    engine: Engine, world: World, copies: bool
) -> None:
    before = by_list(engine)
    split = start(engine, world, Plan(BY_NAME, copies))

    def removes() -> bool:
        with write_transaction(engine) as session:
            session.execute(delete(ContactList).where(ContactList.name == "Twos"))
        return True

    work_next(engine, removes)
    ended = change(engine, split)
    assert (ended.state, ended.done) == ("failed", 0)
    assert "the list 'Twos' was deleted meanwhile" in ended.detail
    assert (by_list(engine), count(engine, Contact)) == (before, 41)


@pytest.mark.parametrize("copies", [False, True])
def test_a_part_waits_with_going_until_those_who_come_into_it_are_there(postgres_engine: Engine, copies: bool) -> None:
    """SQLite has one writer at a time."""
    tried: list[bool] = []
    written = "INSERT INTO contact " if copies else "UPDATE contact "

    def removes(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(written) and not tried:
            tried.append(True)
            with pytest.raises(OperationalError, match="lock timeout"), write_transaction(postgres_engine) as session:
                session.execute(text("SET LOCAL lock_timeout = '20ms'"))
                session.execute(delete(ContactList).where(ContactList.name == "Twos"))

    with write_transaction(postgres_engine) as session:
        world = build(session, "Meadow")
        session.execute(update(Contact).values(first_name="c2"))
    split = start(postgres_engine, world, Plan(BY_NAME[:1], copies))
    event.listen(postgres_engine, "after_cursor_execute", removes)
    work_next(postgres_engine)
    assert (tried, change(postgres_engine, split).state, by_list(postgres_engine)["Twos"]) == (
        [True], "completed", {"Meadow"},
    )  # fmt: skip


def test_refuses_what_cannot_be_split_naming_the_mend(engine: Engine, world: World) -> None:
    wrong = [
        (Plan((Part("Meadow", share=0.5),)), "there is a contact list named 'Meadow' already"),
        (Plan((Part("A", share=0.5), Part("A", share=0.5))), "'A' stands there twice"),
        (Plan((Part("A", whose("nobody")),)), "no contact comes into any part"),
        (Plan((Part("A", share=0.5),), word="x" * 65), "word: 64 characters"),
    ]
    for plan, words in wrong:
        with pytest.raises(Refused, match=words):
            start(engine, world, plan)
    odd = Plan((Part("A", Filter((Group((Condition("attempts", Operator.EQUALS, "x"),)),))),))
    with pytest.raises(BadCondition):
        start(engine, world, odd)
    assert count(engine, ContactList) == 1
