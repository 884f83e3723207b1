"""A card processor's sandbox that VoiceXML applications `<submit>` to; it answers with a VoiceXML document.

    POST /payment    card, expiry (MMYY), amount, contact_id, name

Card digits are never logged, kept or answered; the last four alone appear on the inbox page.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from xml.sax.saxutils import escape

from aiohttp import web

from simulators.sinks.store import Payment, Store, now

#: A well-formed card that is always declined.
DECLINED_CARD = "4000000000000002"

_DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="en-US">
  <var name="completion_code" expr="'{code}'"/>
  <var name="amount" expr="'{amount}'"/>
  <var name="authorization" expr="'{authorization}'"/>
  <catch event="connection.disconnect.hangup">
    <exit namelist="completion_code amount authorization"/>
  </catch>
  <form id="result">
    <block>
      <prompt bargein="false">{text}</prompt>
      <exit namelist="completion_code amount authorization"/>
    </block>
  </form>
</vxml>
"""


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def decide(form: Mapping[str, str], today: datetime) -> Payment:
    """Approve or decline; the reason is a word fit for a log."""
    card, expiry, amount = (form.get(name, "").strip() for name in ("card", "expiry", "amount"))
    reason = ""
    if not (card.isascii() and card.isdigit() and 12 <= len(card) <= 19 and luhn(card)):
        reason = "card number"
    elif not _in_date(expiry, today):
        reason = "expiry"
    elif not _positive(amount):
        reason = "amount"
    elif card == DECLINED_CARD:
        reason = "declined by the bank"
    return Payment(
        card_end=card[-4:] if card.isdigit() else "",
        amount=amount if _positive(amount) else "0.00",
        approved=not reason,
        reason=reason,
        authorization="" if reason else secrets.token_hex(3).upper(),
        contact_id=form.get("contact_id", "")[:64],
    )


def document(payment: Payment) -> str:
    """The VoiceXML page that tells the caller and ends the call."""
    if payment.approved:
        spoken = " ".join(payment.authorization)
        text = f"Thank you. Your payment of {payment.amount} dollars was approved. Your authorization code is {spoken}."
    else:
        text = "We are sorry. Your payment could not be taken. No money has left your account. Goodbye."
    return _DOCUMENT.format(
        code="PAID" if payment.approved else "PAYMENT_DECLINED",
        amount=escape(payment.amount if payment.approved else "0.00"),
        authorization=payment.authorization,
        text=escape(text),
    )


class PaymentSandbox:
    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/payment", self.pay)]

    async def pay(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        payment = decide(form, now())
        self._store.add_payment(payment)
        return web.Response(text=document(payment), content_type="application/voicexml+xml", charset="utf-8")


def _in_date(expiry: str, today: datetime) -> bool:
    if len(expiry) != 4 or not (expiry.isascii() and expiry.isdigit()) or not 1 <= int(expiry[:2]) <= 12:
        return False
    return (2000 + int(expiry[2:]), int(expiry[:2])) >= (today.year, today.month)


def _positive(amount: str) -> bool:
    whole, _, cents = amount.partition(".")
    return (
        whole.isascii() and whole.isdigit() and len(whole) < 8 and (not cents or cents.isdigit()) and float(amount) > 0
    )
