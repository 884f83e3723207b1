"""The inbox page and the payment sandbox over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from simulators.carrier.journal import read_journal
from simulators.sinks.store import Sms
from tests.support.sinks import running_sinks

pytestmark = pytest.mark.integration


def test_what_people_wrote_is_shown_as_text_not_as_html() -> None:
    async def scenario() -> None:
        async with running_sinks() as sinks, aiohttp.ClientSession(sinks.base_url) as http:
            sinks.store.add_sms(Sms("SM1", "+1", "+2", "<script>alert(1)</script>", "sent"))
            mail = sinks.store.add_mail(
                to="a@b", sender="c@d", subject="<b>x</b>", message_id="<1@d>", text="t", html="<i>h</i>", headers=(),
                source=b"",
            )  # fmt: skip
            for path in ("/", f"/mails/{mail.number}"):
                async with http.get(path) as page:
                    text = await page.text()
                    assert page.status == 200
                    assert "<script>" not in text
                    assert "<b>x</b>" not in text
                    assert "&lt;b&gt;x&lt;/b&gt;" in text
                    assert "default-src 'none'" in page.headers["Content-Security-Policy"]

    asyncio.run(scenario())


def test_a_missing_mail_and_an_absent_carrier_are_404() -> None:
    async def scenario() -> None:
        async with running_sinks() as sinks, aiohttp.ClientSession(sinks.base_url) as http:
            for path in ("/mails/99", "/calls", "/calls.json"):
                async with http.get(path) as page:
                    assert page.status == 404

    asyncio.run(scenario())


def test_a_card_leaves_no_trace_but_its_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        journal = tmp_path / "journal"
        async with running_sinks(journal=journal) as sinks, aiohttp.ClientSession(sinks.base_url) as http:
            form = {"card": "4111111111111111", "expiry": "1299", "amount": "10.00", "contact_id": "C1"}
            async with http.post("/payment", data=form) as answer:
                page = await answer.text()
            assert answer.content_type == "application/voicexml+xml"
            assert "PAID" in page
            async with http.get("/payments.json") as listed:
                text = await listed.text()
            assert '"card_end": "1111"' in text
            assert "4111" not in text + page + journal.read_text()
        assert [line["event"] for line in read_journal(journal)] == ["payment"]

    asyncio.run(scenario())
