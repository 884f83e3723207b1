"""What Twilio's numeric codes mean for an attempt and for the address (https://www.twilio.com/docs/api/errors)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code` is the completion code; `disable` says that the address is of no use any more."""

    code: str
    disable: bool = False


_BAD_NUMBER = Verdict("SMS_FAILED_PERM", disable=True)
#: The message or our account is at fault, not the number: another try would fail the same way.
_OUR_FAULT = Verdict("SMS_FAILED_PERM")
_LATER = Verdict("SMS_FAILED_TEMP")
_OPTED_OUT = Verdict("SMS_OPT_OUT", disable=True)

VERDICTS: Mapping[int, Verdict] = {
    # Refused at once.
    20003: _LATER,  # credentials: mended by the administrator
    20005: _LATER,  # account not active
    20429: _LATER,  # too many requests
    14107: _LATER,  # message rate limit
    21211: _BAD_NUMBER,  # invalid To
    21214: _BAD_NUMBER,  # To cannot be reached
    21217: _BAD_NUMBER,  # not a telephone number
    21408: _OUR_FAULT,  # region not enabled for the account
    21602: _OUR_FAULT,  # no body
    21603: _OUR_FAULT,  # no From
    21604: _BAD_NUMBER,  # no To
    21606: _OUR_FAULT,  # From is not ours
    21610: _OPTED_OUT,  # recipient sent STOP
    21611: _LATER,  # From's queue is full
    21612: _OUR_FAULT,  # this From cannot reach this To
    21614: _BAD_NUMBER,  # not a mobile number
    21617: _OUR_FAULT,  # body too long
    # Reported by receipt.
    30001: _LATER,  # queue overflow
    30002: _LATER,  # account suspended
    30003: _LATER,  # handset off or out of reach
    30004: Verdict("SMS_FAILED_PERM", disable=True),  # blocked by the recipient or operator
    30005: _BAD_NUMBER,  # unknown handset
    30006: _BAD_NUMBER,  # landline
    30007: _OUR_FAULT,  # filtered as spam
    30008: _LATER,  # unknown error
    30410: _LATER,  # provider timeout
    63038: _LATER,  # daily limit of the account
}


def verdict(code: int | None, status: int = 0) -> Verdict:
    """By Twilio's code, else by HTTP status: 4xx other than 408, 409, 425, 429 will not get better."""
    known = VERDICTS.get(code or 0)
    if known is not None:
        return known
    if 400 <= status < 500 and status not in (401, 403, 408, 409, 425, 429):
        return _OUR_FAULT
    return _LATER
