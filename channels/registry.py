"""Which channel carries SMS and which carries email, by the settings."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from channels.base import Channel
from common.loopback import is_loopback
from common.settings import Settings

SMS, EMAIL = "sms", "email"


def build_channels(settings: Settings) -> Mapping[str, Channel]:
    """The message channels that are switched on, by kind. Provider packages load only where they are used."""
    channels: dict[str, Channel] = {}
    if settings.twilio.account_sid:
        from channels.sms_twilio.channel import TwilioSms

        channels[SMS] = TwilioSms(settings.twilio)
    if settings.smtp.host:
        from channels.email_smtp.channel import SmtpEmail

        channels[EMAIL] = SmtpEmail(settings.smtp)
    return channels


def simulated_channels(settings: Settings) -> frozenset[str]:
    """The kinds whose provider is on this machine, so that no message of theirs reaches anybody by it."""
    hosts = {SMS: urlsplit(settings.twilio.api_url).hostname or "", EMAIL: settings.smtp.host}
    return frozenset(kind for kind, host in hosts.items() if is_loopback(host))


async def close_channels(channels: Mapping[str, Channel]) -> None:
    for channel in channels.values():
        await channel.close()
