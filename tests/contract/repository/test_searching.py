"""Contacts found by what people type: among few by reading them, among many by what is kept in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from app.db import read_transaction, write_transaction
from app.models import Address, Contact, ContactName
from app.security.access import Actor
from app.services import contact_push, contact_search, contacts
from common.clock import utcnow
from tests.support.organizations import World, build

ROOT = Actor.system()
NOW = utcnow()


@pytest.fixture
def world(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> World:
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
    contact_search.enter_names(engine, world.contact_list, NOW - timedelta(seconds=1))
    return world


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


def test_who_is_handed_over_by_a_program_is_found_at_once(
    engine: Engine, world: World, found: Callable[[str], list[str]]
) -> None:
    with write_transaction(engine) as session:
        dora = {"id": "P-1", "first_name": "Dora", "last_name": "Quill", "phone1": "+12025550188"}
        contact_push.push(session, ROOT, world.contact_list, [dora])
    assert (found("dora"), found("quill d"), found("P-1")) == (["P-1"], ["P-1"], ["P-1"])
