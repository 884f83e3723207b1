"""Undo of changes and of deletions of contacts, on both databases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    Attempt,
    Attribute,
    AuditEntry,
    Campaign,
    Contact,
    ContactChange,
    ContactExclusion,
    DncEntry,
    DncKind,
    DncList,
    JobContact,
)
from app.security.access import EVERYTHING, Actor, Permission
from app.security.pseudonyms import attach
from app.security.secrets import Vault
from app.services import contact_editing, contact_undo, contacts, exclusions, lists, privacy, undo
from app.services.contact_editing import Edit, EditedAddress
from common.clock import utcnow
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


def delete_wholly(engine: Engine, world: World) -> Mapping[str, Any]:
    """The contact, which no job refers to any more; what undoes it, as a page carries it."""
    with write_transaction(engine) as session:
        session.execute(delete(Attempt).where(Attempt.contact_id == world.contact))
        session.execute(delete(JobContact).where(JobContact.contact_id == world.contact))
        kept = undo.keep(session, ROOT, Contact, world.contact)
        contacts.delete_contact(session, ROOT, world.contact)
    return cast("Mapping[str, Any]", json.loads(json.dumps(kept)))


def put_and_take_entry(session: Session, home: int | None, dnc_list: int, number: str) -> Mapping[str, Any]:
    """What undoes the removal of a do-not-call entry; a later one stays, so that nobody is given its row id."""
    common = {"organization_id": home, "dnc_list_id": dnc_list, "kind": DncKind.PHONE, "created_at": utcnow()}
    entry = DncEntry(value=number, source="panel", **common)
    session.add(entry)
    session.flush()
    session.add(DncEntry(value="+12025550100", source="panel", **common))
    session.flush()
    kept = undo.keep(session, ROOT, DncEntry, entry.id)
    session.delete(entry)
    session.flush()
    return kept


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
    kept = delete_wholly(engine, world)
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


def test_who_was_excluded_comes_back_excluded_but_from_campaigns_that_are_gone(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        home = {"organization_id": world.organization_id, "contact_list_id": world.contact_list}
        session.add(Contact(external_id="other", attributes={}, created_at=utcnow(), updated_at=utcnow(), **home))
        origin = session.get_one(Campaign, world.campaign)
        columns = [column.name for column in Campaign.__table__.columns if column.name not in ("id", "name")]
        gone = Campaign(name="Gone", **{name: getattr(origin, name) for name in columns})
        session.add(gone)
        session.flush()
        for campaign in (None, world.campaign, gone.id):
            exclusions.exclude(session, ROOT, world.contact_list, [("id", world.marker)], campaign)
    kept = delete_wholly(engine, world)
    with write_transaction(engine) as session:
        session.delete(session.get_one(Campaign, gone.id))
        # Takes the row ids that SQLite gives again.
        exclusions.exclude(session, ROOT, world.contact_list, [("id", "other")])
    with write_transaction(engine) as session:
        undo.put_back(session, ROOT, kept)
    with read_transaction(engine) as session:
        mine = select(ContactExclusion.campaign_id).where(ContactExclusion.contact_id == world.contact)
        assert set(session.scalars(mine)) == {None, world.campaign}
        assert exclusions.excluded_among(session, [world.contact], None) == {world.contact}


@pytest.mark.parametrize("external_id", ["stranger", "Meadow"])
def test_one_whose_id_is_another_contacts_by_now_is_refused(engine: Engine, world: World, external_id: str) -> None:
    kept = delete_wholly(engine, world)
    with write_transaction(engine) as session:
        session.add(
            Contact(
                id=world.contact, organization_id=world.organization_id, contact_list_id=world.contact_list,
                external_id=external_id, attributes={}, created_at=utcnow(), updated_at=utcnow(), deleted_at=utcnow(),
            )
        )  # fmt: skip
    with write_transaction(engine) as session:
        with pytest.raises(Refused, match="another one has taken its place since, or it has come into a list anew"):
            undo.put_back(session, ROOT, kept)
        there = session.get_one(Contact, world.contact)
        assert (there.external_id, there.deleted_at is None) == (external_id, False)


def test_an_entry_of_do_not_call_does_not_bring_an_erased_persons_number_back_but_another_organizations_does(
    engine: Engine, world: World
) -> None:
    edit(engine, world, Edit({}, {}, [PHONE, EMAIL]))
    number = "+12025550143"
    with write_transaction(engine) as session:
        other = build(session, "Brook")
        shared = DncList(organization_id=None, name="Everybody", created_at=utcnow())
        session.add(shared)
        session.flush()
        homes = {world.organization_id: world.dnc_list, other.organization_id: other.dnc_list, None: shared.id}
        kept = {home: put_and_take_entry(session, home, listed, number) for home, listed in homes.items()}
        person = privacy.find_person(session, ROOT, "phone", number, world.organization_id)
        privacy.request_erasure(session, ROOT, Vault(SECRET), person)
    with write_transaction(engine) as session:
        for home in (world.organization_id, None):
            with pytest.raises(Refused, match="erased"):
                undo.put_back(session, ROOT, kept[home])
        undo.put_back(session, ROOT, kept[other.organization_id])
        plain = select(DncEntry.organization_id).where(DncEntry.kind == DncKind.PHONE, DncEntry.value == number)
        assert session.scalars(plain).all() == [other.organization_id]
