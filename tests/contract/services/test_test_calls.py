"""Test calls as they are asked for, and the gate for a number outside of jobs, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.compliance import Allowed, Rules
from app.core.compliance import Refused as RefusedByGate
from app.db import write_transaction
from app.models import (
    Address,
    AuditEntry,
    CallingWindow,
    Contact,
    ContactList,
    Organization,
    OutboxEvent,
    TestCallState,
    Trunk,
)
from app.security.access import Actor
from app.services import dnc, scripts, test_calls
from app.services.calendars import Calendar
from app.services.number_gate import NumberRules, check_number, opt_out_number
from app.services.test_calls import Wanted
from common.clock import utcnow
from common.errors import Refused

ROOT = Actor.system()
#: Monday, 12:00 in New York.
NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)
DAYTIME = {day: [["08:00", "21:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
OPEN = NumberRules(Rules(DAYTIME), Calendar())
NEW_YORK, LOS_ANGELES = "+12125550140", "+12135550140"
GOOD = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>Hi</block></form></vxml>'


@dataclass(frozen=True, slots=True)
class Made:
    home: int
    revision_id: int
    wanted: Wanted
    #: A trunk that is not simulated, and a window with hours.
    real_trunk: int
    daytime: int


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with write_transaction(engine) as opened:
        yield opened


@pytest.fixture
def made(session: Session) -> Made:
    organization = Organization(name="Harbour Clinic", created_at=NOON)
    session.add(organization)
    session.flush()
    home = organization.id
    script = scripts.create_script(session, ROOT, "Visit", "", home)
    revision = scripts.upload_revision(session, ROOT, script.id, scripts.prepare("main.vxml", GOOD))
    always = CallingWindow(organization_id=home, name="Always", hours={}, always_open=True)
    daytime = CallingWindow(organization_id=home, name="Daytime", hours=DAYTIME)
    simulated = Trunk(name="Simulated", host="127.0.0.1", simulated=True)
    real = Trunk(name="Carrier", host="192.0.2.1")
    session.add_all([always, daytime, simulated, real])
    session.flush()
    wanted = Wanted(NEW_YORK, simulated.id, always.id, "+15550100000", {"first_name": "Ana"})
    return Made(home, revision.id, wanted, real.id, daytime.id)


def someone(session: Session, made: Made, number: str, time_zone: str = "") -> None:
    listed = ContactList(organization_id=made.home, name="People", created_at=NOON, updated_at=NOON)
    session.add(listed)
    session.flush()
    person = Contact(
        organization_id=made.home,
        contact_list_id=listed.id,
        external_id="P1",
        time_zone=time_zone,
        attributes={},
        created_at=NOON,
        updated_at=NOON,
    )
    session.add(person)
    session.flush()
    session.add(Address(organization_id=made.home, contact_id=person.id, kind="phone", name="phone1", value=number))
    session.flush()


def test_a_request_is_queued_audited_and_told_to_the_engines(session: Session, made: Made) -> None:
    call = test_calls.request(session, ROOT, made.revision_id, made.wanted)
    assert (call.state, call.address, call.values) == (TestCallState.QUEUED, NEW_YORK, {"first_name": "Ana"})
    assert call.organization_id == made.home
    hint = session.scalars(select(OutboxEvent).where(OutboxEvent.topic == test_calls.TOPIC)).one()
    assert hint.payload == {"test_call_id": call.id}
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "test_call.request")).one()
    assert entry.object_id == call.id
    assert NEW_YORK not in repr(entry.after)


def test_cancelling_what_no_engine_took_ends_it_at_once(session: Session, made: Made) -> None:
    call = test_calls.request(session, ROOT, made.revision_id, made.wanted)
    test_calls.cancel(session, ROOT, call.id)
    assert (call.state, call.completion_code) == (TestCallState.DONE, "CANCELLED_BY_SYSTEM")
    test_calls.cancel(session, ROOT, call.id)
    assert len(session.scalars(select(AuditEntry).where(AuditEntry.action == "test_call.cancel")).all()) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"number": "call me"}, "^number: "),
        ({"number": "sip:a@127.0.0.1"}, "^number: "),
        ({"sender": "me"}, "^sender: "),
        ({"trunk_id": 999}, "^trunk_id: "),
        ({"calling_window_id": 999}, "^calling_window_id: "),
        ({"values": {"first name": "x"}}, "^values: "),
    ],
)
def test_refuses_a_request_naming_the_field(
    session: Session, made: Made, change: dict[str, object], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        test_calls.request(session, ROOT, made.revision_id, replace(made.wanted, **change))


def test_an_open_window_needs_a_simulated_trunk(session: Session, made: Made) -> None:
    with pytest.raises(Refused, match="simulated"):
        test_calls.request(session, ROOT, made.revision_id, replace(made.wanted, trunk_id=made.real_trunk))
    lawful = replace(made.wanted, trunk_id=made.real_trunk, calling_window_id=made.daytime)
    assert test_calls.request(session, ROOT, made.revision_id, lawful).id
    with pytest.raises(Refused, match=r"^number: "):
        # No such number exists; the simulated carrier alone takes it.
        test_calls.request(session, ROOT, made.revision_id, replace(lawful, number="+1555"))


def test_a_revision_with_errors_is_not_heard(session: Session, made: Made) -> None:
    script = scripts.create_script(session, ROOT, "Broken", "", made.home)
    broken = scripts.upload_revision(session, ROOT, script.id, scripts.prepare("main.vxml", b"<vxml><form></vxml>"))
    with pytest.raises(Refused, match="errors"):
        test_calls.request(session, ROOT, broken.id, made.wanted)


def test_only_so_many_at_one_time(session: Session, made: Made) -> None:
    for _ in range(test_calls.MOST):
        last = test_calls.request(session, ROOT, made.revision_id, made.wanted)
    with pytest.raises(Refused, match="under way"):
        test_calls.request(session, ROOT, made.revision_id, made.wanted)
    test_calls.cancel(session, ROOT, last.id)
    assert test_calls.request(session, ROOT, made.revision_id, made.wanted).id


def test_reads_values_line_by_line() -> None:
    assert test_calls.read_values("a=1\n\nb = x=y \n") == {"a": "1", "b": "x=y"}
    with pytest.raises(Refused, match="line 2"):
        test_calls.read_values("a=1\nb")


# The gate


def test_the_gate_keeps_the_hours_of_the_numbers_own_zone(session: Session, made: Made) -> None:
    morning = datetime(2026, 1, 5, 14, tzinfo=UTC)  # 9:00 in New York, 6:00 in Los Angeles
    assert isinstance(check_number(session, made.home, NEW_YORK, OPEN, morning), Allowed)
    early = check_number(session, made.home, LOS_ANGELES, OPEN, morning)
    assert isinstance(early, RefusedByGate)
    assert (early.code, early.until) == ("RESTRICTED_TIME", datetime(2026, 1, 5, 16, tzinfo=UTC))


def test_the_gate_fails_closed_where_the_zone_is_unknown(session: Session, made: Made) -> None:
    for number in ("+1555010", "sip:a@127.0.0.1"):
        verdict = check_number(session, made.home, number, OPEN, NOON)
        assert isinstance(verdict, RefusedByGate)
        assert verdict.code == "RESTRICTED_TIME"


def test_the_zone_given_with_a_contact_counts_too(session: Session, made: Made) -> None:
    someone(session, made, NEW_YORK, "Pacific/Auckland")
    verdict = check_number(session, made.home, NEW_YORK, OPEN, NOON)
    assert isinstance(verdict, RefusedByGate)


def test_the_gate_hears_every_list_that_holds_the_number_or_its_holder(session: Session, made: Made) -> None:
    someone(session, made, NEW_YORK)
    always = NumberRules(Rules({}, always_open=True, simulated_trunk=True), Calendar())
    assert isinstance(check_number(session, made.home, NEW_YORK, always, NOON), Allowed)
    dnc.add(session, ROOT, [("contact_id", "P1")], organization_id=made.home)
    refused = check_number(session, made.home, NEW_YORK, always, NOON)
    assert isinstance(refused, RefusedByGate)
    assert refused.code == "IN_DNC_LIST"
    common = dnc.create_dnc_list(session, ROOT, "National", common=True)
    dnc.add(session, ROOT, [("phone", LOS_ANGELES)], dnc_list_id=common.id)
    assert isinstance(check_number(session, made.home, LOS_ANGELES, always, NOON), RefusedByGate)


def test_an_open_window_on_a_real_trunk_is_refused_by_the_gate_too(session: Session, made: Made) -> None:
    rules = NumberRules(Rules({}, always_open=True), Calendar())
    verdict = check_number(session, made.home, NEW_YORK, rules, NOON)
    assert isinstance(verdict, RefusedByGate)
    assert verdict.code == "RESTRICTED_RULE"


def test_an_opt_out_by_number_blocks_its_holder(session: Session, made: Made) -> None:
    someone(session, made, NEW_YORK)
    opt_out_number(session, made.home, NEW_YORK, "proof")
    opt_out_number(session, made.home, NEW_YORK, "proof")
    assert dnc.is_listed(session, made.home, "contact_id", "P1", utcnow())
    assert dnc.is_listed(session, made.home, "phone", NEW_YORK, utcnow())
