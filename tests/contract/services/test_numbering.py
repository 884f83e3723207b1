"""What organizations lay down about numbers, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.phone import Numbering
from app.db import write_transaction
from app.models import DialingRuleRow, Trunk
from app.security.access import Actor
from app.services import dialing_rules, numbering, trunks, undo
from app.services.dialing_rules import DialingRuleFields
from app.services.numbering import NumberingReader
from common.errors import Refused
from tests.support.organizations import World, build

ROOT = Actor.system()
LONDON = "+442079460958"


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with write_transaction(engine) as opened:
        yield opened


@pytest.fixture
def world(session: Session) -> World:
    made = build(session, "Meadow")
    dialing_rules.delete_dialing_rule(session, ROOT, made.dialing_rule)
    return made


def tried(session: Session, world: World, text: str = LONDON) -> tuple[str, str]:
    found = numbering.try_number(session, ROOT, text, world.trunk, organization_id=world.organization_id)
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
