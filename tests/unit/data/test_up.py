"""What `clarion up` promises about where calls and messages go."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import supervisor as supervisors
from app.cli import up
from app.supervisor import Role, Supervisor
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


def test_a_role_that_cannot_be_started_again_now_is_started_later_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    starts: list[str] = []

    def start(_self: Supervisor, role: Role) -> Any:
        starts.append(role.name)
        if len(starts) == 1:
            raise OSError(11, "Resource temporarily unavailable")
        return SimpleNamespace(poll=lambda: None)

    monkeypatch.setattr(Supervisor, "_spawn", start)
    supervisor = Supervisor({}, tmp_path)
    dead: Any = SimpleNamespace(poll=lambda: 1)
    child = supervisors._Child(Role("engine", ()), dead, 0.0, restart_at=1.0)
    supervisor._watch(child, 1.0)
    assert child.process is dead
    supervisor._watch(child, 1.5)
    supervisor._watch(child, 60.0)
    assert starts == ["engine", "engine"]
    assert child.process.poll() is None
