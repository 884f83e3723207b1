"""Contacts found by what people type: among few by reading them, among many by what is kept in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, Update, select, text, update
from sqlalchemy.exc import OperationalError

from app.db import read_transaction, write_transaction
from app.models import Address, Contact, ContactName, ImportRun, ImportState
from app.security.access import Actor
from app.services import contact_names, contact_push, contact_search, contacts
from common.clock import utcnow
from tests.support.organizations import World, build

ROOT = Actor.system()
NOW = utcnow()


@pytest.fixture
def imported(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> World:
    """Contacts of an import that is over, whose names are not entered."""
    monkeypatch.setattr(contact_search, "_SMALL", 0)
    with write_transaction(engine) as session:
        world = build(session, "Meadow")
        stranger = build(session, "Other")
        for number, (first, last, phone) in enumerate(
            [("Anna", "Smith", "+12025550143"), ("Jörg", "Özil", "+4930123456"), ("Bo", "100%_sure", "+12025559999")]
        ):
            home, listed = (world.organization_id, world.contact_list)
            row = Contact(
                organization_id=home, contact_list_id=listed, external_id=f"A-{17 + number}", first_name=first,
                last_name=last, attributes={}, created_at=NOW, updated_at=NOW,
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.add(Address(organization_id=home, contact_id=row.id, kind="phone", name="phone1", value=phone))
        session.execute(update(Contact).where(Contact.id == stranger.contact).values(first_name="Anna"))
        session.execute(_runs(world).values(state=ImportState.COMPLETED, names_after=0))
    return world


def _runs(world: World) -> Update:
    return update(ImportRun).where(ImportRun.contact_list_id == world.contact_list)


@pytest.fixture
def world(engine: Engine, imported: World) -> World:
    contact_names.enter_names(engine)
    return imported


@pytest.fixture
def found(engine: Engine, world: World) -> Callable[[str], list[str]]:
    def find(text: str) -> list[str]:
        with read_transaction(engine) as session:
            home = Actor.system(world.organization_id)
            page = contacts.search_contacts(session, home, search=text)
            inside = contacts.search_contacts(session, home, contact_list_id=world.contact_list, search=text)
        assert [view.contact.id for view in page.contacts] == [view.contact.id for view in inside.contacts]
        return [view.contact.external_id for view in page.contacts]

    return find


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("ann", ["A-17"]), ("SMITH", ["A-17"]), ("anna sm", ["A-17"]), ("Smith Anna", ["A-17"]), ("a-17", ["A-17"]),
        ("özil", ["A-18"]), ("Jö", ["A-18"]), ("100%", ["A-19"]), ("%", []), ("nobody", []),
        ("meadow@EX", ["Meadow"]), ("(202) 555-0143", ["A-17"]), ("+1 202-555.01", ["A-17"]), ("2025550143", ["A-17"]),
        ("202 555", ["A-17", "A-19"]), ("0049 30 12", ["A-18"]), ("anna other", []),
    ],
)  # fmt: skip
def test_is_found(found: Callable[[str], list[str]], typed: str, ids: list[str]) -> None:
    assert found(typed) == ids


def test_what_is_renamed_or_deleted_is_followed(
    engine: Engine, world: World, found: Callable[[str], list[str]]
) -> None:
    with write_transaction(engine) as session:
        session.execute(update(Contact).where(Contact.external_id == "A-17").values(last_name="Miller"))
    assert (found("smith"), found("mill")) == ([], ["A-17"])
    with write_transaction(engine) as session:
        anna = session.scalars(select(Contact.id).where(Contact.external_id == "A-17")).one()
        contacts.delete_contact(session, ROOT, anna)
    with read_transaction(engine) as session:
        assert session.scalars(select(ContactName).where(ContactName.contact_id == anna)).all() == []


def test_who_is_marked_as_deleted_is_no_name_to_look_among(
    engine: Engine, world: World, found: Callable[[str], list[str]]
) -> None:
    anna = update(Contact).where(Contact.external_id == "A-17")
    with write_transaction(engine) as session:
        session.execute(anna.values(deleted_at=NOW, updated_at=NOW + timedelta(minutes=1)))
    assert not {"anna", "smith"} & set(_names(engine, world))
    with write_transaction(engine) as session:
        session.execute(anna.values(deleted_at=None, first_name="Ann"))
    assert found("ann") == found("smith") == ["A-17"]


def test_whoever_comes_behind_the_names_of_many_who_were_deleted_is_found(
    engine: Engine, world: World, found: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_search, "MOST", 1)
    mine = update(Contact).where(Contact.contact_list_id == world.contact_list)
    with write_transaction(engine) as session:
        session.execute(mine.values(last_name="Smith"))
        # As those are marked who are deleted by the thousand: their names stay until the purge.
        session.execute(mine.values(deleted_at=NOW, updated_at=Contact.updated_at))
        dora = {"id": "P-1", "first_name": "Dora", "last_name": "Smith"}
        contact_push.push(session, ROOT, world.contact_list, [dora | {"phone1": "+12025550188"}])
    assert _names(engine, world).count("smith") > 2
    assert found("smith") == ["P-1"]


def test_who_is_handed_over_by_a_program_is_found_at_once(
    engine: Engine, world: World, found: Callable[[str], list[str]]
) -> None:
    with write_transaction(engine) as session:
        dora = {"id": "P-1", "first_name": "Dora", "last_name": "Quill", "phone1": "+12025550188"}
        contact_push.push(session, ROOT, world.contact_list, [dora])
    assert (found("dora"), found("quill d"), found("P-1")) == (["P-1"], ["P-1"], ["P-1"])


def _names(engine: Engine, world: World) -> list[str]:
    with read_transaction(engine) as session:
        mine = ContactName.organization_id == world.organization_id
        return list(session.scalars(select(ContactName.term).where(mine).order_by(ContactName.term)))


def _wait(engine: Engine, world: World) -> bool:
    with read_transaction(engine) as session:
        return contacts.search_contacts(session, Actor.system(world.organization_id), search="x").names_wait


def test_a_search_says_that_names_are_still_being_entered(engine: Engine, imported: World) -> None:
    assert _wait(engine, imported)
    assert contact_names.enter_names(engine) == 1
    assert not _wait(engine, imported)
    assert contact_names.enter_names(engine) == 0


def test_names_of_an_import_that_goes_on_are_left_until_it_is_over(engine: Engine, imported: World) -> None:
    with write_transaction(engine) as session:
        session.execute(_runs(imported).values(state=ImportState.RUNNING, started_at=utcnow()))
    assert (contact_names.enter_names(engine), _names(engine, imported), _wait(engine, imported)) == (0, [], True)


def test_entering_goes_on_where_it_was_stopped(
    engine: Engine, imported: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces of one contact or name; stopped at each place once."""
    for name, size in (("_RUN", 2), ("_FIRST", 1), ("_LEAST", 1), ("_LARGEST", 1)):
        monkeypatch.setattr(contact_names, name, size)
    entered, asked = 0, 0
    while not entered:
        looks = iter(range(asked))
        entered = contact_names.enter_names(engine, lambda left=looks: next(left, None) is not None)
        asked += 1
    assert asked > 3
    whole = _names(engine, imported)
    assert {"anna", "smith", "bo", "100%_sure"} <= set(whole)
    assert not _wait(engine, imported)


