"""Contacts changed by hand, and attributes, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select, update

from app.db import read_transaction, write_transaction
from app.models import Address, Attribute, Contact
from app.security.access import EVERYTHING, Actor, Forbidden, Permission
from app.services import attributes, contact_editing, lists
from app.services.contact_editing import BadContact, Edit, EditedAddress
from app.services.contacts import MASK
from common.errors import Refused
from tests.support.organizations import World, build

ROOT = Actor.system()
EMAIL = EditedAddress("email", "email", "meadow@example.org")


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        world = build(session, "Meadow")
        for name, kind, private in (("balance", "decimal", False), ("pin", "string", True), ("desk", "sip", False)):
            lists.define_attribute(session, ROOT, name, kind, private=private, organization_id=world.organization_id)
        return world


def edit(engine: Engine, world: World, wanted: Edit, actor: Actor = ROOT) -> int:
    with write_transaction(engine) as session:
        return contact_editing.edit_contact(session, actor, world.contact, wanted)


def told(engine: Engine, world: World, actor: Actor = ROOT) -> list[tuple[str, str, str]]:
    with read_transaction(engine) as session:
        changes = contact_editing.history(session, actor, world.contact)
        return [(change.field, change.old, change.new) for change in reversed(changes)][1:]


def test_what_is_changed_is_typed_and_told(engine: Engine, world: World) -> None:
    wanted = Edit({"last_name": "Hill"}, {"balance": "12.50", "pin": "1234"}, [EMAIL])
    assert edit(engine, world, wanted) == 3
    with read_transaction(engine) as session:
        contact = session.get_one(Contact, world.contact)
        assert (contact.last_name, contact.attributes["balance"]) == ("Hill", "12.50")
    assert ("balance", "", "12.50") in told(engine, world)
    assert ("pin", "", MASK) in told(engine, world)
    assert edit(engine, world, wanted) == 0


def test_a_value_that_nobody_touches_stays_though_its_attribute_has_another_type_now(
    engine: Engine, world: World
) -> None:
    with write_transaction(engine) as session:
        session.get_one(Contact, world.contact).attributes = {"balance": "twelve"}
    edit(engine, world, Edit({"last_name": "Hill"}, {"balance": "twelve"}, [EMAIL]))
    with read_transaction(engine) as session:
        assert session.get_one(Contact, world.contact).attributes["balance"] == "twelve"
    with pytest.raises(BadContact):
        edit(engine, world, Edit({}, {"balance": "thirteen"}, [EMAIL]))


def test_addresses_are_added_ordered_and_taken_away(engine: Engine, world: World) -> None:
    def of(name: str, text: str, kind: str = "phone") -> EditedAddress:
        return EditedAddress(name, kind, text)

    edit(engine, world, Edit({}, {}, [of("", "(202) 555-0143"), EMAIL, of("", "+44 7400 123456")]))
    edit(engine, world, Edit({}, {}, [of("phone2", "+44 7400 123456"), of("phone1", ""), of("", "+1 202 555 0199")]))
    with read_transaction(engine) as session:
        rows = session.scalars(select(Address).where(Address.contact_id == world.contact).order_by(Address.position))
        assert [(row.name, row.value, row.country) for row in rows] == [
            ("phone2", "+447400123456", "GB"),
            ("phone1", "+12025550199", "US"),
        ]


def test_addresses_that_nobody_moved_stand_where_their_file_put_them(engine: Engine, world: World) -> None:
    edit(engine, world, Edit({}, {}, [EditedAddress("phone1", "phone", "+12025550143"), EMAIL]))
    with write_transaction(engine) as session:
        session.execute(update(Address).where(Address.contact_id == world.contact).values(position=1))
        rows = contact_editing.in_order(session.scalars(select(Address).where(Address.contact_id == world.contact)))
        shown = [EditedAddress(row.name, row.kind, row.value) for row in rows]
    assert [each.name for each in shown] == ["phone1", "email"]
    more = EditedAddress("", "phone", "+12025550144")
    assert edit(engine, world, Edit({"last_name": "Hill"}, {}, shown)) == 1
    assert edit(engine, world, Edit({}, {}, [*shown, more])) == 1
    assert edit(engine, world, Edit({}, {}, [shown[1], shown[0], replace(more, name="phone2")])) == 2
    with read_transaction(engine) as session:
        rows = contact_editing.in_order(session.scalars(select(Address).where(Address.contact_id == world.contact)))
        assert [(row.name, row.position) for row in rows] == [("email", 1), ("phone1", 2), ("phone2", 3)]


def test_every_wrong_field_is_named_and_nothing_is_changed(engine: Engine, world: World) -> None:
    wanted = Edit(
        {"last_name": "Hill", "time_zone": "Mars/North"}, {"balance": "much"}, [EMAIL, EditedAddress("", "phone", "12")]
    )
    with pytest.raises(BadContact) as caught:
        edit(engine, world, wanted)
    assert set(caught.value.errors) == {"time_zone", "attribute.balance", "address.1"}
    assert told(engine, world) == []


def test_sip_addresses_come_from_administrators_and_masked_values_from_those_who_see_them(
    engine: Engine, world: World
) -> None:
    manager = Actor(world.user, "anna", world.organization_id, EVERYTHING - {Permission.SETTINGS_MANAGE})
    blind = Actor(world.user, "bo", world.organization_id, EVERYTHING - {Permission.ATTRIBUTES_UNMASK})
    wanted = Edit({}, {"desk": "sip:desk@pbx.example.com"}, [EMAIL])
    edit(engine, world, wanted, manager)
    with read_transaction(engine) as session:
        contact = session.get_one(Contact, world.contact)
        assert "desk" not in contact.attributes
        assert "Meadow" not in [each.name for each in contact_editing.editable(session, blind, contact)]
    edit(engine, world, wanted)
    edit(engine, world, Edit({}, {"Meadow": "secret"}, [EMAIL]))
    assert ("Meadow", "Meadow", "secret") in told(engine, world)
    assert ("Meadow", MASK, MASK) in told(engine, world, blind)
    with pytest.raises(BadContact, match="not a SIP address"):
        edit(engine, world, Edit({}, {"desk": "http://pbx"}, [EMAIL]))


def test_an_attribute_in_use_stays_and_its_mask_too(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        blind = Actor(world.user, "bo", world.organization_id, EVERYTHING - {Permission.ATTRIBUTES_UNMASK})
        with pytest.raises(Forbidden):
            attributes.update_attribute(session, blind, world.attribute, read_only=False, masked=False, private=False)
        with pytest.raises(Refused, match="contacts have values"):
            attributes.delete_attribute(session, ROOT, world.attribute)
        free = session.scalars(select(Attribute.id).where(Attribute.name == "balance")).one()
        attributes.delete_attribute(session, ROOT, free)
        session.flush()
        assert session.get(Attribute, free) is None
