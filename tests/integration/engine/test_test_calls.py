"""Test calls through a real engine on a real database, with a media server in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core.calendars import WEEKDAYS
from app.db import read_transaction, write_transaction
from app.models import CallingWindow, Organization, TestCall, Trunk
from app.security.access import Actor
from app.services import dnc, scripts, test_calls
from app.services.test_calls import Wanted
from channels.voice.memory import Ending
from common.clock import utcnow
from common.control import Disposition
from tests.integration.engine.conftest import House

pytestmark = pytest.mark.integration

Play = Callable[[Callable[[House], Awaitable[None]]], None]
ROOT = Actor.system()
NUMBER = "+12125550140"
GOOD = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>Hi</block></form></vxml>'
LONG = Ending(seconds=60)


def ask(house: House, number: str = NUMBER, *, simulated: bool = True, hours: dict[str, object] | None = None) -> str:
    """Ask for a test call of a draft; an organization with all it needs is made at the first."""
    with write_transaction(house.database) as session:
        home = session.scalar(select(Organization.id))
        if home is None:
            organization = Organization(name="Test", created_at=utcnow())
            session.add(organization)
            session.flush()
            home = organization.id
            script = scripts.create_script(session, ROOT, "Visit", "", home)
            scripts.upload_revision(session, ROOT, script.id, scripts.prepare("main.vxml", GOOD))
        window = CallingWindow(
            organization_id=home, name=f"Window {utcnow()}", hours=hours or {}, always_open=hours is None
        )
        trunk = Trunk(name=f"Trunk {utcnow()}", host="127.0.0.1", simulated=simulated)
        session.add_all([window, trunk])
        session.flush()
        revision = scripts.list_revisions(session, ROOT, scripts.list_scripts(session, ROOT)[0].id)[0]
        wanted = Wanted(number, trunk.id, window.id, "+12025550100", {"first_name": "Ana"})
        return test_calls.request(session, ROOT, revision.id, wanted).id


def row(house: House, key: str) -> TestCall:
    with read_transaction(house.database) as session:
        found = session.get_one(TestCall, key)
        session.expunge(found)
        return found


async def ended(house: House, key: str, seconds: float = 30.0) -> TestCall:
    async with asyncio.timeout(seconds):
        while row(house, key).state != "done":
            await asyncio.sleep(0.03)
    return row(house, key)


async def placed(house: House, count: int = 1) -> None:
    async with asyncio.timeout(30):
        while len(house.server.requests) < count:
            await asyncio.sleep(0.02)


def test_a_test_call_is_placed_once_and_its_result_kept(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(exit={"completion_code": "AGENT_DNC", "said": "1"}, seconds=0.1)
        house.start()
        key = await asyncio.to_thread(ask, house)
        done = await ended(house, key)
        assert (done.completion_code, done.sip_status) == ("AGENT_DNC", 200)
        assert done.result is not None
        assert done.result["exit"]["said"] == "1"
        assert done.trace
        assert done.started_at is not None
        assert done.answered_at is not None
        (request,) = house.server.requests
        assert request.attempt_id == key
        assert request.revision == f"test-{key}"
        assert "/vxml/t/" in request.application
        assert request.application.endswith("/main.vxml")
        assert request.values["first_name"] == "Ana"
        assert request.values["result_url"].endswith("/result")
        # Behind the simulated carrier is no person to take at their word.
        assert house.sql("SELECT count(*) FROM dnc_entry") == [(0,)]
        await asyncio.sleep(0.3)
        assert house.server.invites == {key: 1}

    play(scenario)


def test_what_the_gate_refuses_never_leaves(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.start()
        now = datetime.now(UTC)
        # Open on one day only, and that is three days off everywhere on earth.
        other_day = (now + timedelta(days=3)).strftime("%a").lower()
        closed = await ended(house, await asyncio.to_thread(ask, house, hours={other_day: [["10:00", "11:00"]]}))
        assert closed.completion_code == "RESTRICTED_TIME"
        assert "until" in closed.reason
        with write_transaction(house.database) as session:
            dnc.add(session, ROOT, [("phone", NUMBER)])
        listed = await ended(house, await asyncio.to_thread(ask, house))
        assert listed.completion_code == "IN_DNC_LIST"
        assert house.server.requests == []

    play(scenario)


def test_on_a_real_trunk_the_person_is_taken_at_their_word(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(exit={"completion_code": "AGENT_DNC"}, seconds=0.05)
        house.start()
        day_and_night = {day: [["00:00", "12:00"], ["12:00", "00:00"]] for day in WEEKDAYS}
        first = await ended(house, await asyncio.to_thread(ask, house, simulated=False, hours=day_and_night))
        assert first.completion_code == "AGENT_DNC"
        assert house.sql("SELECT value, source, proof FROM dnc_entry") == [(NUMBER, "call", first.id)]
        again = await ended(house, await asyncio.to_thread(ask, house, simulated=False, hours=day_and_night))
        assert again.completion_code == "IN_DNC_LIST"
        assert len(house.server.requests) == 1

    play(scenario)


def test_cancelling_hangs_up(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(Disposition.REFUSED, 486, None, seconds=60)
        house.start()
        key = await asyncio.to_thread(ask, house)
        await placed(house)
        with write_transaction(house.database) as session:
            test_calls.cancel(session, ROOT, key)
        done = await ended(house, key)
        assert (done.completion_code, done.reason) == ("CANCELLED_BY_SYSTEM", "cancelled by a person")

    play(scenario)


def test_a_number_listed_while_it_rings_is_not_rung_any_longer(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(Disposition.REFUSED, 486, None, seconds=60)
        house.start()
        key = await asyncio.to_thread(ask, house)
        await placed(house)
        with write_transaction(house.database) as session:
            dnc.add(session, ROOT, [("phone", NUMBER)])
        done = await ended(house, key)
        assert done.completion_code == "CANCELLED_BY_SYSTEM"
        assert "do-not-call" in done.reason

    play(scenario)


def test_after_an_engines_crash_another_follows_the_call_and_nobody_is_rung_twice(play: Play) -> None:
    async def scenario(house: House) -> None:
        gate = asyncio.Event()
        house.server.behave = lambda _request: Ending(gate=gate)
        house.start("one")
        key = await asyncio.to_thread(ask, house)
        await placed(house)
        await house.kill("one")
        heir = house.start("two").owner
        await house.until(lambda: row(house, key).owner == heir)
        gate.set()
        done = await ended(house, key)
        assert done.completion_code == "ANSWER_HUMAN"
        assert house.server.invites == {key: 1}

    play(scenario)


def test_a_call_lost_with_its_media_server_ends_unknown_and_is_not_redialled(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: LONG
        house.start()
        key = await asyncio.to_thread(ask, house)
        await placed(house)
        house.server.restart("boot-2", journal=False)
        done = await ended(house, key)
        assert done.completion_code == "OUTCOME_UNKNOWN"
        await asyncio.sleep(0.5)
        assert house.server.invites == {key: 1}

    play(scenario)


def test_what_nobody_could_place_in_time_is_given_up(play: Play) -> None:
    async def scenario(house: House) -> None:
        key = await asyncio.to_thread(ask, house)
        house.sql("UPDATE test_call SET created_at = :then", then=_text(house, utcnow() - timedelta(minutes=5)))
        house.start()
        done = await ended(house, key)
        assert done.completion_code == "NO_PORTS"
        assert house.server.requests == []

    play(scenario)


def _text(house: House, moment: datetime) -> object:
    return moment.replace(tzinfo=None).isoformat(" ") if house.database.dialect.name == "sqlite" else moment
