from __future__ import annotations

import pytest
from twilio.base.exceptions import TwilioRestException

from channels.base import ChannelError
from channels.sms_twilio.callbacks import outcome_from_callback, verify
from channels.sms_twilio.channel import _failure
from channels.sms_twilio.http_client import PooledHttpClient
from common.errors import ConfigError, Refused, RemoteError
from simulators.sinks.twilio_api import signature

URL = "http://127.0.0.1:8000/callbacks/twilio/a1"
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+12125550100", "Body": "größer"}


def test_a_signature_computed_elsewhere_is_accepted() -> None:
    assert verify("token", URL, FORM, signature("token", URL, FORM))


@pytest.mark.parametrize(
    ("token", "url", "form"),
    [("other", URL, FORM), ("token", URL + "x", FORM), ("token", URL, {**FORM, "MessageStatus": "failed"})],
)
def test_a_changed_request_is_refused(token: str, url: str, form: dict[str, str]) -> None:
    assert not verify(token, url, form, signature("token", URL, FORM))


def test_nothing_is_accepted_without_token_or_signature() -> None:
    assert not verify("", URL, FORM, signature("", URL, FORM))
    assert not verify("token", URL, FORM, "")


@pytest.mark.parametrize(
    ("status", "error", "code", "final", "disable"),
    [
        ("queued", "", "SMS_SENT", False, None),
        ("sent", "", "SMS_SENT", False, None),
        ("delivered", "", "SMS_DELIVERED", True, None),
        ("undelivered", "30003", "SMS_FAILED_TEMP", True, False),
        ("undelivered", "30005", "SMS_FAILED_PERM", True, True),
        ("undelivered", "30007", "SMS_FAILED_PERM", True, False),
        ("failed", "21610", "SMS_OPT_OUT", True, True),
        ("failed", "", "SMS_FAILED_TEMP", True, False),
    ],
)
def test_a_receipt_becomes_an_outcome(status: str, error: str, code: str, final: bool, disable: bool | None) -> None:
    outcome = outcome_from_callback({"MessageSid": "SM1", "MessageStatus": status, "ErrorCode": error})
    assert (outcome.code, outcome.final, outcome.provider_id) == (code, final, "SM1")
    assert outcome.extra.get("disable") is disable


@pytest.mark.parametrize("form", [{}, {"MessageSid": "SM1"}, {"MessageSid": "SM1", "MessageStatus": "teleported"}])
def test_what_is_no_receipt_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(Refused, match="status callback"):
        outcome_from_callback(form)


@pytest.mark.parametrize(
    ("status", "number", "code", "permanent"),
    [
        (400, 21211, "SMS_FAILED_PERM", True),
        (400, 21614, "SMS_FAILED_PERM", True),
        (400, 21610, "SMS_OPT_OUT", True),
        (400, 21617, "SMS_FAILED_PERM", False),
        (401, 20003, "SMS_FAILED_TEMP", False),
        (429, 20429, "SMS_FAILED_TEMP", False),
        (503, 20503, "SMS_FAILED_TEMP", False),
        (400, 99999, "SMS_FAILED_PERM", False),
    ],
)
def test_a_refusal_tells_permanent_from_temporary(status: int, number: int, code: str, permanent: bool) -> None:
    failure = _failure(TwilioRestException(status, "/Messages.json", "no", number))
    assert isinstance(failure, ChannelError)
    assert (failure.code, failure.permanent) == (code, permanent)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_leaves_the_outcome_open(status: int) -> None:
    failure = _failure(TwilioRestException(status, "/Messages.json", "no"))
    assert isinstance(failure, RemoteError)
    assert not isinstance(failure, ChannelError)


def test_requests_go_to_the_address_that_is_set() -> None:
    client = PooledHttpClient("http://127.0.0.1:8025/base/")
    rewritten = client.rewrite("https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json?x=1")
    assert rewritten == "http://127.0.0.1:8025/base/2010-04-01/Accounts/AC1/Messages.json?x=1"


def test_an_address_without_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match="CLARION_TWILIO_API_URL"):
        PooledHttpClient("api.twilio.com")
