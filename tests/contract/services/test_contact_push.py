"""Contacts handed over by programs, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import Address, Contact
from app.security.access import Actor
from app.services import contact_push, lists
from common.errors import Refused
from tests.support.organizations import World, build

ROOT = Actor.system()
Pushed = contact_push.Pushed


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        return build(session, "Meadow")


def push(engine: Engine, world: World, *contacts: dict[str, str]) -> Pushed:
    with write_transaction(engine) as session:
        return contact_push.push(session, ROOT, world.contact_list, contacts)


def person(engine: Engine, external_id: str) -> tuple[Contact, dict[str, str]]:
    with read_transaction(engine) as session:
        contact = session.scalars(select(Contact).where(Contact.external_id == external_id)).one()
        found = session.scalars(select(Address).where(Address.contact_id == contact.id))
        return contact, {address.name: address.value for address in found}


def test_what_is_given_replaces_and_everything_else_stays(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        lists.define_attribute(session, ROOT, "note", organization_id=world.organization_id)
    new = {"id": "A", "first_name": "Ann", "last_name": "Lee", "phone1": "2025550100", "email": "a@example.org"}
    assert push(engine, world, {**new, "note": "tab\tand \\"}) == Pushed(1, 0, ())
    changed = {"id": "A", "first_name": "", "phone1": "2025550101", "email": ""}
    assert push(engine, world, changed, {"id": "B", "email": "b@example.org"}) == Pushed(1, 1, ())
    contact, addresses = person(engine, "A")
    assert (contact.first_name, contact.last_name, contact.attributes["note"]) == ("", "Lee", "tab\tand \\")
    assert addresses == {"phone1": "+12025550101"}


def test_the_same_id_twice_in_one_request_is_one_contact(engine: Engine, world: World) -> None:
    first, second = {"id": "A", "phone1": "2025550100"}, {"id": "A", "phone1": "2025550101"}
    third = {"id": "A", "last_name": "Lee", "phone1": "2025550102"}
    assert push(engine, world, first, second, third) == Pushed(1, 2, ())
    contact, addresses = person(engine, "A")
    assert (contact.last_name, addresses) == ("Lee", {"phone1": "+12025550102"})


def test_refuses_more_than_a_request_may_hold(engine: Engine, world: World) -> None:
    with pytest.raises(Refused, match="at most 1,000"):
        push(engine, world, *[{"id": str(number), "phone1": "2025550100"} for number in range(1001)])