def test_one_process_at_a_time_enters_them_until_its_claim_is_over(engine: Engine, imported: World) -> None:
    with write_transaction(engine) as session:
        session.execute(_runs(imported).values(names_claimed_until=utcnow() + timedelta(seconds=30)))
    assert contact_names.enter_names(engine) == 0
    with write_transaction(engine) as session:
        session.execute(_runs(imported).values(names_claimed_until=utcnow() - timedelta(seconds=1)))
    assert contact_names.enter_names(engine) == 1


def test_whoever_lost_the_claim_leaves_off(engine: Engine, imported: World) -> None:
    def taken() -> bool:
        """By another, once it is ours."""
        with write_transaction(engine) as session:
            ours = _runs(imported).where(ImportRun.names_claimed_until.is_not(None))
            session.execute(ours.values(names_claimed_until=utcnow() + timedelta(seconds=90)))
        return True

    assert (contact_names.enter_names(engine, taken), _names(engine, imported)) == (0, [])


def test_a_name_that_changed_while_it_was_to_be_entered_is_not(engine: Engine, imported: World) -> None:
    """On SQLite between sorting and writing; on PostgreSQL the change waits until what is being entered is."""
    rename = update(Contact).where(Contact.external_id == "A-17").values(first_name="Zoe", last_name="")
    asked = 0

    def meanwhile() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            with write_transaction(engine) as session:
                session.execute(rename)
        return True

    contact_names.enter_names(engine, meanwhile)
    assert asked >= 3
    names = _names(engine, imported)
    assert ("zoe" in names, "anna" in names, "smith" in names) == (True, False, False)
    if engine.dialect.name == "postgresql":
        with write_transaction(engine) as session, pytest.raises(OperationalError, match="lock timeout"):
            contact_names.keep_names_still(session, imported.organization_id)
            with write_transaction(engine) as other:
                other.execute(text("SET LOCAL lock_timeout = '20ms'"))
                other.execute(rename.values(first_name="Yan"))
