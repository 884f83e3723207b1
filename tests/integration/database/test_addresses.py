"""An address belongs to a contact, and a contact to a list: on SQLite by foreign keys, on PostgreSQL by triggers."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app import db
from app.models import Address, Contact, ContactList, Organization
from app.security.access import Actor
from app.services import lists
from common.clock import utcnow

pytestmark = pytest.mark.integration


@pytest.fixture
def contact_ids(engine: Engine) -> list[int]:
    now = utcnow()
    with db.write_transaction(engine) as session:
        session.add(organization := Organization(name="Test", created_at=now))
        session.flush()
        listed = lists.create_list(session, Actor.system(), "Patients")
        people = [
            Contact(
                organization_id=organization.id, contact_list_id=listed.id, external_id=name, attributes={},
                created_at=now, updated_at=now,
            )
            for name in ("A1", "A2")
        ]  # fmt: skip
        session.add_all(people)
        session.flush()
        session.execute(insert(Address), [address(person.id) for person in people])
        return [person.id for person in people]


def address(contact_id: int) -> dict[str, object]:
    return {
        "organization_id": 1, "contact_id": contact_id, "kind": "phone", "name": "phone1", "position": 1,
        "value": "+12025550100", "original": "", "country": "US", "time_zones": "", "disabled_code": "",
    }  # fmt: skip


def owners(engine: Engine) -> list[int]:
    with db.read_transaction(engine) as session:
        return list(session.scalars(select(Address.contact_id)))


def test_an_address_of_nobody_is_refused(engine: Engine, contact_ids: list[int]) -> None:
    with pytest.raises(IntegrityError), db.write_transaction(engine) as session:
        session.execute(insert(Address), [address(max(contact_ids) + 1)])
    assert owners(engine) == contact_ids


@pytest.mark.parametrize("stranger", [1, 1000])
def test_an_address_of_nobody_among_others_is_refused(engine: Engine, contact_ids: list[int], stranger: int) -> None:
    whose = [*contact_ids, max(contact_ids) + stranger]
    with pytest.raises(IntegrityError), db.write_transaction(engine) as session:
        session.execute(insert(Address), [address(owner) | {"name": "phone2"} for owner in whose])
    assert owners(engine) == contact_ids


def test_addresses_of_contacts_with_others_between_are_taken(engine: Engine, contact_ids: list[int]) -> None:
    with db.write_transaction(engine) as session:
        session.execute(delete(Address))
        session.execute(update(Contact).where(Contact.id == contact_ids[1]).values(id=contact_ids[1] + 10))
    with db.write_transaction(engine) as session:
        session.execute(insert(Address), [address(contact_ids[0]), address(contact_ids[1] + 10)])
    assert owners(engine) == [contact_ids[0], contact_ids[1] + 10]


def test_a_contact_of_no_list_is_refused(engine: Engine, contact_ids: list[int]) -> None:
    now = utcnow()
    with pytest.raises(IntegrityError), db.write_transaction(engine) as session:
        session.add(
            Contact(
                organization_id=1, contact_list_id=99, external_id="A3", attributes={}, created_at=now, updated_at=now
            )
        )
    with db.read_transaction(engine) as session:
        assert session.scalars(select(Contact.id)).all() == contact_ids


def test_addresses_go_with_their_contact(engine: Engine, contact_ids: list[int]) -> None:
    with db.write_transaction(engine) as session:
        session.execute(delete(Contact).where(Contact.id == contact_ids[0]))
    assert owners(engine) == contact_ids[1:]


@pytest.mark.parametrize("parent", [ContactList, Organization])
def test_nothing_is_left_of_a_list_or_an_organization(engine: Engine, contact_ids: list[int], parent: type) -> None:
    with db.write_transaction(engine) as session:
        session.execute(delete(parent))
    assert owners(engine) == []
    with db.read_transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0
