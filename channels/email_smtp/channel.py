"""The email channel over SMTP."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from datetime import datetime

import aiosmtplib

from channels.base import Certainty, ChannelError, Message, Outcome, Sought
from channels.email_smtp.mime import Mail, build
from channels.email_smtp.pool import Pool
from common.clock import utcnow
from common.errors import Refused, RemoteError
from common.settings import SmtpSettings

#: Enhanced status codes (RFC 3463) that speak of the mailbox: 5.1.x address, 5.2.1 disabled.
_NO_MAILBOX = re.compile(r"^5\.(?:1\.(?!8)\d+|2\.1)\b")
#: A full mailbox empties, whatever the first digit says.
_FULL = re.compile(r"^[45]\.2\.2\b")
_NO_MAILBOX_REPLIES = (550, 551, 553)


class SmtpEmail:
    name = "email_smtp"

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        now: Callable[[], datetime] = utcnow,
        connections: int = 4,
        timeout: float = 30.0,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self.at_once = connections
        self._sender = settings.sender
        self._now = now
        self._pool = Pool(settings, size=connections, timeout=timeout, tls_context=tls_context)

    async def send(self, message: Message) -> Outcome:
        try:
            mail = build(message, self._sender, self._now())
        except Refused as error:
            wrong_address = str(error).startswith("to:")
            code = "EMAIL_BOUNCE_HARD" if wrong_address else "SYSTEM_ERROR"
            raise ChannelError(f"email: {error}", permanent=wrong_address, code=code) from error
        refusal: ChannelError | None = None
        try:
            async with self._pool.connection() as client:
                refusal = await _offer(client, mail)
                if refusal is None:
                    reply = await _hand_over(client, mail)
        except (aiosmtplib.SMTPException, OSError) as error:
            # Connecting, MAIL and RCPT come before the message: nothing has left.
            raise ChannelError(f"SMTP: {_words(error)}", permanent=False, code="EMAIL_BOUNCE_SOFT") from error
        if refusal is not None:
            raise refusal
        return Outcome("EMAIL_SENT", final=True, provider_id=mail.message_id, detail=reply, at=self._now())

    async def lookup(self, sought: Sought) -> tuple[Certainty, Outcome | None]:
        """SMTP keeps nothing that could be asked for; the Message-ID lets the receiver drop a second copy."""
        return Certainty.UNKNOWN, None

    async def close(self) -> None:
        await self._pool.close()


async def _offer(client: aiosmtplib.SMTP, mail: Mail) -> ChannelError | None:
    """MAIL and RCPT; the refusal, if any, leaves the connection fit for the next message."""
    try:
        await client.mail(mail.sender)
        await client.rcpt(mail.to)
    except aiosmtplib.SMTPSenderRefused as error:
        return _refusal(error.code, error.message, about_recipient=False)
    except aiosmtplib.SMTPRecipientRefused as error:
        return _refusal(error.code, error.message, about_recipient=True)
    return None


async def _hand_over(client: aiosmtplib.SMTP, mail: Mail) -> str:
    """DATA. Once it began, a lost connection leaves the outcome unknown: RemoteError, not ChannelError."""
    try:
        reply = await client.data(mail.content)
    except aiosmtplib.SMTPResponseException as error:
        raise _refusal(error.code, error.message, about_recipient=False) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise RemoteError(f"SMTP: the connection was lost during DATA: {type(error).__name__}") from error
    return f"{reply.code} {reply.message}"[:200]


def _refusal(reply: int, text: str, *, about_recipient: bool) -> ChannelError:
    """Permanent only where the reply speaks of the mailbox; policy and content refusals say nothing of the address."""
    message = f"SMTP refused: {reply} {_masked(text)}"
    if reply < 500 or _FULL.match(text):
        return ChannelError(message, permanent=False, code="EMAIL_BOUNCE_SOFT")
    enhanced = re.match(r"^5\.\d+\.\d+", text)
    gone = bool(_NO_MAILBOX.match(text)) if enhanced else reply in _NO_MAILBOX_REPLIES
    return ChannelError(message, permanent=about_recipient and gone, code="EMAIL_BOUNCE_HARD")


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {_masked(str(error))}"


def _masked(text: str) -> str:
    """Servers like to repeat the address."""
    return re.sub(r"[^\s<>@]+@", "***@", text)[:200]
