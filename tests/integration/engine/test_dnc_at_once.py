"""A do-not-call entry made at t stops every attempt after t + 1 s: calls, SMS and email, whichever way it was made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Row, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db import read_transaction, write_transaction
from app.models import Attempt, Contact
from app.security.access import Actor
from app.security.tokens import Unsubscribe
from app.services import dnc, receipts
from channels.base import Message, Outcome
from channels.memory import MemoryChannel
from channels.voice.memory import Ending
from common.clock import utcnow
from common.control import Disposition
from engine.tuning import Tuning
from tests.integration.engine.conftest import House
from tests.support.job_rows import make_job

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

Play = Callable[[Callable[[House], Awaitable[None]]], None]
PEOPLE = 18
#: Everybody is rung, written to and mailed, over and over.
ROUND = """<Strategy xmlns="urn:clarion:strategy:1" name="s">
<Handler name="call"><Call timeout="20s"><Address attribute="phone1"/><Results default="text"/></Call></Handler>
<Handler name="text"><Sms><Address attribute="phone1"/><Text>Hello</Text><Results default="mail"/></Sms></Handler>
<Handler name="mail"><Email><Address attribute="email"/><Subject>Hello</Subject><Text>Hello</Text>
<Results default="call"/></Email></Handler></Strategy>"""
ROOT = Actor.system()


def by_the_panel(session: Session, home: int, number: int) -> None:
    dnc.add(session, ROOT, [("contact_id", str(number))], organization_id=home)


def by_the_customer(session: Session, home: int, number: int) -> None:
    session.get_one(Contact, number).customer_id = f"C{number}"
    dnc.add(session, ROOT, [("customer_id", f"C{number}")], organization_id=home)


def by_stop_and_the_link(session: Session, home: int, number: int) -> None:
    """An address is all that each of these tells; together they are the whole person."""
    receipts.stop(session, f"+1202555{number:04d}", "STOP")
    receipts.unsubscribe(session, Unsubscribe(home, "email", f"person{number}@example.org"))


def for_a_day(session: Session, home: int, number: int) -> None:
    subjects = [("contact_id", str(number))]
    dnc.add(session, ROOT, subjects, organization_id=home, until=utcnow().date() + timedelta(days=1))


WAYS = (by_the_panel, by_the_customer, by_stop_and_the_link, for_a_day)


def test_no_attempt_starts_a_second_after_its_person_was_listed(play: Play) -> None:
    random = Random(5)

    async def scenario(house: House) -> None:
        house.channels.update(sms=MemoryChannel("sms", "SMS_SENT"), email=MemoryChannel("email", "EMAIL_SENT"))
        house.server.behave = lambda _request: Ending(Disposition.REFUSED, 486, None, seconds=random.uniform(0, 0.2))
        make_job(house.database, PEOPLE, strategy_xml=ROUND)
        # As sites run it, but for what only delays the end.
        for name in ("one", "two"):
            house.start(name, Tuning(grace=1.0))
        home = house.sql("SELECT id FROM organization")[0][0]
        listed: dict[int, datetime] = {}
        await house.until(lambda: {"voice", "sms", "email"} <= channels_used(house))
        for number in random.sample(range(1, PEOPLE + 1), PEOPLE * 2 // 3):
            with write_transaction(house.database) as session:
                random.choice(WAYS)(session, home, number)
            listed[number] = utcnow()
            await asyncio.sleep(random.uniform(0, 0.05))
        # The others are still reached, by every channel: it is not the engine that has stopped.
        after = max(listed.values()) + timedelta(seconds=1.5)
        await house.until(lambda: {row[1] for row in attempts(house) if row[2] > after} == {"voice", "sms", "email"})
        late = [row for row in attempts(house) if row[0] in listed and row[2] > listed[row[0]] + timedelta(seconds=1)]
        assert late == []

    play(scenario)


class SlowChannel(MemoryChannel):
    """One at a time, and the first takes until it is let go."""

    at_once = 1

    def __init__(self) -> None:
        super().__init__("sms", "SMS_SENT")
        self.asked, self.may_go = asyncio.Event(), asyncio.Event()

    async def send(self, message: Message) -> Outcome:
        self.asked.set()
        await self.may_go.wait()
        return await super().send(message)


TEXT = """<Strategy xmlns="urn:clarion:strategy:1" name="s"><Handler name="text"><Sms><Address attribute="phone1"/>
<Text>Hello</Text></Sms></Handler></Strategy>"""


def test_a_message_that_waits_for_a_slow_provider_does_not_leave_when_its_person_is_listed_meanwhile(
    play: Play,
) -> None:
    async def scenario(house: House) -> None:
        slow = SlowChannel()
        house.channels.update(sms=slow)
        make_job(house.database, 3, strategy_xml=TEXT)
        house.start()
        home = house.sql("SELECT id FROM organization")[0][0]
        await house.until(lambda: len(house.sql("SELECT id FROM attempt")) == 3)
        await slow.asked.wait()
        with write_transaction(house.database) as session:
            dnc.add(session, ROOT, [("contact_id", str(number)) for number in (1, 2, 3)], organization_id=home)
        await asyncio.sleep(0.1)
        slow.may_go.set()
        await house.until(lambda: house.job_state() == "completed")
        # The one that was on its way is gone.
        assert len(slow.sent) == 1
        assert house.final_codes() == {"SMS_SENT": 1, "IN_DNC_LIST": 2}
        assert house.attempt_codes() == {"SMS_SENT": 1, "CANCELLED_BY_SYSTEM": 2}

    play(scenario)


def test_messages_that_nobody_could_be_asked_about_leave_once_the_database_is_back(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(house: House) -> None:
        slow = SlowChannel()
        house.channels.update(sms=slow)
        make_job(house.database, 3, strategy_xml=TEXT)
        house.start()
        await house.until(lambda: len(house.sql("SELECT id FROM attempt")) == 3)
        await slow.asked.wait()

        async def away(*_: object) -> bool:
            raise OperationalError("SELECT", {}, Exception("the server closed the connection"))

        with monkeypatch.context() as patch:
            patch.setattr("engine.messenger.listed_by_now", away)
            await asyncio.sleep(0.1)
            slow.may_go.set()
            await house.until(lambda: house.attempt_codes()["NO_PORTS"] >= 2)
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"SMS_SENT": 3}
        assert len(slow.sent) == 3

    play(scenario)


def attempts(house: House) -> Sequence[Row[tuple[int, str, datetime]]]:
    with read_transaction(house.database) as session:
        return session.execute(select(Attempt.contact_id, Attempt.channel, Attempt.started_at)).all()


def channels_used(house: House) -> set[str]:
    return {row[0] for row in house.sql("SELECT DISTINCT channel FROM attempt")}
