"""Undo of changes and of deletions of contacts, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, delete, select

from app.db import read_transaction, write_transaction
from app.models import Address, Attempt, Attribute, AuditEntry, Contact, ContactChange, JobContact
from app.security.access import EVERYTHING, Actor, Permission
from app.security.pseudonyms import attach
from app.security.secrets import Vault
from app.services import contact_editing, contact_undo, contacts, lists, privacy, undo
from app.services.contact_editing import Edit, EditedAddress
from common.errors import Refused
from tests.support.organizations import World, build

ROOT = Actor.system()
SECRET = "tests only secret key"
EMAIL = EditedAddress("email", "email", "meadow@example.org")
PHONE = EditedAddress("", "phone", "+1 202 555 0143")


@pytest.fixture
def world(engine: Engine) -> World:
    attach(engine, SECRET)
    with write_transaction(engine) as session:
        made = build(session, "Meadow")
        for name, private in (("balance", False), ("pin", True)):
            lists.define_attribute(session, ROOT, name, private=private, organization_id=made.organization_id)
        contact_editing.edit_contact(session, ROOT, made.contact, Edit({}, {}, [EMAIL]))
        return made


def edit(engine: Engine, world: World, wanted: Edit) -> None:
    with write_transaction(engine) as session:
        contact_editing.edit_contact(session, ROOT, world.contact, wanted)


def undo_newest(engine: Engine, world: World, field: str, actor: Actor = ROOT) -> None:
    with write_transaction(engine) as session:
        mine = (ContactChange.contact_id == world.contact, ContactChange.field == field)
        newest = session.scalars(select(ContactChange.id).where(*mine).order_by(ContactChange.id.desc())).first()
        assert newest is not None
        contact_undo.undo_change(session, actor, newest)


def state(engine: Engine, world: World) -> tuple[str, object, list[tuple[str, str]]]:
    with read_transaction(engine) as session:
        contact = session.get_one(Contact, world.contact)
        rows = session.scalars(select(Address).where(Address.contact_id == contact.id).order_by(Address.position))
        return contact.last_name, contact.attributes.get("balance"), [(row.name, row.value) for row in rows]


def test_each_kind_of_change_is_taken_back_and_the_undo_can_be_undone(engine: Engine, world: World) -> None:
    before = state(engine, world)
    edit(engine, world, Edit({"last_name": "Hill"}, {"balance": "12"}, [PHONE, EMAIL]))
    changed = state(engine, world)
    assert changed == ("Hill", "12", [("phone1", "+12025550143"), ("email", "meadow@example.org")])
    for field in ("last_name", "balance", "phone1"):
        undo_newest(engine, world, field)
    assert state(engine, world) == (before[0], None, before[2])
    for field in ("last_name", "balance", "phone1"):
        undo_newest(engine, world, field)
    assert state(engine, world)[:2] == changed[:2]
    assert sorted(state(engine, world)[2]) == sorted(changed[2])
    with read_transaction(engine) as session:
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.action == "contact.undo")).all()) == 6


def test_an_address_comes_back_under_its_name_and_an_order_as_it_was(engine: Engine, world: World) -> None:
    second = EditedAddress("", "phone", "+1 202 555 0199")
    edit(engine, world, Edit({}, {}, [PHONE, second, EMAIL]))
    edit(engine, world, Edit({}, {}, [EditedAddress("phone1", "phone", "+12025550143"), EMAIL]))
    undo_newest(engine, world, "phone2")
    assert ("phone2", "+12025550199") in state(engine, world)[2]
    phones = [EditedAddress("phone1", "phone", "+12025550143"), EditedAddress("phone2", "phone", "+12025550199")]
    edit(engine, world, Edit({}, {}, [EMAIL, *phones]))
    edit(engine, world, Edit({}, {}, [*phones, EMAIL]))
    undo_newest(engine, world, "email: order")
    assert [name for name, _ in state(engine, world)[2]] == ["email", "phone1", "phone2"]


def test_conflicts_are_told(engine: Engine, world: World) -> None:
    edit(engine, world, Edit({"last_name": "Hill"}, {"pin": "1234", "balance": "1"}, [EMAIL]))
    edit(engine, world, Edit({"last_name": "Vale"}, {}, [EMAIL]))
    with write_transaction(engine) as session:
        first = session.scalars(select(ContactChange.id).where(ContactChange.new == "Hill")).one()
        with pytest.raises(Refused, match="is 'Vale' now: undo the newer change first"):
            contact_undo.undo_change(session, ROOT, first)
    with pytest.raises(Refused, match="private"):
        undo_newest(engine, world, "pin")
    with write_transaction(engine) as session:
        session.scalars(select(Attribute).where(Attribute.name == "balance")).one().masked = True
    blind = Actor(world.user, "bo", world.organization_id, EVERYTHING - {Permission.ATTRIBUTES_UNMASK})
    with pytest.raises(Refused, match="may not set"):
        undo_newest(engine, world, "balance", blind)
    with write_transaction(engine) as session:
        contacts.delete_contact(session, ROOT, world.contact)
    with pytest.raises(Refused, match="bring it back first"):
        undo_newest(engine, world, "last_name")


def test_a_deleted_contact_that_jobs_know_is_brought_back(engine: Engine, world: World) -> None:
    before = state(engine, world)
    with write_transaction(engine) as session:
        kept = undo.keep(session, ROOT, Contact, world.contact)
        contacts.delete_contact(session, ROOT, world.contact)
        assert session.get_one(Contact, world.contact).deleted_at is not None
        contact_undo.restore(session, ROOT, world.contact)
    assert state(engine, world) == before
    with write_transaction(engine) as session:
        contacts.delete_contact(session, ROOT, world.contact)
        undo.put_back(session, ROOT, kept)
        assert session.get_one(Contact, world.contact, populate_existing=True).deleted_at is None


def test_one_that_is_gone_comes_back_with_its_addresses_unless_the_person_was_erased(
    engine: Engine, world: World
) -> None:
    edit(engine, world, Edit({}, {}, [PHONE, EMAIL]))
    before = state(engine, world)
    with write_transaction(engine) as session:
        session.execute(delete(Attempt).where(Attempt.contact_id == world.contact))
        session.execute(delete(JobContact).where(JobContact.contact_id == world.contact))
        kept = undo.keep(session, ROOT, Contact, world.contact)
        contacts.delete_contact(session, ROOT, world.contact)
    with write_transaction(engine) as session:
        assert session.get(Contact, world.contact) is None
        undo.put_back(session, ROOT, kept)
    assert state(engine, world) == before
    with write_transaction(engine) as session:
        person = privacy.find_person(session, ROOT, "phone", "+12025550143", world.organization_id)
        privacy.request_erasure(session, ROOT, Vault(SECRET), person)
        contacts.delete_contact(session, ROOT, world.contact)
        with pytest.raises(Refused, match="erased"):
            undo.put_back(session, ROOT, kept)
