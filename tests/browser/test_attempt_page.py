"""A call as the attempt page shows it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.db import make_engine, write_transaction
from app.models import Attempt, AttemptTrace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Site = Any  # tests/browser/conftest.py; conftest files cannot be imported
STEPS = (
    (0.00, "sip", "-> INVITE"),
    (0.50, "sip", "-> INVITE"),
    (0.61, "sip", "<- 100 Trying"),
    (0.92, "sip", "<- 180 Ringing"),
    (4.10, "sip", "<- 200 OK"),
    (4.10, "sip", "-> ACK"),
    (4.11, "vxml", "document: http://127.0.0.1:8000/vxml/r/7/main.vxml"),
    (4.12, "vxml", "dialog: greeting"),
    (4.15, "vxml", "prompt: Hello Ana. This is Northern Water with a reminder: 120.50 is open. Press one to pay now."),
    (9.80, "vxml", "key: 1"),
    (9.81, "vxml", "match: dtmf 1"),
    (9.85, "vxml", "prompt: Please type your card number."),
    (14.2, "vxml", "key: •"),
    (14.6, "vxml", "key: •"),
    (15.0, "vxml", "submit: http://127.0.0.1:8000/vxml/result"),
    (15.2, "vxml", "prompt: Thank you. Goodbye."),
    (17.0, "sip", "-> BYE"),
    (17.1, "sip", "<- 200 OK (BYE)"),
)


@pytest.fixture
def attempt(site: Site) -> str:
    """The path of the page of an attempt with a whole call in it."""
    engine = make_engine(site.database_url)
    with write_transaction(engine) as session:
        found = session.get_one(Attempt, site.world.attempt_id)
        begun = found.started_at
        found.ringing_at, found.answered_at = begun + timedelta(seconds=0.92), begun + timedelta(seconds=4.1)
        found.ended_at = begun + timedelta(seconds=17.1)
        rtp = {"sent": 652, "received": 640, "lost": 12, "jitter_ms": 6.2, "remote_lost": 40, "remote_jitter_ms": 22.0}
        found.result = {"dtmf": "1••", "rtp": rtp}
        steps = [
            {"at": (begun + timedelta(seconds=at)).isoformat(), "kind": kind, "text": text} for at, kind, text in STEPS
        ]
        session.merge(AttemptTrace(attempt_id=found.id, steps=steps))
        path = f"/contacts/{found.contact_id}/attempts/{found.id}"
    engine.dispose()
    return path


def test_draws_the_messages_and_says_them_in_a_table(admin: Page, site: Site, attempt: str) -> None:
    admin.goto(site.url + attempt)
    drawing = admin.get_by_role("img", name="Messages between called party")
    expect(drawing).to_be_visible()
    expect(drawing).to_contain_text("INVITE ×2")
    expect(drawing).to_contain_text("Key •")
    expect(drawing).not_to_contain_text("greeting")
    admin.get_by_text("All 17 lines as a table").click()
    expect(admin.get_by_role("row", name="Script Called party Please type your card number.")).to_be_visible()
    expect(admin.get_by_role("row", name="greeting")).to_be_visible()


def test_says_how_it_sounded_and_how_it_went(admin: Page, site: Site, attempt: str) -> None:
    admin.goto(site.url + attempt)
    expect(admin.get_by_role("row", name="What we heard")).to_contain_text("Fair")
    expect(admin.get_by_role("row", name="What they heard")).to_contain_text("Poor words went missing")
    course = admin.get_by_role("img", name="Dialling 0.9 seconds, Ringing 3.2 seconds, Talking 13.0 seconds")
    expect(course).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_of_the_drawing_is_out_of_sight_on_a_narrow_screen(
    admin: Page, site: Site, attempt: str, theme: str
) -> None:
    admin.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    admin.set_viewport_size({"width": 390, "height": 800})
    admin.goto(site.url + attempt)
    assert admin.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
