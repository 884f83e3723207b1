"""Numbers that came before their kind was kept get it in the background, whoever stops or changes them meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, text, update

from app.db import read_transaction, write_transaction
from app.models import Address, CatchUp, CatchUpName, Contact
from app.services import number_types
from common.clock import utcnow
from tests.support.organizations import World, build

KINDS = {
    "+447400123456": "mobile",
    "+12025550143": "fixed_or_mobile",
    "+442079460958": "fixed_line",
    # Never dialled, but for a range that was open.
    "+19002345678": "premium_rate",
    "+881631234567": "mobile",
    # Of no country's plan: a simulated one.
    "+15550101234": "",
}


@pytest.fixture
def world(engine: Engine) -> World:
    return made(engine)


def made(engine: Engine) -> World:
    """Addresses without a kind, and one whose kind is known and is another than its digits say."""
    with write_transaction(engine) as session:
        world = build(session, "Meadow")
        session.execute(update(Address).values(number_type=""))
        for number, value in enumerate([*KINDS, "+4930123456"]):
            row = Contact(
                organization_id=world.organization_id, contact_list_id=world.contact_list, external_id=f"A-{number}",
                attributes={}, created_at=utcnow(), updated_at=utcnow(),
            )  # fmt: skip
            session.add(row)
            session.flush()
            address = Address(
                organization_id=row.organization_id, contact_id=row.id, kind="phone", name="phone1", value=value,
                number_type="voip" if value == "+4930123456" else "",
            )  # fmt: skip
            session.add(address)
        session.add(CatchUp(name=CatchUpName.NUMBER_TYPES))
    return world


def kinds(engine: Engine) -> dict[str, str]:
    with read_transaction(engine) as session:
        rows = session.execute(select(Address.value, Address.number_type).where(Address.kind == "phone"))
        return {value: kind for value, kind in rows if value in KINDS}


def is_done(engine: Engine) -> bool:
    with read_transaction(engine) as session:
        return session.scalar(select(CatchUp)) is None


def test_each_number_gets_its_kind_and_what_is_known_stays(engine: Engine, world: World) -> None:
    assert number_types.tell_number_types(engine) >= len(KINDS) - 1
    assert kinds(engine) == KINDS
    with read_transaction(engine) as session:
        assert session.scalars(select(Address.number_type).where(Address.value == "+4930123456")).all() == ["voip"]
        assert set(session.scalars(select(Address.number_type).where(Address.kind == "email"))) <= {""}
    assert is_done(engine)
    assert number_types.tell_number_types(engine) == 0


def test_it_goes_on_where_it_was_stopped(engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_types, "_FIRST", 1)
    monkeypatch.setattr(number_types, "_LARGEST", 1)
    told, rounds = 0, 0
    while not is_done(engine):
        looks = iter(range(2))
        told += number_types.tell_number_types(engine, lambda left=looks: next(left, None) is not None)
        rounds += 1
    assert (rounds > 2, kinds(engine)) == (True, KINDS)
    assert told >= len(KINDS) - 1


def test_one_process_at_a_time_is_at_it_until_its_claim_is_over(engine: Engine, world: World) -> None:
    for until, done in ((30, False), (-1, True)):
        with write_transaction(engine) as session:
            session.execute(update(CatchUp).values(claimed_until=utcnow() + timedelta(seconds=until)))
        number_types.tell_number_types(engine)
        assert is_done(engine) is done


def test_whoever_lost_the_claim_leaves_off(engine: Engine, world: World) -> None:
    def taken() -> bool:
        with write_transaction(engine) as session:
            session.execute(update(CatchUp).values(claimed_until=utcnow() + timedelta(seconds=90)))
        return True

    assert number_types.tell_number_types(engine, taken) == 0
    assert set(kinds(engine).values()) == {""}
    assert not is_done(engine)


def test_a_number_that_is_being_changed_is_not_waited_for_and_told_afterwards(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import changes many in its own order: whoever waits for it while it waits for them ends one of the two."""
    monkeypatch.setattr(number_types, "_PAUSE", 0.0)
    made(postgres_engine)
    looks: list[dict[str, str]] = []

    with postgres_engine.connect() as importer:
        importer.execute(text("SELECT 1 FROM address WHERE value = '+447400123456' FOR UPDATE"))

        def look() -> bool:
            looks.append(kinds(postgres_engine))
            if len(looks) == 3:
                importer.rollback()
            return True

        number_types.tell_number_types(postgres_engine, look)
    assert looks[2] == KINDS | {"+447400123456": ""}
    assert kinds(postgres_engine) == KINDS
    assert is_done(postgres_engine)
