"""What the sinks received, newest first, in memory; copied to the journal as it comes."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulators.carrier.journal import Journal

_KEPT = 5000


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Sms:
    """One text message. `status` follows Twilio's names; `inbound` ones were written on the inbox page."""

    sid: str
    to: str
    sender: str
    body: str
    status: str
    callback: str = ""
    error_code: int | None = None
    inbound: bool = False
    created: datetime = field(default_factory=now)
    sent: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    number: int
    to: str
    sender: str
    subject: str
    message_id: str
    text: str
    html: str
    headers: tuple[tuple[str, str], ...]
    source: bytes
    at: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Payment:
    """A card payment that was asked for; of the card only the last four digits are kept."""

    card_end: str
    amount: str
    approved: bool
    reason: str
    authorization: str
    contact_id: str
    at: datetime = field(default_factory=now)


class Store:
    """Everything received. `journal` may keep nothing."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.messages: deque[Sms] = deque(maxlen=_KEPT)
        self.mails: deque[Mail] = deque(maxlen=_KEPT)
        self.payments: deque[Payment] = deque(maxlen=_KEPT)
        self.journal = journal or Journal(None)
        self._mail_count = 0

    def add_sms(self, sms: Sms) -> None:
        self.messages.appendleft(sms)
        self.journal.write("sms", sid=sms.sid, to=sms.to, body=sms.body, callback=sms.callback, status=sms.status)

    def add_mail(self, **parts: Any) -> Mail:
        self._mail_count += 1
        mail = Mail(number=self._mail_count, **parts)
        self.mails.appendleft(mail)
        self.journal.write("mail", to=mail.to, subject=mail.subject, message_id=mail.message_id)
        return mail

    def add_payment(self, payment: Payment) -> None:
        self.payments.appendleft(payment)
        self.journal.write("payment", amount=payment.amount, approved=payment.approved, contact_id=payment.contact_id)

    def mail(self, number: int) -> Mail | None:
        return next((mail for mail in self.mails if mail.number == number), None)


def to_json(item: Sms | Mail | Payment) -> dict[str, Any]:
    values = asdict(item)
    values.pop("source", None)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
