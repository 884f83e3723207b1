"""What `clarion up` promises about where calls and messages go."""

from __future__ import annotations

import pytest

from app.cli import up
from common.settings import Settings

SIMULATED = {
    "CLARION_TWILIO_ACCOUNT_SID": "AC1",
    "CLARION_TWILIO_AUTH_TOKEN": "t",
    "CLARION_TWILIO_API_URL": "http://127.0.0.1:8025",
    "CLARION_SMTP_HOST": "127.0.0.1",
}


def said(capsys: pytest.CaptureFixture[str], **change: str) -> str:
    up._greet(Settings.load({**SIMULATED, **change}), "", simulate=True)
    return capsys.readouterr().out


def test_promises_that_nobody_is_reached_when_all_stays_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nobody real is called" in said(capsys)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLARION_TWILIO_API_URL", "https://api.twilio.com"),
        ("CLARION_SMTP_HOST", "mail.example.org"),
        ("CLARION_SIMULATOR_SIP", "192.0.2.7:5060"),
    ],
)
def test_names_what_may_reach_people(capsys: pytest.CaptureFixture[str], name: str, value: str) -> None:
    words = said(capsys, **{name: value})
    assert "nobody real" not in words
    assert value.removesuffix(":5060") in words
