"""The Twilio channel against the local Twilio-compatible endpoint."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from channels.base import Certainty, ChannelError, Message
from channels.sms_twilio.callbacks import outcome_from_callback, verify
from channels.sms_twilio.channel import TwilioSms
from common.clock import utcnow
from common.errors import RemoteError
from simulators.sinks.twilio_api import FAILURES, TOKEN
from tests.support.sinks import running_sinks, twilio_settings

pytestmark = pytest.mark.integration


def message(to: str, **changes: Any) -> Message:
    return Message(**{"attempt_id": "a1", "to": to, "sender": "", "text": "Hello", **changes})


class Callbacks:
    """A web server that keeps what is posted to it."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str], str]] = []
        self.arrived = asyncio.Event()

    async def __aenter__(self) -> Callbacks:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/callbacks/twilio/a1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.received.append((str(request.url), form, request.headers["X-Twilio-Signature"]))
        if form.get("MessageStatus") in ("delivered", "undelivered", "failed", None):
            self.arrived.set()
        return web.Response()


@pytest.mark.parametrize(
    ("suffix", "code"), [("40", "SMS_DELIVERED"), ("28", "SMS_FAILED_PERM"), ("09", "SMS_FAILED_TEMP")]
)
def test_receipts_come_signed_and_in_order(suffix: str, code: str) -> None:
    async def scenario() -> None:
        async with running_sinks() as sinks, Callbacks() as callbacks:
            channel = TwilioSms(twilio_settings(sinks.base_url))
            sent = await channel.send(message(f"+121255501{suffix}", status_url=callbacks.url))
            assert not sent.final
            await asyncio.wait_for(callbacks.arrived.wait(), 60)
            outcomes = [outcome_from_callback(form) for _, form, _ in callbacks.received]
            assert [outcome.code for outcome in outcomes[:-1]] == ["SMS_SENT"] * (len(outcomes) - 1)
            assert outcomes[-1].code == code
            assert {outcome.provider_id for outcome in outcomes} == {sent.provider_id}
            assert all(verify(TOKEN, url, form, signature) for url, form, signature in callbacks.received)
            assert not verify("other", *callbacks.received[0])
            await channel.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("suffix", [suffix for suffix, failure in FAILURES.items() if failure.status not in (0, 500)])
def test_every_refusal_is_a_channel_error(suffix: str) -> None:
    async def scenario() -> None:
        async with running_sinks() as sinks:
            channel = TwilioSms(twilio_settings(sinks.base_url))
            with pytest.raises(ChannelError) as caught:
                await channel.send(message(f"+121255501{suffix}"))
            assert caught.value.permanent is (suffix in ("04", "22", "47", "98"))
            assert (caught.value.code == "SMS_OPT_OUT") is (suffix == "47")
            await channel.close()

    asyncio.run(scenario())


def test_a_wrong_token_is_temporary_and_disables_nobody() -> None:
    async def scenario() -> None:
        async with running_sinks() as sinks:
            channel = TwilioSms(twilio_settings(sinks.base_url, token="wrong"))
            with pytest.raises(ChannelError, match="20003") as caught:
                await channel.send(message("+12125550140"))
            assert not caught.value.permanent
            await channel.close()

    asyncio.run(scenario())


def test_a_provider_that_cannot_be_reached_is_a_temporary_refusal() -> None:
    async def scenario() -> None:
        channel = TwilioSms(twilio_settings("http://127.0.0.1:9"))
        with pytest.raises(ChannelError) as caught:
            await channel.send(message("+12125550140"))
        assert not caught.value.permanent
        assert await channel.lookup(message("+12125550140").sought(utcnow())) == (Certainty.UNKNOWN, None)
        await channel.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("suffix", ["08", "25"])
def test_without_a_trace_the_answer_waits_until_the_request_must_have_settled(suffix: str) -> None:
    async def scenario() -> None:
        async with running_sinks() as sinks:
            lost = message(f"+121255501{suffix}")
            channel = TwilioSms(twilio_settings(sinks.base_url), settle=timedelta(seconds=30))
            since = utcnow()
            with pytest.raises(RemoteError) as caught:
                await channel.send(lost)
            assert not isinstance(caught.value, ChannelError)
            assert await channel.lookup(lost.sought(since)) == (Certainty.UNKNOWN, None)
            assert await channel.lookup(lost.sought(since - timedelta(seconds=31))) == (Certainty.NOT_SENT, None)
            await channel.close()

    asyncio.run(scenario())


def test_a_late_reply_is_lost_when_our_patience_ends_but_found_by_looking() -> None:
    async def scenario() -> None:
        async with running_sinks() as sinks:
            channel = TwilioSms(twilio_settings(sinks.base_url), timeout=0.3)
            since = utcnow()
            with pytest.raises(RemoteError):
                await channel.send(message("+12125550111"))
            certainty, _ = await channel.lookup(message("+12125550111").sought(since))
            assert certainty is Certainty.SENT
            assert len(sinks.store.messages) == 1
            await channel.close()

    asyncio.run(scenario())


def test_an_older_message_with_the_same_text_is_not_taken_for_this_attempt() -> None:
    async def scenario() -> None:
        async with running_sinks() as sinks:
            channel = TwilioSms(twilio_settings(sinks.base_url), settle=timedelta(0))
            await channel.send(message("+12125550140"))
            later = utcnow() + timedelta(minutes=5)
            certainty, _ = await channel.lookup(message("+12125550140").sought(later))
            assert certainty is Certainty.UNKNOWN or certainty is Certainty.NOT_SENT
            await channel.close()

    asyncio.run(scenario())


def test_another_text_to_the_receiver_in_that_time_leaves_it_unknown() -> None:
    """The provider may have changed the text on its way: to say "not sent" would be to write twice."""

    async def scenario() -> None:
        async with running_sinks() as sinks:
            channel = TwilioSms(twilio_settings(sinks.base_url), settle=timedelta(0))
            since = utcnow()
            await channel.send(message("+12125550140"))
            changed = replace(message("+12125550140"), text="Sent from your trial account - Hello")
            assert await channel.lookup(changed.sought(since)) == (Certainty.UNKNOWN, None)
            assert await channel.lookup(replace(changed.sought(since), digest="")) == (Certainty.UNKNOWN, None)
            await channel.close()

    asyncio.run(scenario())


def test_a_messaging_service_takes_the_place_of_a_number() -> None:
    async def scenario() -> None:
        async with running_sinks() as sinks:
            channel = TwilioSms(twilio_settings(sinks.base_url))
            await channel.send(message("+12125550140", sender="MG0123"))
            assert sinks.store.messages[0].sender == "MG0123"
            await channel.close()

    asyncio.run(scenario())


def test_a_stop_written_in_the_inbox_reaches_the_webhook_and_blocks_the_number() -> None:
    async def scenario() -> None:
        async with Callbacks() as callbacks, running_sinks(inbound_url=callbacks.url) as sinks:
            form = {"from": "+12125550140", "to": "+12125550199", "body": "STOP"}
            async with aiohttp.ClientSession() as http, http.post(f"{sinks.base_url}/reply", data=form) as answer:
                assert answer.status == 200
            url, posted, signature = callbacks.received[0]
            assert (posted["From"], posted["Body"]) == ("+12125550140", "STOP")
            assert verify(TOKEN, url, posted, signature)
            channel = TwilioSms(twilio_settings(sinks.base_url))
            with pytest.raises(ChannelError) as caught:
                await channel.send(message("+12125550140"))
            assert caught.value.code == "SMS_OPT_OUT"
            await channel.close()

    asyncio.run(scenario())
