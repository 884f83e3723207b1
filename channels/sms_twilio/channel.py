"""The SMS channel over Twilio."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from channels.base import Certainty, ChannelError, Message, Outcome, Sought, digest_of
from channels.sms_twilio.callbacks import outcome_of_status
from channels.sms_twilio.codes import verdict
from channels.sms_twilio.http_client import PooledHttpClient
from common.clock import utcnow
from common.errors import Refused, RemoteError
from common.settings import TwilioSettings

#: Twilio keeps whole seconds, and its clock and ours may differ a little.
_SKEW = timedelta(seconds=5)
#: A request whose reply was lost may still be on its way in; before this has passed "not there" proves nothing.
_SETTLE = timedelta(seconds=30)
_LOOKED_AT = 50


class TwilioSms:
    """Sends through `messages.create`; a failure whose effect is not known is never a ChannelError."""

    name = "sms_twilio"
    at_once = 16

    def __init__(
        self,
        settings: TwilioSettings,
        *,
        now: Callable[[], datetime] = utcnow,
        settle: timedelta = _SETTLE,
        timeout: float = 15.0,
    ) -> None:
        self._sender = settings.sender
        self._now = now
        self._settle = settle
        self._http = PooledHttpClient(settings.api_url, timeout=timeout)
        self._client = Client(settings.account_sid, settings.auth_token, http_client=self._http)

    async def send(self, message: Message) -> Outcome:
        try:
            sent: MessageInstance = await self._client.messages.create_async(**self._fields(message))
        except TwilioRestException as error:
            raise _failure(error) from error
        except aiohttp.ClientConnectorError as error:
            # No connection, so nothing left this machine.
            raise ChannelError(f"Twilio: {error}", permanent=False, code="SMS_FAILED_TEMP") from error
        except (aiohttp.ClientError, TimeoutError, TwilioException) as error:
            raise RemoteError(f"Twilio: the reply was lost: {type(error).__name__}") from error
        final = not message.status_url
        return Outcome("SMS_SENT", final=final, provider_id=sent.sid or "", detail=sent.status or "", at=self._now())

    async def lookup(self, sought: Sought) -> tuple[Certainty, Outcome | None]:
        """By receiver, time and text: Twilio keeps no mark of ours and does not answer the status callback's address.

        Another text to the receiver in that time proves nothing: a provider may change a text (a trial account's
        preface, characters outside its alphabet). Not by DateSent, which leaves out what Twilio has only queued.
        """
        try:
            found: list[MessageInstance] = await self._client.messages.list_async(to=sought.to, limit=_LOOKED_AT)
        except (aiohttp.ClientError, TimeoutError, TwilioException):
            return Certainty.UNKNOWN, None
        earliest = sought.since - _SKEW
        recent = [one for one in found if one.date_created is not None and one.date_created >= earliest]
        ours = [one for one in recent if digest_of(one.body or "") == sought.digest]
        if ours:
            return self._judge(ours[0])
        if recent or len(found) >= _LOOKED_AT or self._now() - sought.since < self._settle:
            return Certainty.UNKNOWN, None
        return Certainty.NOT_SENT, None

    async def close(self) -> None:
        await self._http.close()

    def _fields(self, message: Message) -> dict[str, str]:
        sender = message.sender or self._sender
        fields = {"to": message.to, "body": message.text}
        # A Messaging Service picks the number itself; its id takes the place of one.
        fields["messaging_service_sid" if sender.startswith("MG") else "from_"] = sender
        if message.status_url:
            fields["status_callback"] = message.status_url
        return fields

    def _judge(self, found: MessageInstance) -> tuple[Certainty, Outcome | None]:
        try:
            outcome = outcome_of_status(found.status or "", found.sid or "", found.error_code)
        except Refused:
            return Certainty.UNKNOWN, None
        return Certainty.SENT, outcome


def _failure(error: TwilioRestException) -> RemoteError:
    """A refusal is a ChannelError; a server error may have come after the message was taken."""
    if error.status >= 500 and error.status != 503:
        return RemoteError(f"Twilio: HTTP {error.status}, whether the message left is not known")
    found = verdict(error.code, error.status)
    code = f" (error {error.code})" if error.code else ""
    return ChannelError(f"Twilio refused with HTTP {error.status}{code}", permanent=found.disable, code=found.code)
