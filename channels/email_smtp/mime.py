"""One email as the bytes that go over the wire (RFC 5322, 2045 to 2047, 8058). Pure; refuses header injection.

Written by hand because `email.message` needs milliseconds per message, a large campaign's whole budget.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr

from channels.base import Message
from common.errors import Refused

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?=.{1,253}\Z)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_MAILBOX = re.compile(r"(?P<name>[^<>]*)<(?P<named>[^<>\s]+)>|(?P<bare>[^<>\s]+)")
_ATTEMPT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
#: Fields that are ours to write.
_RESERVED = frozenset(
    {
        *("from", "to", "cc", "bcc", "sender", "subject", "date", "message-id", "return-path", "received"),
        *("mime-version", "content-type", "content-transfer-encoding", "auto-submitted", "dkim-signature"),
        *("list-unsubscribe", "list-unsubscribe-post"),
    }
)


@dataclass(frozen=True, slots=True)
class Mail:
    """`sender` and `to` are bare addresses for the envelope."""

    sender: str
    to: str
    message_id: str
    content: bytes


def message_id(attempt_id: str, sender: str) -> str:
    """The same for every try of one attempt, so that a receiver can drop a second copy."""
    if not _ATTEMPT_ID.fullmatch(attempt_id):
        raise Refused("attempt_id: use 1 to 64 letters, digits, - or _")
    return f"<{attempt_id}@{sender.rpartition('@')[2]}>"


def build(message: Message, default_sender: str, now: datetime) -> Mail:
    """Raise Refused naming the field that cannot be sent."""
    name, sender = _mailbox("sender", message.sender or default_sender)
    _, to = _mailbox("to", message.to)
    identity = message_id(message.attempt_id, sender)
    fields = [
        ("From", formataddr((name, sender), "utf-8") if name else sender),
        ("To", to),
        ("Subject", _encoded("subject", message.subject)),
        ("Date", format_datetime(now)),
        ("Message-ID", identity),
        ("MIME-Version", "1.0"),
        ("Auto-Submitted", "auto-generated"),
        *_unsubscribe(message.unsubscribe_url),
        *_extra(message),
    ]
    body_fields, body = _body(message)
    head = "".join(f"{field}: {value}\r\n" for field, value in [*fields, *body_fields])
    return Mail(sender, to, identity, f"{head}\r\n{body}".encode("ascii"))


def _mailbox(field: str, value: str) -> tuple[str, str]:
    """Display name and address; a domain outside ASCII is written in IDNA."""
    _refuse_controls(field, value)
    parts = _MAILBOX.fullmatch(value.strip())
    name, address = (parts["name"] or "", parts["named"] or parts["bare"]) if parts else ("", "")
    local, _, domain = address.rpartition("@")
    try:
        address = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        address = ""
    if not _ADDRESS.fullmatch(address):
        raise Refused(f"{field}: not an email address; write name@example.org")
    return name.strip().strip('"'), address


def _unsubscribe(url: str) -> list[tuple[str, str]]:
    """RFC 8058: one click, no page in between."""
    if not url:
        return []
    if not re.fullmatch(r"https?://[!-;=?-~]+", url):
        raise Refused("unsubscribe_url: use an http or https address without spaces or angle brackets")
    return [("List-Unsubscribe", f"<{url}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]


def _extra(message: Message) -> list[tuple[str, str]]:
    for name in message.headers:
        if not _FIELD_NAME.fullmatch(name) or name.lower() in _RESERVED:
            raise Refused(f"headers: {name[:40]!r} may not be set; use a name of your own, such as X-Campaign")
    return [(name, _encoded(f"header {name}", value)) for name, value in message.headers.items()]


def _encoded(field: str, value: str) -> str:
    _refuse_controls(field, value)
    if value.isascii() and len(value) < 900:
        return value
    # Half a surrogate pair cannot be sent; a question mark takes its place.
    value = value.encode("utf-8", "replace").decode("utf-8")
    return Header(value, "utf-8", maxlinelen=75, header_name=field).encode(linesep="\r\n")


def _refuse_controls(field: str, value: str) -> None:
    if _CONTROL.search(value):
        raise Refused(f"{field}: line breaks and control characters are not allowed in a header")


def _body(message: Message) -> tuple[list[tuple[str, str]], str]:
    plain = _part("plain", message.text)
    if not message.html:
        return plain
    # A boundary may not occur in the parts: base64 and 7bit lines hold no "=_" at a line's start.
    boundary = f"=_{message.attempt_id}"
    parts = []
    for fields, text in (plain, _part("html", message.html)):
        head = "".join(f"{field}: {value}\r\n" for field, value in fields)
        parts.append(f"--{boundary}\r\n{head}\r\n{text}\r\n")
    content_type = f'multipart/alternative; boundary="{boundary}"'
    return [("Content-Type", content_type)], "".join(parts) + f"--{boundary}--\r\n"


def _part(kind: str, text: str) -> tuple[list[tuple[str, str]], str]:
    lines = text.splitlines()
    simple = text.isascii() and "\x00" not in text and all(len(line) <= 990 for line in lines) and "--=_" not in text
    if simple:
        fields = [("Content-Type", f"text/{kind}; charset=us-ascii"), ("Content-Transfer-Encoding", "7bit")]
        return fields, "\r\n".join(lines) + "\r\n"
    encoded = base64.b64encode("\r\n".join(lines).encode("utf-8", "replace")).decode("ascii")
    wrapped = "\r\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
    fields = [("Content-Type", f"text/{kind}; charset=utf-8"), ("Content-Transfer-Encoding", "base64")]
    return fields, wrapped + "\r\n"
