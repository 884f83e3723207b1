"""Contacts found by a number or an email, wherever in the database's index of addresses they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select, text
from sqlalchemy.orm import Session

from app.core.traces import Traces
from app.db import read_transaction, write_transaction
from app.models import ADDRESS_BLOCK_BITS, Address, Contact, ContactList, DncEntry, Organization
from app.security.access import Actor
from app.services import contacts, exclusions, lists, number_gate, receipts
from app.services.privacy import emptying, finding
from common.clock import utcnow

ROOT = Actor.system()
NUMBER, EMAIL = "+12025550143", "anna@example.org"
BLOCK = 1 << ADDRESS_BLOCK_BITS
#: The first and last of a block, one after two empty blocks, and the newest of all.
IDS = (1, BLOCK - 1, BLOCK, 4 * BLOCK + 3, 5 * BLOCK)


@pytest.fixture
def listed(engine: Engine) -> ContactList:
    now = utcnow()
    with write_transaction(engine) as session:
        session.add(Organization(name="Meadow", created_at=now))
        session.flush()
        made = lists.create_list(session, ROOT, "Patients")
        home = {"organization_id": made.organization_id}
        session.execute(
            insert(Contact),
            [
                {
                    "id": each, **home, "contact_list_id": made.id, "external_id": f"A-{each}",
                    "customer_id": f"C-{each}", "attributes": {}, "created_at": now, "updated_at": now,
                }
                for each in IDS
            ],
        )  # fmt: skip
        values = (("phone", "phone1", NUMBER), ("email", "email", EMAIL))
        addresses = [
            {**home, "contact_id": each, "kind": kind, "name": name, "value": value}
            for each in IDS
            for kind, name, value in values
        ]
        session.execute(insert(Address), addresses)
        return made


def _searched(session: Session, listed: ContactList, typed: str) -> set[int]:
    whole = contacts.search_contacts(session, ROOT, search=typed)
    inside = contacts.search_contacts(session, ROOT, contact_list_id=listed.id, search=typed)
    assert whole.contacts == inside.contacts
    return {view.contact.id for view in whole.contacts}


def _named_in_a_file(session: Session, listed: ContactList) -> set[int]:
    by_number, by_email = exclusions.find(session, listed, [("phone", NUMBER), ("email", EMAIL)])
    assert by_number == by_email
    assert isinstance(by_number, set)
    return by_number


def _opted_out(session: Session, listed: ContactList) -> set[int]:
    number_gate.opt_out_number(session, listed.organization_id, NUMBER, "said so")
    found = session.scalars(select(DncEntry.value).where(DncEntry.kind == "contact_id"))
    return {int(value.removeprefix("A-")) for value in found}


def _person(session: Session, way: str, value: str) -> set[int]:
    return set(finding.find_person(session, ROOT, way, value).contact_ids)


def _come_back(session: Session, listed: ContactList) -> set[int]:
    traces = Traces(frozenset({NUMBER}), frozenset(), frozenset(), frozenset())
    return set(emptying._contacts(session, listed.organization_id, (), traces))


LOOKS: list[Callable[[Session, ContactList], Collection[int]]] = [
    lambda session, listed: _searched(session, listed, "202 555"),
    lambda session, listed: _searched(session, listed, "anna@"),
    _named_in_a_file,
    _opted_out,
    lambda session, _: _person(session, finding.PHONE, NUMBER),
    lambda session, _: _person(session, finding.EMAIL, EMAIL),
    _come_back,
]


@pytest.fixture
def looks(engine: Engine, listed: ContactList) -> Iterator[list[tuple[str, Any]]]:
    """Each statement by the values of addresses."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_others: Any) -> None:
        where = statement.partition("WHERE")[2]
        if "address.value" in where and not statement.startswith("EXPLAIN"):
            asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("look", LOOKS)
def test_are_found_in_every_block_and_by_the_index(
    engine: Engine,
    listed: ContactList,
    looks: list[tuple[str, Any]],
    look: Callable[[Session, ContactList], Collection[int]],
) -> None:
    with write_transaction(engine) as session:
        assert set(look(session, listed)) == set(IDS)
        assert looks
        for statement, parameters in looks:
            _is_by_the_index(session, statement, parameters)


def test_stop_and_start_by_sms_find_the_number_without_an_organization(
    engine: Engine, listed: ContactList, looks: list[tuple[str, Any]]
) -> None:
    with write_transaction(engine) as session:
        session.add(Organization(name="Other", created_at=utcnow()))
        assert receipts.sender_to(session, NUMBER) == "Meadow"
        assert receipts.stop(session, NUMBER, "STOP") == 1
        receipts.start_again(session, NUMBER)
        assert session.scalars(select(DncEntry)).all() == []
        assert len(looks) >= 4
        for statement, parameters in looks:
            _is_by_the_index(session, statement, parameters)


def _is_by_the_index(session: Session, statement: str, parameters: Any) -> None:
    cursor = session.connection().connection.cursor()
    if session.get_bind().dialect.name == "sqlite":
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plan = str(cursor.fetchall())
        assert "ix_address_block (organization_id=? AND <expr>=? AND value" in plan, plan
        return
    # Tables this small are read whole otherwise.
    session.execute(text("SET LOCAL enable_seqscan = off"))
    cursor.execute(f"EXPLAIN {statement}", parameters)
    assert "ix_address_value" in str(cursor.fetchall())


def test_a_database_has_the_one_index_that_suits_it(engine: Engine) -> None:
    with read_transaction(engine) as session:
        if engine.dialect.name == "sqlite":
            wanted = "SELECT sql FROM sqlite_master WHERE name LIKE 'ix_address_%' AND tbl_name = 'address'"
            columns = f"(organization_id, contact_id >> {ADDRESS_BLOCK_BITS}, value)"
        else:
            wanted, columns = (
                "SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'ix_address_%'",
                "(organization_id, value)",
            )
        (definition,) = session.scalars(text(wanted)).all()
        assert definition.endswith(columns)
