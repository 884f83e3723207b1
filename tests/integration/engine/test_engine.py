"""A real engine on a real database, with a media server and channels in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from app.db import read_transaction, write_transaction
from app.models import Address, JobContact, Trunk
from app.security.access import Actor
from app.services import dialing_rules, dnc, refused_numbers
from app.services.dialing_rules import DialingRuleFields
from app.services.receipts import record_receipt
from app.services.refused_numbers import RejectPatternFields
from channels.base import Outcome
from channels.voice.memory import Ending
from common.clock import utcnow
from common.control import CallRequest, Disposition, TrunkFault
from tests.integration.engine.conftest import CALL_ONLY, PLAN, QUICK, House, Play, equip
from tests.support.job_rows import make_job, repeat_job

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


BUSY = Ending(Disposition.REFUSED, 486, None)
UNKNOWN = Ending(Disposition.REFUSED, 404, None)


def by_number(request: CallRequest) -> Ending:
    """A third is busy, a third unknown, the rest answers."""
    return (Ending(seconds=0.05), BUSY, UNKNOWN)[int(request.to[-2:]) % 3]


def test_a_job_of_thirty_contacts_runs_to_its_end(play: Play) -> None:
    async def scenario(house: House) -> None:
        sms, email = equip(house)
        house.server.behave = by_number
        make_job(house.database, 30, strategy_xml=PLAN)
        house.start()
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"SMS_SENT": 10, "EMAIL_SENT": 20}
        assert house.attempt_codes() == {
            "ANSWER_HUMAN": 10,
            "CALL_BUSY": 30,
            "INVALID_NUMBER": 10,
            "SMS_SENT": 10,
            "EMAIL_SENT": 20,
        }
        assert set(house.server.invites.values()) == {1}
        assert sms.sent[0].text.startswith("Thank you, Name")
        assert email.sent[0].unsubscribe_url.startswith("http://127.0.0.1:1/u/")
        request = house.server.requests[0]
        assert request.application.endswith("/notice.vxml")
        assert request.values["attempt_id"] == request.attempt_id
        assert request.values["balance"]
        assert house.sql("SELECT count(*) FROM attempt_trace")[0][0] == 50
        assert house.sql("SELECT count(*) FROM address WHERE disabled_code = 'INVALID_NUMBER'")[0][0] == 10

    play(scenario)


def test_calls_carry_the_servers_that_their_organization_allows(play: Play) -> None:
    async def scenario(house: House) -> None:
        make_job(house.database, 1, strategy_xml=CALL_ONLY)
        house.sql(
            "INSERT INTO allowed_host (organization_id, origin, note, created_at)"
            " SELECT id, 'https://pay.example', '', created_at FROM organization"
        )
        house.start()
        await house.until(lambda: house.job_state() == "completed")
        assert house.server.requests[0].allow == ("https://pay.example",)

    play(scenario)


def test_dialing_rules_hold_at_the_dial_alone(play: Play) -> None:
    async def scenario(house: House) -> None:
        make_job(house.database, 3, strategy_xml=CALL_ONLY)
        with write_transaction(house.database) as session:
            numbers = list(session.scalars(select(Address.value).where(Address.kind == "phone").order_by(Address.id)))
            of_nothing = DialingRuleFields("of nothing", prefix=numbers[0], strip=11)
            ours = DialingRuleFields("ours", written="digits", prepend="77#")
            for fields in (of_nothing, ours):
                dialing_rules.add_dialing_rule(session, Actor.system(), fields)
            dnc.add(session, Actor.system(), [("phone", numbers[1])])
        house.start()
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"NO_CALLABLE_ADDRESS": 1, "IN_DNC_LIST": 1, "ANSWER_HUMAN": 1}
        (request,) = house.server.requests
        dialled = "77#" + numbers[2].removeprefix("+")
        assert (request.to, dict(request.dialled)) == (numbers[2], {request.trunk.name: dialled})
        assert house.sql("SELECT address, dialled FROM attempt") == [(numbers[2], dialled)]

    play(scenario)


def test_a_pattern_stops_the_next_dial(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: BUSY
        make_job(house.database, 2, strategy_xml=CALL_ONLY)
        with write_transaction(house.database) as session:
            first, second = session.scalars(select(Address.value).where(Address.kind == "phone").order_by(Address.id))
            fields = RejectPatternFields(first, "ours")
            pattern = refused_numbers.put_reject_pattern(session, Actor.system(), fields)
        house.start()
        await house.until(lambda: house.job_state() == "completed")
        assert {request.to for request in house.server.requests} == {second}
        assert house.final_codes()["NO_CALLABLE_ADDRESS"] == 1
        assert pattern.reason == "ours"

    play(scenario)


def test_the_audience_is_frozen_from_the_list_when_the_job_is_queued(play: Play) -> None:
    async def scenario(house: House) -> None:
        make_job(house.database, 12, state="queued", strategy_xml=CALL_ONLY)
        house.sql("DELETE FROM job_contact")
        house.sql("UPDATE job SET frozen = :no, audience = 0", no=False)
        house.sql("UPDATE contact SET deleted_at = created_at WHERE id = 3")
        house.start()
        await house.until(lambda: house.job_state() == "completed")
        assert house.sql("SELECT audience FROM job") == [(11,)]
        assert house.final_codes() == {"ANSWER_HUMAN": 11}

    play(scenario)


def test_pause_resume_and_stop(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(seconds=0.3)
        house.server.capacity = 4
        make_job(house.database, 60, strategy_xml=CALL_ONLY)
        house.start()
        await house.until(lambda: len(house.server.requests) >= 4)
        house.sql("UPDATE job SET state = 'pausing'")
        await house.until(lambda: house.job_state() == "paused")
        placed = len(house.server.requests)
        await asyncio.sleep(0.5)
        assert len(house.server.requests) == placed
        assert house.sql("SELECT count(*) FROM job_contact WHERE state = 'leased'") == [(0,)]
        house.sql("UPDATE job SET state = 'running'")
        await house.until(lambda: len(house.server.requests) > placed)
        house.sql("UPDATE job SET state = 'stopping'")
        await house.until(lambda: house.job_state() == "stopped")
        codes = house.final_codes()
        assert codes["JOB_STOPPED"] > 0
        assert codes["JOB_STOPPED"] + codes["ANSWER_HUMAN"] == 60
        assert codes["ANSWER_HUMAN"] == len(house.server.requests)

    play(scenario)


def test_a_do_not_call_entry_works_at_once_even_while_it_rings(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(Disposition.REFUSED, 486, None, seconds=60)
        house.server.capacity = 1
        make_job(house.database, 3, strategy_xml=CALL_ONLY)
        house.sql(
            "INSERT INTO dnc_list (id, organization_id, name, created_at) SELECT 1, id, 'own', created_at"
            " FROM organization"
        )
        house.start()
        await house.until(lambda: len(house.server.requests) == 1)
        rung = house.server.requests[0].to
        for number in ("+12025550001", "+12025550002", "+12025550003"):
            house.sql(
                "INSERT INTO dnc_entry (dnc_list_id, organization_id, kind, value, source, proof, created_at)"
                " SELECT 1, id, 'phone', :number, 'panel', '', created_at FROM organization",
                number=number,
            )
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"IN_DNC_LIST": 3}
        assert house.attempt_codes() == {"CANCELLED_BY_SYSTEM": 1}
        assert [request.to for request in house.server.requests] == [rung]

    play(scenario)


def test_whoever_asks_for_no_more_in_a_call_is_refused_by_every_job(play: Play) -> None:
    async def scenario(house: House) -> None:
        _, email = equip(house)
        house.server.behave = lambda _request: Ending(exit={"completion_code": "AGENT_DNC"}, seconds=0.01)
        first = make_job(house.database, 2, strategy_xml=PLAN.replace("ANSWER_HUMAN SYSTEM_ERROR", "AGENT_DNC"))
        house.start()
        await house.until(lambda: house.job_state() == "completed")
        assert house.attempt_codes() == {"AGENT_DNC": 2}
        assert house.final_codes() == {"IN_DNC_LIST": 2}
        entries = house.sql("SELECT kind, value, source FROM dnc_entry ORDER BY kind, value")
        assert [tuple(row) for row in entries] == [
            ("contact_id", "1", "call"),
            ("contact_id", "2", "call"),
            ("phone", "+12025550001", "call"),
            ("phone", "+12025550002", "call"),
        ]
        with write_transaction(house.database) as session:
            second = repeat_job(session, first)
            # Another number and an address of the same person are blocked by the person's id.
            session.execute(update(Address).where(Address.kind == "phone").values(value="+12025559999"))
        await house.until(lambda: house.sql("SELECT state FROM job WHERE id = :id", id=second)[0][0] == "completed")
        with read_transaction(house.database) as session:
            rows = session.scalars(select(JobContact).where(JobContact.job_id == second)).all()
        assert {row.final_code for row in rows} == {"IN_DNC_LIST"}
        assert len(house.server.requests) == 2
        assert email.sent == []

    play(scenario)


def test_a_script_sets_its_own_code(play: Play) -> None:
    async def scenario(house: House) -> None:
        equip(house)
        house.server.behave = lambda _request: Ending(exit={"completion_code": "SYSTEM_ERROR"}, seconds=0.01)
        make_job(house.database, 2, strategy_xml=PLAN)
        house.start()
        await house.until(lambda: house.job_state() == "completed")
        assert house.attempt_codes() == {"SYSTEM_ERROR": 2, "SMS_SENT": 2}

    play(scenario)


def test_a_trunk_fault_rests_the_trunk_and_the_contacts_are_tried_again(play: Play) -> None:
    async def scenario(house: House) -> None:
        gate = asyncio.Event()
        house.server.behave = lambda _request: Ending(Disposition.AUTH_FAILED, 407, None, gate=gate)
        make_job(house.database, 2, strategy_xml=CALL_ONLY)
        house.start(tuning=replace(QUICK, trunk_rest=600))
        await house.until(lambda: len(house.server.requests) == 2)
        gate.set()
        await house.until(lambda: house.attempt_codes()["TRUNK_FAULT"] == 2)
        await house.until(lambda: house.sql("SELECT detail FROM job")[0][0].startswith("trunk 'Simulated' rests"))
        assert house.sql("SELECT paused_until FROM trunk")[0][0] is not None
        with write_transaction(house.database) as session:
            session.execute(update(Trunk).values(paused_until=utcnow()))
        await house.until(lambda: house.sql("SELECT detail FROM job")[0][0] == "")
        assert house.sql("SELECT count(*) FROM job_contact WHERE state = 'ready'") == [(2,)]

    play(scenario)


def test_a_trunk_that_asks_for_rest_gets_it_while_its_group_carries_on(play: Play) -> None:
    def behave(request: CallRequest) -> Ending:
        if request.trunk.host == "127.0.0.2":
            return Ending(trunk=request.trunk.name)
        tired = TrunkFault(request.trunk.name, "503 Service Unavailable", retry_after=600)
        return Ending(trunk=request.alternatives[0].name, faults=(tired,))

    async def scenario(house: House) -> None:
        house.server.behave = behave
        job = make_job(house.database, 15, strategy_xml=CALL_ONLY)
        with write_transaction(house.database) as session:
            first = session.scalars(select(Trunk)).one()
            first.route, first.calls_per_second = "national", 20
            more = {"host": "127.0.0.2", "simulated": True, "max_channels": 8, "calls_per_second": 20}
            session.add(Trunk(name="Second", route="national", priority=1, **more))
        house.start()
        await house.until(lambda: house.job_state() == "completed")
        rests = house.sql("SELECT name, paused_until IS NOT NULL, paused_reason FROM trunk ORDER BY id")
        assert [tuple(row) for row in rests] == [
            ("Simulated", True, "503 Service Unavailable (Retry-After: 600 s)"),
            ("Second", False, ""),
        ]
        hosts = [request.trunk.host for request in house.server.requests]
        assert "127.0.0.1" in hosts
        # Calls placed before the first of them told of the rest may be many; those of a job begun after it are not.
        with write_transaction(house.database) as session:
            again = repeat_job(session, job)
        await house.until(lambda: house.sql("SELECT state FROM job WHERE id = :id", id=again)[0][0] == "completed")
        after = house.server.requests[len(hosts) :]
        assert {request.trunk.host for request in after} == {"127.0.0.2"}
        assert all(request.trunk.max_channels <= 8 for request in after)
        assert sum(house.attempt_codes().values()) == 30

    play(scenario)


def test_a_contact_that_waits_goes_on_with_its_receipt(play: Play) -> None:
    async def scenario(house: House) -> None:
        equip(house)
        waiting = CALL_ONLY.replace(
            '<Call timeout="20s"><Address attribute="phone1"/><Results default="done">\n</Results></Call>',
            '<Sms wait="1h"><Address attribute="phone1"/><Text>x</Text><Results>'
            '<Result code="SMS_SENT" next="wait"/></Results></Sms>',
        )
        make_job(house.database, 2, strategy_xml=waiting)
        house.start()
        await house.until(lambda: house.attempt_codes()["SMS_SENT"] == 2)
        assert house.job_state() == "running"
        attempts = [row[0] for row in house.sql("SELECT id FROM attempt ORDER BY job_contact_id")]
        receipts = zip(attempts, ("SMS_DELIVERED", "SMS_FAILED_PERM"), strict=True)
        with write_transaction(house.database) as session:
            for attempt_id, code in receipts:
                record_receipt(session, attempt_id, Outcome(code, final=True))
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"SMS_DELIVERED": 1, "SMS_FAILED_PERM": 1}
        assert house.attempt_codes() == {"SMS_DELIVERED": 1, "SMS_FAILED_PERM": 1}

    play(scenario)
