"""The email channel against aiosmtpd."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from channels.base import ChannelError, Message
from channels.email_smtp.channel import SmtpEmail
from common.errors import RemoteError
from common.setting_types import Tls
from simulators.sinks.smtp import SmtpSink
from simulators.sinks.store import Store
from tests.support.sinks import certificate, smtp_settings

pytestmark = pytest.mark.integration


def message(to: str = "anna@example.org", **changes: Any) -> Message:
    values = {"attempt_id": "a1", "to": to, "sender": "", "text": "Hello", "subject": "Hi", "html": "<p>Hello</p>"}
    return Message(**{**values, **changes})


async def start(**options: Any) -> tuple[SmtpSink, Store]:
    store = Store()
    sink = SmtpSink(store, "127.0.0.1", 0, **options)
    await sink.start()
    return sink, store


def test_a_mail_arrives_whole() -> None:
    async def scenario() -> None:
        sink, store = await start()
        channel = SmtpEmail(smtp_settings(sink.port))
        text = "Größe\n.a dot\n" + "long " * 300
        outcome = await channel.send(message(text=text, unsubscribe_url="https://example.com/u/t"))
        mail = store.mails[0]
        assert outcome.provider_id == mail.message_id == "<a1@example.com>"
        assert (mail.to, mail.sender, mail.subject) == ("anna@example.org", "clarion@example.com", "Hi")
        assert mail.text.replace("\r\n", "\n") == text
        assert mail.html.strip() == "<p>Hello</p>"
        assert ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click") in mail.headers
        await channel.close()
        await sink.close()

    asyncio.run(scenario())


def test_connections_are_kept_and_limited() -> None:
    async def scenario() -> None:
        sink, store = await start()
        channel = SmtpEmail(smtp_settings(sink.port), connections=3)
        for _ in range(3):
            await asyncio.gather(*(channel.send(message(attempt_id=f"a{n}")) for n in range(20)))
        assert len(store.mails) == 60
        assert sink.connections <= 3
        await channel.close()
        await sink.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("to", "code", "permanent"),
    [
        ("bounce@example.org", "EMAIL_BOUNCE_HARD", True),
        ("blocked@example.org", "EMAIL_BOUNCE_HARD", False),
        ("spam@example.org", "EMAIL_BOUNCE_HARD", False),
        ("full@example.org", "EMAIL_BOUNCE_SOFT", False),
        ("later@example.org", "EMAIL_BOUNCE_SOFT", False),
        ("drop@example.org", "EMAIL_BOUNCE_SOFT", False),
        ("nobody at all", "EMAIL_BOUNCE_HARD", True),
    ],
)
def test_refusals_are_told_apart_and_the_next_mail_goes_out(to: str, code: str, permanent: bool) -> None:
    async def scenario() -> None:
        sink, store = await start()
        channel = SmtpEmail(smtp_settings(sink.port))
        with pytest.raises(ChannelError) as caught:
            await channel.send(message(to))
        assert (caught.value.code, caught.value.permanent) == (code, permanent)
        await channel.send(message())
        assert [mail.to for mail in store.mails] == ["anna@example.org"]
        await channel.close()
        await sink.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.TLS])
def test_tls_is_used_and_verified(tls: Tls, tmp_path: Path) -> None:
    server, client = certificate(tmp_path)

    async def scenario() -> None:
        sink, store = await start(tls=server, implicit=tls is Tls.TLS)
        channel = SmtpEmail(smtp_settings(sink.port, tls), tls_context=client)
        await channel.send(message())
        assert len(store.mails) == 1
        await channel.close()
        distrustful = SmtpEmail(smtp_settings(sink.port, tls), tls_context=ssl.create_default_context())
        with pytest.raises(ChannelError) as caught:
            await distrustful.send(message())
        assert not caught.value.permanent
        await distrustful.close()
        await sink.close()

    asyncio.run(scenario())


def test_starttls_is_never_given_up_silently() -> None:
    async def scenario() -> None:
        sink, store = await start()
        channel = SmtpEmail(smtp_settings(sink.port, Tls.STARTTLS))
        with pytest.raises(ChannelError):
            await channel.send(message())
        assert not store.mails
        await channel.close()
        await sink.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("password", "accepted"), [("right", True), ("wrong", False)])
def test_the_login_is_used(password: str, accepted: bool, tmp_path: Path) -> None:
    server, client = certificate(tmp_path)

    async def scenario() -> None:
        sink, store = await start(tls=server, credentials=("clarion", "right"))
        settings = smtp_settings(sink.port, Tls.STARTTLS, user="clarion", password=password)
        channel = SmtpEmail(settings, tls_context=client)
        if accepted:
            await channel.send(message())
        else:
            with pytest.raises(ChannelError) as caught:
                await channel.send(message())
            assert not caught.value.permanent
        assert len(store.mails) == accepted
        await channel.close()
        await sink.close()

    asyncio.run(scenario())


def test_a_server_that_is_away_is_a_temporary_refusal() -> None:
    async def scenario() -> None:
        sink, _ = await start()
        await sink.close()
        channel = SmtpEmail(smtp_settings(sink.port))
        with pytest.raises(ChannelError) as caught:
            await channel.send(message())
        assert (caught.value.code, caught.value.permanent) == ("EMAIL_BOUNCE_SOFT", False)
        await channel.close()

    asyncio.run(scenario())


def test_a_connection_lost_after_the_message_leaves_the_outcome_open() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line == b".\r\n":
                break
            if line.startswith((b"EHLO", b"MAIL", b"RCPT", b"RSET")):
                writer.write(b"250 OK\r\n")
            elif line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
        writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        channel = SmtpEmail(smtp_settings(server.sockets[0].getsockname()[1]))
        with pytest.raises(RemoteError) as caught:
            await channel.send(message())
        assert not isinstance(caught.value, ChannelError)
        await channel.close()
        server.close()

    asyncio.run(scenario())
