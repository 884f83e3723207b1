"""Do not call by customer, by group and until a day, as the gate sees it on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from app.core.calendars import place_of
from app.db import read_transaction, write_transaction
from app.models import Address, Attempt, Contact, DncEntry
from app.security.access import Actor
from app.services import dnc, dnc_groups
from app.services.calendars import Calendar
from common import errors
from engine.people import listed_attempts, look_up
from tests.support.organizations import World, build

ROOT = Actor.system()
NOW = datetime(2026, 1, 5, 17, tzinfo=UTC)
NUMBER = "+12025550199"


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        made = build(session, "Meadow")
        for entry in session.scalars(select(DncEntry)):
            session.delete(entry)
        contact = session.get_one(Contact, made.contact)
        contact.customer_id = "C-7"
        address = Address(
            organization_id=made.organization_id, contact_id=contact.id, kind="phone", name="phone1", value=NUMBER,
            country="US", time_zones="America/New_York",
        )  # fmt: skip
        session.add(address)
        return made


def add(engine: Engine, world: World, subjects: Sequence[tuple[str, str]], **more: object) -> None:
    with write_transaction(engine) as session:
        dnc.add(session, ROOT, subjects, organization_id=world.organization_id, **more)


def held_by(engine: Engine, world: World, now: datetime = NOW, campaign_id: int | None = None) -> dict[str, str]:
    """The list that holds each address of the contact, by the address's name."""
    people = look_up(engine, world.organization_id, [world.contact], now, campaign_id)
    person = people.persons[world.contact]
    return {
        name: people.list_holding(person, row, place_of(person.known(row)).zones, now)
        for name, row in person.addresses.items()
    }


@pytest.mark.parametrize("subject", [("customer_id", "C-7"), ("contact_id", "Meadow")])
def test_a_person_is_blocked_by_every_address(engine: Engine, world: World, subject: tuple[str, str]) -> None:
    assert held_by(engine, world) == {"email": "", "phone1": ""}
    add(engine, world, [subject])
    assert held_by(engine, world) == {"email": dnc.OWN_LIST, "phone1": dnc.OWN_LIST}


def test_an_opt_out_in_a_call_lists_the_customer_too(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        dnc.opt_out_after(session, session.get_one(Attempt, world.attempt))
        kinds = {(entry.kind, entry.value) for entry in session.scalars(select(DncEntry))}
    assert ("customer_id", "C-7") in kinds
    assert ("contact_id", "Meadow") in kinds


def test_an_entry_of_a_day_ends_at_midnight_where_the_person_is(engine: Engine, world: World) -> None:
    add(engine, world, [("phone", NUMBER)], until=date(2026, 1, 5))
    midnight = datetime(2026, 1, 6, 5, tzinfo=UTC)  # in New York
    assert held_by(engine, world, midnight - timedelta(seconds=1))["phone1"] == dnc.OWN_LIST
    assert held_by(engine, world, midnight)["phone1"] == ""


def test_what_is_listed_is_only_ever_prolonged(engine: Engine, world: World) -> None:
    add(engine, world, [("phone", NUMBER)], until=date(2026, 1, 7))
    add(engine, world, [("phone", NUMBER)], until=date(2026, 1, 6))
    with read_transaction(engine) as session:
        assert session.scalars(select(DncEntry.until_day)).one() == date(2026, 1, 7)
    add(engine, world, [("phone", NUMBER)])
    add(engine, world, [("phone", NUMBER)], until=date(2026, 1, 9))
    with read_transaction(engine) as session:
        entry = session.scalars(select(DncEntry)).one()
        assert (entry.until, entry.until_day) == (None, None)


def test_a_list_by_group_holds_for_the_campaigns_that_chose_it(engine: Engine, world: World) -> None:
    home, campaign = world.organization_id, world.campaign
    with write_transaction(engine) as session:
        product = dnc.create_dnc_list(session, ROOT, "One product", home)
        dnc_groups.set_by_group(session, ROOT, product.id, True)
    add(engine, world, [("phone", NUMBER)], dnc_list_id=product.id)
    assert held_by(engine, world, campaign_id=campaign)["phone1"] == ""
    # Where no campaign is known (a test call), every list holds.
    assert held_by(engine, world)["phone1"] == "One product"
    with write_transaction(engine) as session:
        group = dnc_groups.put_group(session, ROOT, "Product", [product.id], [campaign], home)
    assert held_by(engine, world, campaign_id=campaign)["phone1"] == "One product"
    with write_transaction(engine) as session:
        assert dnc_groups.put_group(session, ROOT, "Product", [product.id], [], home).id == group.id
    assert held_by(engine, world, campaign_id=campaign)["phone1"] == ""


def test_refuses_a_group_of_others_lists(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session, pytest.raises(errors.Refused, match="lists"):
        dnc_groups.put_group(session, ROOT, "Theirs", [10_000], [], world.organization_id)


@pytest.mark.parametrize("subject", [("phone", NUMBER), ("contact_id", "Meadow"), ("customer_id", "C-7")])
def test_a_call_that_rings_is_found_at_the_next_look(engine: Engine, world: World, subject: tuple[str, str]) -> None:
    def listed() -> set[tuple[int, str]]:
        calls = [(world.contact, NUMBER)]
        return listed_attempts(engine, world.organization_id, world.campaign, Calendar().zones, calls, NOW)

    assert listed() == set()
    add(engine, world, [subject])
    assert listed() == {(world.contact, NUMBER)}


def test_a_call_whose_contact_is_out_of_sight_is_found_by_its_number(engine: Engine, world: World) -> None:
    add(engine, world, [("phone", NUMBER)])
    calls = [(world.contact + 1_000, NUMBER), (world.contact + 1_000, "+12125550199")]
    found = listed_attempts(engine, world.organization_id, world.campaign, Calendar().zones, calls, NOW)
    assert found == {(world.contact + 1_000, NUMBER)}


def test_a_call_is_not_ended_by_an_entry_whose_day_is_over_there(engine: Engine, world: World) -> None:
    add(engine, world, [("phone", NUMBER)], until=date(2026, 1, 4))
    calls = [(world.contact, NUMBER)]
    assert listed_attempts(engine, world.organization_id, world.campaign, Calendar().zones, calls, NOW) == set()
