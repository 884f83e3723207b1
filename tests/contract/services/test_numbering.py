"""What organizations lay down about numbers, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.compliance import Allowed
from app.core.compliance import Refused as RefusedByGate
from app.core.phone import Numbering
from app.db import write_transaction
from app.models import (
    Address,
    Attribute,
    AuditEntry,
    CallingWindow,
    Contact,
    DialingRuleRow,
    NumberFormatRow,
    RejectPatternRow,
    Trunk,
)
from app.security.access import EVERYTHING, Actor, Permission
from app.services import (
    contact_editing,
    contact_push,
    dialing_rules,
    dnc,
    number_formats,
    number_gate,
    number_trials,
    refused_numbers,
    trunks,
    undo,
)
from app.services.contact_editing import BadContact, Edit, EditedAddress
from app.services.dialing_rules import DialingRuleFields
from app.services.number_formats import NumberFormatFields
from app.services.numbering import NumberingReader
from app.services.refused_numbers import OpenedRangeFields, RejectPatternFields
from common.clock import utcnow
from common.errors import Refused
from tests.support.organizations import World, build

ROOT = Actor.system()
LONDON, PREMIUM = "+442079460958", "+19005551234"


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with write_transaction(engine) as opened:
        yield opened


@pytest.fixture
def world(session: Session) -> World:
    made = build(session, "Meadow")
    dialing_rules.delete_dialing_rule(session, ROOT, made.dialing_rule)
    number_formats.delete_number_format(session, ROOT, made.number_format)
    number_formats.put_number_defaults(session, ROOT, "", "", made.organization_id)
    refused_numbers.delete_reject_pattern(session, ROOT, made.reject_pattern)
    refused_numbers.close_range(session, ROOT, made.opened_range)
    return made


def tried(session: Session, world: World, text: str = LONDON) -> tuple[str, str]:
    found = number_trials.try_number(session, ROOT, text, world.trunk, organization_id=world.organization_id)
    return found.dialled or found.refusal, found.rule


def test_rules_are_tried_in_their_order_which_can_be_changed(session: Session, world: World) -> None:
    assert tried(session, world) == (LONDON, "")
    home = world.organization_id
    rules = [
        dialing_rules.add_dialing_rule(session, ROOT, DialingRuleFields(name, prepend=digit, written="digits"), home)
        for name, digit in (("first", "7"), ("second", "8"), ("third", "9"))
    ]
    assert tried(session, world) == ("7442079460958", "first")
    for _ in range(3):
        dialing_rules.move_dialing_rule(session, ROOT, rules[2].id, up=True)
    assert [row.name for row in dialing_rules.list_dialing_rules(session, ROOT)] == ["third", "first", "second"]
    assert tried(session, world) == ("9442079460958", "third")
    kept = undo.keep(session, ROOT, DialingRuleRow, rules[2].id)
    dialing_rules.delete_dialing_rule(session, ROOT, rules[2].id)
    assert tried(session, world)[1] == "first"
    undo.put_back(session, ROOT, kept)
    assert tried(session, world)[1] == "third"


def test_a_number_that_is_tried_shows_where_it_is_from(session: Session, world: World) -> None:
    found = number_trials.try_number(session, ROOT, LONDON, world.trunk, organization_id=world.organization_id)
    assert (found.origin.region, found.origin.type) == ("London", "fixed_line")


def test_what_is_no_number_has_no_rule(session: Session, world: World) -> None:
    fields = DialingRuleFields("all", prepend="9", written="digits")
    dialing_rules.add_dialing_rule(session, ROOT, fields, world.organization_id)
    assert tried(session, world, "911")[0].startswith("has no country code")
    assert "premium" in tried(session, world, "+1 900 555 1234")[0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (DialingRuleFields(" "), "name"),
        (DialingRuleFields("x", country="XX"), "country"),
        (DialingRuleFields("x", prefix="2x"), "prefix"),
        (DialingRuleFields("x", type="landline"), "type"),
        (DialingRuleFields("x", written="backwards"), "written"),
        (DialingRuleFields("x", strip=16), "strip"),
        (DialingRuleFields("x", strip_prefix="*"), "strip_prefix"),
        (DialingRuleFields("x", prepend="9;x"), "prepend"),
        (DialingRuleFields("x", trunk_id=999_999), "trunk_id"),
    ],
)
def test_a_field_that_cannot_be_is_named(session: Session, world: World, fields: DialingRuleFields, field: str) -> None:
    with pytest.raises(Refused, match=f"^{field}: "):
        dialing_rules.add_dialing_rule(session, ROOT, fields, world.organization_id)


def test_a_trunk_with_rules_of_its_own_stays(session: Session, world: World) -> None:
    trunk = Trunk(organization_id=world.organization_id, name="Spare", host="192.0.2.1")
    session.add(trunk)
    session.flush()
    fields = DialingRuleFields("spare", trunk_id=trunk.id)
    rule = dialing_rules.add_dialing_rule(session, ROOT, fields, world.organization_id)
    with pytest.raises(Refused, match="dialing rules"):
        trunks.delete_trunk(session, ROOT, trunk.id)
    dialing_rules.delete_dialing_rule(session, ROOT, rule.id)
    trunks.delete_trunk(session, ROOT, trunk.id)


def test_engines_read_it_anew_when_it_has_changed(session: Session, world: World) -> None:
    reader, home = NumberingReader(), world.organization_id
    assert reader.read(session, [home]) == {home: Numbering()}
    rule = dialing_rules.add_dialing_rule(session, ROOT, DialingRuleFields("x", prepend="9"), home)
    assert [each.name for each in reader.read(session, [home])[home].dialing] == ["x"]
    dialing_rules.delete_dialing_rule(session, ROOT, rule.id)
    assert reader.read(session, [home]) == {home: Numbering()}


def test_a_pattern_refuses_what_comes_and_stops_what_is_there(session: Session, world: World) -> None:
    home = world.organization_id
    fields = RejectPatternFields("20 7946*", "the broadcaster's", "gb")
    refused_numbers.put_reject_pattern(session, ROOT, fields, home)
    row = refused_numbers.put_reject_pattern(session, ROOT, replace(fields, reason="not ours"), home)
    assert (row.pattern, row.country) == ("207946*", "GB")
    why = "matches the reject pattern 207946*: not ours"
    assert tried(session, world) == (why, "")
    contacts = [{"id": "x", "phone1": LONDON}, {"id": "y", "phone1": "+442079470958"}]
    pushed = contact_push.push(session, ROOT, world.contact_list, contacts)
    assert [(fault.index, fault.field, fault.reason) for fault in pushed.faults] == [(0, "phone1", why)]
    kept = undo.keep(session, ROOT, RejectPatternRow, row.id)
    refused_numbers.delete_reject_pattern(session, ROOT, row.id)
    assert tried(session, world)[0] == LONDON
    undo.put_back(session, ROOT, kept)
    assert tried(session, world)[0] == why


def test_the_gate_of_a_number_without_a_job_sees_patterns_and_ranges(session: Session, world: World) -> None:
    window, trunk = session.get_one(CallingWindow, world.calling_window), session.get_one(Trunk, world.trunk)
    window.always_open, home = True, world.organization_id
    rules = number_gate.rules_of(session, home, window, trunk)

    def verdict(number: str) -> object:
        found = number_gate.check_number(session, home, number, rules, utcnow())
        return found.detail if isinstance(found, RefusedByGate) else found

    assert verdict(LONDON) == Allowed()
    refused_numbers.put_reject_pattern(session, ROOT, RejectPatternFields("+44*"), home)
    assert verdict(LONDON) == "matches the reject pattern +44*"
    assert verdict(PREMIUM) == "a premium-rate number is never dialled"
    refused_numbers.open_range(session, ROOT, OpenedRangeFields("+1900", utcnow().date(), "our own line"), home)
    assert verdict(PREMIUM) == Allowed()


def test_a_range_is_opened_for_a_reason_and_a_time_and_the_trail_has_both(session: Session, world: World) -> None:
    home, today = world.organization_id, utcnow().date()
    row = refused_numbers.open_range(session, ROOT, OpenedRangeFields("+1 900", today, "our  own line"), home)
    assert tried(session, world, PREMIUM)[0] == PREMIUM
    again = refused_numbers.open_range(session, ROOT, OpenedRangeFields("+1900", today, "longer"), home)
    assert again.id == row.id
    refused_numbers.close_range(session, ROOT, row.id)
    assert "premium" in tried(session, world, PREMIUM)[0]
    found = session.scalars(select(AuditEntry).where(AuditEntry.kind == "opened_range").order_by(AuditEntry.id))
    told = [(entry.action, (entry.after or entry.before or {})["reason"]) for entry in found]
    assert told[-3:] == [
        ("number_range.open", "our own line"),
        ("number_range.open", "longer"),
        ("number_range.close", "longer"),
    ]


@pytest.mark.parametrize(
    ("prefix", "days", "reason", "field"),
    [
        ("911", 1, "x", "prefix"),
        ("+", 1, "x", "prefix"),
        ("+1900", 1, " ", "reason"),
        ("+1900", -1, "x", "last_day"),
        ("+1900", 366, "x", "last_day"),
    ],
)
def test_a_range_that_cannot_be_opened_says_why(
    session: Session, world: World, prefix: str, days: int, reason: str, field: str
) -> None:
    fields = OpenedRangeFields(prefix, utcnow().date() + timedelta(days=days), reason)
    with pytest.raises(Refused, match=f"^{field}: "):
        refused_numbers.open_range(session, ROOT, fields, world.organization_id)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (RejectPatternFields("9x"), "pattern"),
        (RejectPatternFields("9*", country="XX"), "country"),
        (RejectPatternFields("+9*", country="US"), "country"),
        (RejectPatternFields("9*", "x" * 256), "reason"),
    ],
)
def test_a_pattern_that_cannot_be_says_why(
    session: Session, world: World, fields: RejectPatternFields, field: str
) -> None:
    with pytest.raises(Refused, match=f"^{field}: "):
        refused_numbers.put_reject_pattern(session, ROOT, fields, world.organization_id)


def test_whoever_has_a_number_of_an_open_range_can_say_no(session: Session, world: World) -> None:
    dnc.add(session, ROOT, [("phone", PREMIUM)], organization_id=world.organization_id)
    assert [hit.value for hit in dnc.blocked(session, world.organization_id, [("phone", PREMIUM)])] == [PREMIUM]


def test_a_pattern_that_is_not_kept_is_tried_on_a_number(session: Session, world: World) -> None:
    def matches(pattern: str, text: str = LONDON) -> bool:
        return number_trials.try_number(session, ROOT, text, 0, "", world.organization_id, pattern).matches

    assert matches("20*")
    assert not matches("21*")
    assert matches("900*", PREMIUM)
    with pytest.raises(Refused, match=r"^pattern: is tried on"):
        matches("20*", "911")


def test_a_format_mends_what_comes_by_every_way(session: Session, world: World) -> None:
    home = world.organization_id
    assert (
        "too few digits" in tried(session, world, "1#5550123")[0]
        or "extension" in tried(session, world, "1#5550123")[0]
    )
    fields = NumberFormatFields("us", "10", local="[2-9]?????? 212")
    row = number_formats.put_number_format(session, ROOT, fields, home)
    number_formats.put_number_defaults(session, ROOT, "us", "#", home)
    assert (tried(session, world, "1#5550123")[0], tried(session, world, "555 0123")[0]) == ("+12125550123",) * 2
    contacts = [{"id": "x", "phone1": "5550123"}, {"id": "y", "phone1": "44#2079470958"}, {"id": "z", "phone1": "911"}]
    pushed = contact_push.push(session, ROOT, world.contact_list, contacts)
    assert (pushed.added, [fault.index for fault in pushed.faults]) == (2, [2])
    kept = undo.keep(session, ROOT, NumberFormatRow, row.id)
    number_formats.delete_number_format(session, ROOT, row.id)
    assert "too few" in tried(session, world, "555 0123")[0]
    undo.put_back(session, ROOT, kept)
    assert tried(session, world, "555 0123")[0] == "+12125550123"
    assert number_formats.home_country_of(session, home) == "US"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (NumberFormatFields("XX", "9"), "country"),
        (NumberFormatFields("DE"), "lengths"),
        (NumberFormatFields("DE", "99"), "lengths"),
        (NumberFormatFields("DE", pad=16), "pad"),
        (NumberFormatFields("DE", trunk_prefix="+"), "trunk_prefix"),
        (NumberFormatFields("DE", local="5* 30"), "local"),
    ],
)
def test_a_format_that_cannot_be_says_why(
    session: Session, world: World, fields: NumberFormatFields, field: str
) -> None:
    with pytest.raises(Refused, match=f"^{field}: "):
        number_formats.put_number_format(session, ROOT, fields, world.organization_id)


@pytest.mark.parametrize(("country", "separator", "field"), [("XX", "", "home_country"), ("", "-", "separator")])
def test_defaults_that_cannot_be_say_why(
    session: Session, world: World, country: str, separator: str, field: str
) -> None:
    with pytest.raises(Refused, match=f"^{field}: "):
        number_formats.put_number_defaults(session, ROOT, country, separator, world.organization_id)


def test_addresses_have_order_and_kind_whichever_way_they_come(session: Session, world: World) -> None:
    row = {"id": "many", "email": "a@b.example", "phone2": "+447400123456", "phone1": "+4930901820", "email2": ""}
    assert contact_push.push(session, ROOT, world.contact_list, [row]).added == 1
    contact_id = contact_push.find_pushed(session, ROOT, world.contact_list, "many")

    def addresses() -> list[tuple[str, int, str, str]]:
        mine = select(Address).where(Address.contact_id == contact_id).order_by(Address.position, Address.name)
        rows = session.scalars(mine.execution_options(populate_existing=True))
        return [(row.name, row.position, row.country, row.number_type) for row in rows]

    phone1, phone2 = ("phone1", 1, "DE", "fixed_line"), ("phone2", 2, "GB", "mobile")
    assert addresses() == [("email", 1, "", ""), phone1, phone2]
    order = [
        ("phone2", "phone", "+447400123456"),
        ("email", "email", "a@b.example"),
        ("phone1", "phone", "+4930901820"),
    ]
    edited = [EditedAddress(*each) for each in order] + [EditedAddress("", "phone", "+16135550123")]
    contact_editing.edit_contact(session, ROOT, contact_id, Edit({}, {}, edited))
    by_hand = [("phone2", 1, "GB", "mobile"), ("email", 2, "", ""), ("phone1", 3, "DE", "fixed_line")]
    by_hand.append(("phone3", 4, "CA", "fixed_or_mobile"))
    assert addresses() == by_hand
    # A file or a program says nothing of the order, and an address that stays is no change.
    assert contact_push.push(session, ROOT, world.contact_list, [{**row, "phone1": "+4930901821"}]).updated == 1
    assert addresses() == by_hand


def test_sip_addresses_come_from_administrators_alone(session: Session, world: World) -> None:
    session.add(Attribute(organization_id=world.organization_id, name="desk", type="sip"))
    session.flush()
    row = {"id": "desk", "phone1": LONDON, "desk": "sip:desk@pbx.example"}
    (fault,) = contact_push.push(session, ROOT, world.contact_list, [row]).faults
    assert (fault.field, fault.reason.partition(",")[0]) == ("desk", "SIP addresses come from administrators only")
    manager = Actor(None, "anna", world.organization_id, EVERYTHING - {Permission.SETTINGS_MANAGE})
    contact = session.get_one(Contact, world.contact)
    assert "desk" not in [each.name for each in contact_editing.editable(session, manager, contact)]
    address = [EditedAddress("phone1", "phone", LONDON)]
    contact_editing.edit_contact(session, manager, contact.id, Edit({}, {"desk": row["desk"]}, address))
    assert "desk" not in contact.attributes
    contact_editing.edit_contact(session, ROOT, contact.id, Edit({}, {"desk": row["desk"]}, address))
    assert contact.attributes["desk"] == row["desk"]
    with pytest.raises(BadContact, match="holds the sign"):
        sip = [EditedAddress("phone1", "phone", row["desk"])]
        contact_editing.edit_contact(session, ROOT, contact.id, Edit({}, {}, sip))
