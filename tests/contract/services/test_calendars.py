"""The area-code map, guard times and holidays, and that what the gate knows follows them at once."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, select

from app.core.calendars import WEEKDAYS
from app.core.compliance import Allowed, Refused
from app.db import read_transaction, write_transaction
from app.models import Address, CallingWindow, Contact, Trunk
from app.security.access import Actor
from app.services import calendars
from app.services.calendars import CalendarReader, HolidayFields, ZoneRuleFields
from app.services.number_gate import check_number, rules_of
from common import errors
from tests.support.organizations import World, build

ROOT = Actor.system()
DAYTIME = {day: [["08:00", "21:00"]] for day in WEEKDAYS}
NUMBER = "+12025550199"
#: A Monday, 12:00 in Washington and 07:00 in Honolulu.
NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        made = build(session, "Meadow")
        session.get_one(CallingWindow, made.calling_window).hours = DAYTIME
        for guard in calendars.list_guard_times(session, ROOT):
            calendars.delete_guard_time(session, ROOT, guard.id)
        for holiday in calendars.list_holidays(session, ROOT):
            calendars.delete_holiday(session, ROOT, holiday.id)
        return made


def verdict(engine: Engine, world: World) -> Allowed | Refused:
    with read_transaction(engine) as session:
        window = session.get_one(CallingWindow, world.calling_window)
        rules = rules_of(session, world.organization_id, window, session.get_one(Trunk, world.trunk))
        return check_number(session, world.organization_id, NUMBER, rules, NOON)


def test_a_line_of_the_map_moves_a_number_without_importing_it_again(engine: Engine, world: World) -> None:
    assert verdict(engine, world) == Allowed()
    with write_transaction(engine) as session:
        fields = ZoneRuleFields("+1 202", ["Pacific/Honolulu"], "hi", "wireless", "555", "556")
        calendars.put_zone_rule(session, ROOT, fields, world.organization_id)
    moved = verdict(engine, world)
    assert isinstance(moved, Refused)
    assert "Pacific/Honolulu" in moved.detail


def test_a_guard_time_of_the_state_holds_at_once(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        hours = {day: [["14:00", "20:00"]] for day in WEEKDAYS}
        calendars.put_guard_time(session, ROOT, "state", "us-dc", hours, "a statute", world.organization_id)
    held = verdict(engine, world)
    assert isinstance(held, Refused)
    assert held.until == datetime(2026, 1, 5, 19, tzinfo=UTC)
    with write_transaction(engine) as session:
        calendars.put_guard_time(session, ROOT, "state", "US-DC", DAYTIME, "", world.organization_id)
        assert len(calendars.list_guard_times(session, ROOT)) == 1
    assert verdict(engine, world) == Allowed()


def test_public_holidays_are_the_windows_choice(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        session.get_one(CallingWindow, world.calling_window).public_holidays = "skip"
        fields = HolidayFields(date(2026, 1, 5), "Day off", "us", campaign_id=world.campaign)
        calendars.add_holiday(session, ROOT, fields, world.organization_id)
    # A campaign's holiday is that campaign's alone; a test call belongs to none.
    assert verdict(engine, world) == Allowed()
    with write_transaction(engine) as session:
        calendars.add_holiday(session, ROOT, HolidayFields(date(2026, 1, 5), "Day off"), world.organization_id)
    held = verdict(engine, world)
    assert isinstance(held, Refused)
    assert (held.code, held.detail) == ("RESTRICTED_HOLIDAY", "Day off on 2026-01-05")


def test_places_of_contacts_with_the_number_count_too(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        contact = session.get_one(Contact, world.contact)
        contact.time_zone = "Pacific/Honolulu"
        address = session.scalars(select(Address).where(Address.contact_id == contact.id)).one()
        address.kind, address.value = "phone", NUMBER
    held = verdict(engine, world)
    assert isinstance(held, Refused)
    assert held.code in ("RESTRICTED_TIME", "IN_DNC_LIST")


def test_engines_see_a_change_at_their_next_look(engine: Engine, world: World) -> None:
    reader = CalendarReader()
    home = world.organization_id
    with read_transaction(engine) as session:
        first = reader.read(session, [home])[home]
        assert reader.read(session, [home])[home] is first
    with write_transaction(engine) as session:
        calendars.put_guard_time(session, ROOT, "country", "US", DAYTIME, "", home)
    with read_transaction(engine) as session:
        assert len(reader.read(session, [home])[home].guards) == 1
    with write_transaction(engine) as session:
        calendars.delete_guard_time(session, ROOT, calendars.list_guard_times(session, ROOT)[0].id)
    with read_transaction(engine) as session:
        assert reader.read(session, [home])[home].guards == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (ZoneRuleFields("202", ["America/New_York"]), "prefix"),
        (ZoneRuleFields("+1202", ["America/Nowhere"]), "America/Nowhere is not a known time zone"),
        (ZoneRuleFields("+1202", []), "none is not a known time zone"),
        (ZoneRuleFields("+1202", ["America/New_York"], first="60", last="599"), "as many digits"),
        (ZoneRuleFields("US:902", ["America/New_York"], first="10", last="20"), "range"),
        (ZoneRuleFields("+1202", ["America/New_York"], line="satellite"), "wired"),
    ],
)
def test_refuses_lines_naming_field_and_mend(engine: Engine, world: World, fields: ZoneRuleFields, words: str) -> None:
    with write_transaction(engine) as session, pytest.raises(errors.Refused, match=words):
        calendars.put_zone_rule(session, ROOT, fields, world.organization_id)


@pytest.mark.parametrize(
    ("scope", "key"), [("planet", "Mars"), ("zone", "Mars/Olympus"), ("state", "Florida"), ("country", "ZZ")]
)
def test_refuses_a_guard_time_of_nowhere(engine: Engine, world: World, scope: str, key: str) -> None:
    with write_transaction(engine) as session, pytest.raises(errors.Refused, match=r"scope|key"):
        calendars.put_guard_time(session, ROOT, scope, key, DAYTIME, "", world.organization_id)
