from __future__ import annotations

import asyncio

import pytest

from channels.registry import build_channels, close_channels, simulated_channels
from common.settings import Settings


def test_a_channel_is_on_when_its_settings_are_given() -> None:
    environment = {
        "CLARION_TWILIO_ACCOUNT_SID": "AC1",
        "CLARION_TWILIO_AUTH_TOKEN": "t",
        "CLARION_SMTP_HOST": "127.0.0.1",
    }

    async def build() -> dict[str, str]:
        channels = build_channels(Settings.load(environment))
        names = {kind: channel.name for kind, channel in channels.items()}
        await close_channels(channels)
        return names

    assert asyncio.run(build()) == {"sms": "sms_twilio", "email": "email_smtp"}


def test_without_settings_there_is_no_channel() -> None:
    assert build_channels(Settings.load({})) == {}


@pytest.mark.parametrize(
    ("api_url", "relay", "simulated"),
    [
        ("http://127.0.0.1:8025", "127.0.0.1", {"sms", "email"}),
        ("http://localhost:8025", "::1", {"sms", "email"}),
        ("https://api.twilio.com", "127.0.0.1", {"email"}),
        ("https://127.0.0.1.example.org", "mail.example.org", set()),
        ("http://127.0.0.1@api.example.org", "", set()),
    ],
)
def test_only_a_provider_on_this_machine_is_simulated(api_url: str, relay: str, simulated: set[str]) -> None:
    environment = {"CLARION_TWILIO_API_URL": api_url, "CLARION_SMTP_HOST": relay}
    assert simulated_channels(Settings.load(environment)) == simulated
