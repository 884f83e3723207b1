"""What every message channel must do, whatever carries it. The peers are the real sinks on free ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from channels.base import Certainty, Channel, ChannelError, Message
from channels.email_smtp.channel import SmtpEmail
from channels.memory import MemoryChannel
from channels.sms_twilio.channel import TwilioSms
from common.clock import utcnow
from common.errors import RemoteError
from tests.support.sinks import running_sinks, smtp_settings, twilio_settings

pytestmark = pytest.mark.integration


@dataclass(frozen=True, slots=True)
class Case:
    """One adapter with its peer, and receivers that fail in a known way ("" where the channel has no such failure)."""

    channel: Channel
    good: str
    permanent: str
    temporary: str
    lost_reply: str
    arrived: Callable[[], int]
    sent_code: str


@asynccontextmanager
async def memory() -> AsyncIterator[Case]:
    channel = MemoryChannel()
    channel.refuse = {
        "+12125550104": ChannelError("no such number", permanent=True, code="SMS_FAILED_PERM"),
        "+12125550106": ChannelError("too many", permanent=False, code="SMS_FAILED_TEMP"),
    }
    channel.lose = {"+12125550107"}
    numbers = ("+12125550140", "+12125550104", "+12125550106", "+12125550107")
    yield Case(channel, *numbers, lambda: len(channel.sent), "SMS_SENT")
    await channel.close()


@asynccontextmanager
async def twilio() -> AsyncIterator[Case]:
    async with running_sinks() as sinks:
        channel = TwilioSms(twilio_settings(sinks.base_url), settle=timedelta(0))
        numbers = ("+12125550140", "+12125550104", "+12125550106", "+12125550107")
        yield Case(channel, *numbers, lambda: len(sinks.store.messages), "SMS_SENT")
        await channel.close()


@asynccontextmanager
async def smtp() -> AsyncIterator[Case]:
    async with running_sinks() as sinks:
        assert sinks.smtp is not None
        channel = SmtpEmail(smtp_settings(sinks.smtp.port))
        receivers = ("anna@example.org", "bounce@example.org", "later@example.org", "")
        yield Case(channel, *receivers, lambda: len(sinks.store.mails), "EMAIL_SENT")
        await channel.close()


ADAPTERS = {"memory": memory, "sms_twilio": twilio, "email_smtp": smtp}
Check = Callable[[Case], Awaitable[None]]
Run = Callable[[Check], None]


@pytest.fixture(params=ADAPTERS)
def run(request: pytest.FixtureRequest) -> Run:
    """Run a check against one adapter and its peer, and see that nothing is left behind."""

    async def with_peer(check: Check) -> None:
        async with ADAPTERS[request.param]() as case:
            await check(case)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others

    def start(check: Check) -> None:
        asyncio.run(with_peer(check))

    return start


def message(to: str, attempt_id: str = "attempt-1") -> Message:
    return Message(attempt_id=attempt_id, to=to, sender="", text=f"Hello {attempt_id}", subject="Hello")


def test_a_message_arrives_once_and_has_a_provider_id(run: Run) -> None:
    async def check(case: Case) -> None:
        outcome = await case.channel.send(message(case.good))
        assert outcome.code == case.sent_code
        assert outcome.provider_id
        assert case.arrived() == 1

    run(check)


def test_a_permanent_refusal_disables_the_address(run: Run) -> None:
    async def check(case: Case) -> None:
        with pytest.raises(ChannelError) as caught:
            await case.channel.send(message(case.permanent))
        assert caught.value.permanent
        assert case.arrived() == 0

    run(check)


def test_a_temporary_refusal_does_not(run: Run) -> None:
    async def check(case: Case) -> None:
        with pytest.raises(ChannelError) as caught:
            await case.channel.send(message(case.temporary))
        assert not caught.value.permanent
        assert case.arrived() == 0

    run(check)


def test_a_refusal_names_nobody(run: Run) -> None:
    async def check(case: Case) -> None:
        for receiver in (case.permanent, case.temporary):
            with pytest.raises(ChannelError) as caught:
                await case.channel.send(message(receiver))
            assert receiver not in str(caught.value)

    run(check)


def test_a_lost_reply_is_no_refusal_and_is_found_by_looking(run: Run) -> None:
    async def check(case: Case) -> None:
        if not case.lost_reply:
            return
        since = utcnow()
        with pytest.raises(RemoteError) as caught:
            await case.channel.send(message(case.lost_reply))
        assert not isinstance(caught.value, ChannelError)
        certainty, outcome = await case.channel.lookup(message(case.lost_reply).sought(since))
        assert certainty is Certainty.SENT
        assert outcome is not None
        assert outcome.provider_id
        assert case.arrived() == 1

    run(check)


def test_what_never_left_is_never_said_to_be_sent(run: Run) -> None:
    async def check(case: Case) -> None:
        await case.channel.send(message(case.good, "attempt-1"))
        certainty, outcome = await case.channel.lookup(message(case.good, "attempt-2").sought(utcnow()))
        assert certainty in (Certainty.NOT_SENT, Certainty.UNKNOWN)
        assert outcome is None

    run(check)


def test_many_at_once_all_arrive(run: Run) -> None:
    async def check(case: Case) -> None:
        outcomes = await asyncio.gather(
            *(case.channel.send(message(case.good, f"attempt-{number}")) for number in range(40))
        )
        assert len({outcome.provider_id for outcome in outcomes}) == 40
        assert case.arrived() == 40

    run(check)


def test_sending_goes_on_after_a_refusal(run: Run) -> None:
    async def check(case: Case) -> None:
        for receiver in (case.permanent, case.temporary):
            with pytest.raises(ChannelError):
                await case.channel.send(message(receiver))
        await case.channel.send(replace(message(case.good), attempt_id="attempt-2"))
        assert case.arrived() == 1

    run(check)
