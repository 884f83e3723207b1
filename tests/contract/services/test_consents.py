"""The consent ledger on both databases, and that a job which needs consent goes by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from app.core.compliance import Consent
from app.db import read_transaction, write_transaction
from app.models import AuditEntry, ConsentAct, ConsentEvent, Contact
from app.security.access import Actor
from app.services import consents
from app.services.consent_lines import ends_at, said_at
from app.services.consents import ConsentFields
from app.services.number_formats import put_number_defaults
from common import errors
from common.clock import utcnow
from engine.people import look_up
from tests.support.organizations import World, build

ROOT = Actor.system()
PAPER = ConsentFields("email", "Marketing", "paper", "I agree", evidence=("../scan.pdf", b"%PDF"))


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        made = build(session, "Meadow")
        session.get_one(Contact, made.contact).customer_id = "C-7"
        return made


def held(
    engine: Engine,
    world: World,
    channel: str,
    now: datetime | None = None,
    purpose: str = "marketing",
    zones: tuple[str, ...] = (),
) -> Consent:
    moment = now or utcnow()
    people = look_up(engine, world.organization_id, [world.contact], moment, purpose=purpose)
    person = people.persons[world.contact]
    return people.consent(person, person.addresses["email"], channel, zones, moment)


@pytest.mark.parametrize("person", [("contact_id", "Meadow"), ("customer_id", "C-7"), ("email", "Meadow@Example.org")])
def test_consent_is_for_a_channel_and_a_purpose(engine: Engine, world: World, person: tuple[str, str]) -> None:
    assert held(engine, world, "email") is Consent.MISSING
    with write_transaction(engine) as session:
        consents.give(session, ROOT, person, PAPER, world.organization_id)
    assert held(engine, world, "email") is Consent.GIVEN
    assert held(engine, world, "sms") is Consent.MISSING
    assert held(engine, world, "email", purpose="reminders") is Consent.MISSING
    assert held(engine, world, "email", purpose="") is Consent.NOT_NEEDED


def test_what_is_taken_back_stays_in_the_ledger(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        consents.give(session, ROOT, ("customer_id", "C-7"), PAPER, world.organization_id)
        call = ConsentFields("email", "marketing", "call")
        consents.revoke(session, ROOT, ("contact_id", "Meadow"), call, world.organization_id)
    assert held(engine, world, "email") is Consent.REVOKED
    with read_transaction(engine) as session:
        ledger = [event for event in consents.of_contact(session, ROOT, world.contact) if event.purpose == "marketing"]
        assert [event.act for event in ledger] == ["revoked", "given"]
        assert ledger[1].text_shown == "I agree"
        proof = consents.evidence(session, ROOT, ledger[1].evidence_id or 0)
        assert (proof.file_name, proof.body) == ("scan.pdf", b"%PDF")
        actions = select(func.count()).where(AuditEntry.action.in_(["consent.given", "consent.revoked"]))
        assert session.scalar(actions) == 2
        rows = "".join(consents.export_csv(session, ROOT, "marketing")).splitlines()
        assert len(rows) == 3


def test_a_number_without_a_country_code_is_of_the_organizations_own_country(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        home = world.organization_id
        put_number_defaults(session, ROOT, "GB", "", home)
        call = ConsentFields("voice", "marketing", "call")
        assert consents.revoke(session, ROOT, ("phone", "2079460958"), call, home).value == "+442079460958"
        assert len(consents.of_subject(session, ROOT, ("phone", "020 7946 0958"), home)) == 1


def test_a_consent_that_ends_is_over_after_its_moment(engine: Engine, world: World) -> None:
    ends = utcnow() + timedelta(days=1)
    with write_transaction(engine) as session:
        fields = ConsentFields("email", "marketing", "web form", expires_at=ends)
        consents.give(session, ROOT, ("contact_id", "Meadow"), fields, world.organization_id)
    assert held(engine, world, "email", ends - timedelta(seconds=1)) is Consent.GIVEN
    assert held(engine, world, "email", ends) is Consent.EXPIRED


def test_days_of_a_consent_are_of_the_persons_own_calendar(engine: Engine, world: World) -> None:
    new_york, auckland = ("America/New_York",), ("Pacific/Auckland",)
    person, home = ("contact_id", "Meadow"), world.organization_id
    ends, fields = ends_at("2026-01-05"), ConsentFields("email", "marketing", "paper")
    fields = replace(fields, at=datetime(2026, 1, 1, tzinfo=UTC), expires_at=ends.moment, last_day=ends.day)
    with write_transaction(engine) as session:
        consents.give(session, ROOT, person, fields, home)
    assert held(engine, world, "email", datetime(2026, 1, 6, 4, 59, tzinfo=UTC), zones=new_york) is Consent.GIVEN
    assert held(engine, world, "email", datetime(2026, 1, 6, 5, tzinfo=UTC), zones=new_york) is Consent.EXPIRED
    assert held(engine, world, "email", datetime(2026, 1, 5, 11, tzinfo=UTC), zones=auckland) is Consent.EXPIRED

    said = said_at("2026-01-05", ConsentAct.REVOKED, utcnow())
    taken = replace(fields, at=said.moment, said_on=said.day, expires_at=None, last_day=None)
    again = replace(taken, at=datetime(2026, 1, 6, 3, tzinfo=UTC), said_on=None)
    with write_transaction(engine) as session:
        consents.revoke(session, ROOT, person, taken, home)
        consents.give(session, ROOT, person, again, home)
    assert held(engine, world, "email", zones=new_york) is Consent.REVOKED
    assert held(engine, world, "email", zones=auckland) is Consent.GIVEN


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (ConsentFields("fax", "marketing", "paper"), "channel"),
        (ConsentFields("sms", "", "paper"), "purpose"),
        (ConsentFields("sms", "marketing", " "), "source"),
        (ConsentFields("sms", "marketing", "paper", at=utcnow() + timedelta(days=2)), "after this moment"),
        (ConsentFields("sms", "marketing", "paper", expires_at=utcnow() - timedelta(days=2)), "expires_at"),
        (ConsentFields("sms", "marketing", "paper", evidence=("a", bytes(5_000_001))), "evidence"),
    ],
)
def test_refuses_what_is_no_consent_naming_the_mend(
    engine: Engine, world: World, fields: ConsentFields, words: str
) -> None:
    with write_transaction(engine) as session, pytest.raises(errors.Refused, match=words):
        consents.give(session, ROOT, ("contact_id", "Meadow"), fields, world.organization_id)
    with read_transaction(engine) as session:
        others = select(func.count()).select_from(ConsentEvent).where(ConsentEvent.purpose != "news")
        assert session.scalar(others) == 0
