"""An SMTP server that keeps what it gets, with failures by the local part of the recipient."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from simulators.sinks.store import Store

#: Local part begins with -> the answer to RCPT TO (to DATA for `spam`).
FAILURES: Mapping[str, str] = {
    "bounce": "550 5.1.1 No such user here",
    "blocked": "554 5.7.1 Delivery not authorized",
    "full": "452 4.2.2 Mailbox full",
    "later": "451 4.3.0 Try again later",
    "spam": "550 5.7.1 Message content rejected",
    "drop": "421 4.3.2 Closing the connection",
}

#: Local part begins with -> seconds before the mail is kept, and before the answer to it after that.
DELAYS: Mapping[str, tuple[float, float]] = {"hold": (8.0, 0.0), "slow": (0.0, 8.0)}


class Handler:
    """aiosmtpd's hooks; their names are its protocol."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = _failure(address)
        if reply and not address.lower().startswith("spam"):
            if reply.startswith("421") and server.transport is not None:
                server.transport.close()
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        for address in envelope.rcpt_tos:
            if address.lower().startswith("spam"):
                return FAILURES["spam"]
        content = envelope.content or b""
        source = content if isinstance(content, bytes) else content.encode()
        before, after = _delays(envelope.rcpt_tos)
        if before:
            self._store.journal.write("mail_held", to=envelope.rcpt_tos[0])
        # A client that goes away cancels this.
        await asyncio.sleep(before)
        for address in envelope.rcpt_tos:
            self._keep(address, envelope.mail_from or "", source)
        await asyncio.sleep(after)
        return "250 2.0.0 Message accepted"

    def _keep(self, to: str, sender: str, source: bytes) -> None:
        parsed = message_from_bytes(source, policy=policy.default)
        self._store.add_mail(
            to=to,
            sender=sender,
            subject=str(parsed.get("subject", "")),
            message_id=str(parsed.get("message-id", "")),
            text=_part(parsed, "plain"),
            html=_part(parsed, "html"),
            headers=tuple((name, str(value)) for name, value in parsed.items()),
            source=source,
        )


class SmtpSink:
    """Listens on host:port (0 takes a free one). `tls` offers STARTTLS, or speaks TLS from the start if `implicit`."""

    def __init__(
        self,
        store: Store,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        #: Connections taken so far, to prove that they are reused.
        self.connections = 0
        self._handler = Handler(store)
        self._tls = tls
        self._implicit = implicit
        self._credentials = credentials
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        tls = self._tls if self._implicit else None
        self._server = await loop.create_server(self._protocol, self.host, self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def _protocol(self) -> SMTP:
        self.connections += 1
        options: dict[str, Any] = {"enable_SMTPUTF8": True, "hostname": "sink.example", "ident": "Clarion sink"}
        if self._tls is not None and not self._implicit:
            options |= {"tls_context": self._tls, "require_starttls": True}
        if self._credentials is not None:
            options |= {"authenticator": self._authenticate, "auth_required": True}
        return SMTP(self._handler, **options)

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        given = (getattr(data, "login", b"").decode(), getattr(data, "password", b"").decode())
        return AuthResult(success=given == self._credentials, handled=False)


def _delays(receivers: list[str]) -> tuple[float, float]:
    starts = [start for start in DELAYS for to in receivers if to.lower().startswith(start)]
    return DELAYS[starts[0]] if starts else (0.0, 0.0)


def _failure(address: str) -> str:
    local = address.partition("@")[0].lower()
    return next((reply for start, reply in FAILURES.items() if local.startswith(start)), "")


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""
