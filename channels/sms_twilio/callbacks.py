"""What Twilio posts back: status callbacks and inbound messages, and their signature."""

from __future__ import annotations

from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from channels.base import Outcome
from channels.sms_twilio.codes import verdict
from common.errors import Refused

_UNDER_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})
_ARRIVED = frozenset({"delivered", "read"})
_FAILED = frozenset({"undelivered", "failed", "canceled"})


def verify(auth_token: str, url: str, form: Mapping[str, str], signature: str) -> bool:
    """Whether X-Twilio-Signature is right for the full URL Twilio called and the fields it posted."""
    return bool(auth_token and signature and RequestValidator(auth_token).validate(url, dict(form), signature))


def outcome_from_callback(form: Mapping[str, str]) -> Outcome:
    """The outcome a status callback reports; Refused when it is none. `extra["disable"]` disables the address."""
    status = form.get("MessageStatus") or form.get("SmsStatus") or ""
    provider_id = form.get("MessageSid") or form.get("SmsSid") or ""
    if not provider_id:
        raise Refused("status callback: MessageSid is missing; is this address called by something but Twilio?")
    return outcome_of_status(status, provider_id, _number(form.get("ErrorCode", "")))


def outcome_of_status(status: str, provider_id: str, error_code: int | None) -> Outcome:
    if status in _UNDER_WAY:
        return Outcome("SMS_SENT", final=False, provider_id=provider_id, detail=status)
    if status in _ARRIVED:
        return Outcome("SMS_DELIVERED", final=True, provider_id=provider_id, detail=status)
    if status in _FAILED:
        found = verdict(error_code)
        detail = f"{status}, Twilio error {error_code}" if error_code else status
        return Outcome(found.code, final=True, provider_id=provider_id, detail=detail, extra={"disable": found.disable})
    raise Refused(
        f"status callback: MessageStatus {status!r} is unknown; Twilio's are queued, sent, delivered, failed ..."
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
