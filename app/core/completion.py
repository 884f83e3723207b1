"""Completion codes: the canonical set with its flags, and which of them a finished call gets.

An organization's custom codes carry the same flags (`app.models.CompletionCode`); an application may set any
known code by `<exit namelist="completion_code">`, which the engine applies, not this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from common.control import CallStatus, DialogResult, Disposition


class Retry(StrEnum):
    """What happens to the contact where a strategy has no word on the code."""

    NO = "no"
    YES = "yes"
    #: A compliance rule decides (nuisance calls: 72 hours in the UK).
    RULE = "rule"
    #: Nothing was dialled: the contact is held until the restriction ends.
    PARKED = "parked"
    #: A callback has its own time.
    SCHEDULED = "scheduled"
    #: Not inside the guard time: the person may have been rung.
    GUARDED = "guarded"


@dataclass(frozen=True, slots=True)
class CompletionCode:
    """One code. `closes_contact` ends every further attempt in the job, `closes_address` only that address."""

    name: str
    description: str
    human: bool = False
    rpc: bool = False
    success: bool = False
    closes_contact: bool = False
    closes_address: bool = False
    nuisance: bool = False
    #: Counts as an attempt to the person (7-in-7 and other frequency rules).
    counts_as_attempt: bool = False
    #: The person's own wish: whoever sets it puts the person on the organization's do-not-call list.
    do_not_call: bool = False
    retry: Retry = Retry.NO


_FLAGS = {
    "H": "human",
    "R": "rpc",
    "S": "success",
    "C": "closes_contact",
    "D": "closes_address",
    "N": "nuisance",
    "A": "counts_as_attempt",
    "O": "do_not_call",
}
_RETRIES = {"Q": Retry.YES, "r": Retry.RULE, "p": Retry.PARKED, "s": Retry.SCHEDULED, "g": Retry.GUARDED}

# Flags: H human answered, R right party, S success, C closes contact, D closes the address, N nuisance, A counts as an
# attempt, O opts out: puts the person on the do-not-call list; then the retry: Q yes, r rule, p parked, s scheduled,
# g not inside the guard time.
_TABLE = """
ATTEMPT_IN_PROGRESS             -      The attempt was started; no outcome yet
ANSWER_HUMAN                    HA     Answered by a person
ANSWER_MACHINE                  AQ     Answered by an answering machine
ANSWER_MACHINE_MSG_LEFT         AQ     The message was played to an answering machine to its end
ANSWER_MACHINE_BY_AGENT         AQ     An agent said that a machine answered
SILENCE_DETECTED                AQ     Answered, and nothing was heard
FAX_MODEM                       A      A fax or modem answered
CALL_BUSY                       AQ     Busy
RING_NO_ANSWER                  AQ     Nobody answered within the time allowed
REJECTED_BY_USER                A      The called person declined
BLOCKED_BY_NETWORK              A      Blocked on the way by call analytics
FAST_BUSY                       Q      The network had no way through
INVALID_NUMBER                  DA     The number does not exist or is incomplete
NETWORK_REFUSAL                 AQ     The network refused the call for another reason
NO_PORTS                        Q      No free port on any media server
NO_LICENSE                      Q      No free licence
ATTEMPT_TIMEOUT                 AQ     Nothing was heard of the attempt within the time allowed
NUISANCE_CALL                   HNAr   A person answered, no agent was free in time, the message was played
DISCONNECTED_BY_USER            HAQ    The person hung up before an agent spoke
DISCONNECTED_BY_SYSTEM          HAQ    Clarion hung up before an agent spoke
DISCONNECTED_BY_USER_NUISANCE   HNAr   The person hung up during the nuisance message
DISCONNECTED_BY_SYSTEM_NUISANCE HNAr   Clarion hung up during the nuisance message
QUEUE_TIMEOUT                   HNAr   The person waited in the queue and no agent came free
APPLICATION_ERROR               HAQ    The application could not be fetched or failed
DESKTOP_ERROR                   HAQ    The agent's desktop was lost
FORCED_LOGOUT                   HAQ    The agent was logged out by force
IN_DNC_LIST                     C      On a do-not-call list
RESTRICTED_RULE                 p      A rule forbids it now
RESTRICTED_TIME                 p      Outside the calling window
RESTRICTED_HOLIDAY              p      A holiday
NO_CALLABLE_ADDRESS             C      No address that may be used
CONSENT_MISSING                 C      Consent is required and there is none
CONSENT_REVOKED                 C      Consent was taken back
PREVIEW_CANCELLED               Q      The agent cancelled the preview
PREVIEW_EXPIRED                 Q      The preview was not taken in time
CALLBACK_REQUESTED              HRs    The person asked to be called back
CALLBACK_EXPIRED                HRs    The callback could not be made in its time
AGENT_RPC                       HRA    The agent spoke to the right party
AGENT_WRONG_PARTY               HA     The agent spoke to somebody else
AGENT_SUCCESS                   HRSA   The agent reached the campaign's aim
AGENT_REFUSED                   HRA    The right party refused
AGENT_DNC                       HAO    The person wants no more calls
SMS_SENT                        A      The SMS was handed to the provider
SMS_DELIVERED                   SA     The SMS was delivered
SMS_FAILED_TEMP                 AQ     The SMS failed; it may be tried again
SMS_FAILED_PERM                 A      The SMS failed for good
SMS_REPLY                       SA     The person answered the SMS
SMS_OPT_OUT                     AO     The person asked for no more SMS
EMAIL_SENT                      A      The email was handed to the mail server
EMAIL_DELIVERED                 A      The email was delivered
EMAIL_BOUNCE_SOFT               AQ     The email came back; it may be tried again
EMAIL_BOUNCE_HARD               CA     The email came back for good
EMAIL_COMPLAINT                 A      The person marked the email as spam
EMAIL_UNSUBSCRIBED              CAO    The person unsubscribed
EMAIL_OPENED                    A      The email was opened
OUTCOME_UNKNOWN                 Ag     A crash: the outcome cannot be learnt
TRUNK_FAULT                     Q      The trunk refused us or could not be reached; the trunk is paused
CANCELLED_BY_SYSTEM             A      Clarion cancelled the call while it rang
CONTACT_DELETED                 C      The contact was deleted
CONTACT_EXCLUDED                C      The contact is excluded from calling
JOB_STOPPED                     C      The job was stopped
SYSTEM_ERROR                    C      Clarion itself failed
"""


def _parse(line: str) -> CompletionCode:
    name, letters, description = line.split(None, 2)
    flags = {_FLAGS[letter]: True for letter in letters if letter in _FLAGS}
    retry = next((_RETRIES[letter] for letter in letters if letter in _RETRIES), Retry.NO)
    return CompletionCode(name, description, **flags, retry=retry)


SYSTEM_CODES: Mapping[str, CompletionCode] = MappingProxyType(
    {code.name: code for code in map(_parse, _TABLE.strip().splitlines())}
)

_BY_SIP_STATUS = {
    401: "TRUNK_FAULT",
    407: "TRUNK_FAULT",
    404: "INVALID_NUMBER",
    410: "INVALID_NUMBER",
    484: "INVALID_NUMBER",
    604: "INVALID_NUMBER",
    408: "RING_NO_ANSWER",
    480: "RING_NO_ANSWER",
    486: "CALL_BUSY",
    600: "CALL_BUSY",
    500: "FAST_BUSY",
    503: "FAST_BUSY",
    603: "REJECTED_BY_USER",
    607: "REJECTED_BY_USER",
    608: "BLOCKED_BY_NETWORK",
}
_BY_DISPOSITION = {
    Disposition.RING_TIMEOUT: "RING_NO_ANSWER",
    Disposition.CANCELLED: "CANCELLED_BY_SYSTEM",
    Disposition.AUTH_FAILED: "TRUNK_FAULT",
    Disposition.TRANSPORT_ERROR: "TRUNK_FAULT",
    Disposition.NOT_ADMITTED: "NO_PORTS",
    Disposition.LOST: "OUTCOME_UNKNOWN",
}
#: What the telephone network says behind a status that tells little (ITU-T Q.850 in a Reason header, RFC 3326).
_BY_Q850 = {
    **dict.fromkeys((1, 22, 28), "INVALID_NUMBER"),
    17: "CALL_BUSY",
    **dict.fromkeys((18, 19), "RING_NO_ANSWER"),
    21: "REJECTED_BY_USER",
    **dict.fromkeys((34, 38, 41, 42, 44, 47), "FAST_BUSY"),
}
_VAGUE = frozenset({400, 403, 480, 487, 500, 502, 503, 504, 603})
# What analytics engines put into the reason of a 403 (RFC 8197 and RFC 8688 gave 607 and 608 for it).
_ANALYTICS = re.compile(r"analytic|spam|scam|fraud|robocall|unwanted|blocked|blacklist", re.IGNORECASE)


#: What the network said by a tone (mediaserver.cpa.events.Sound), while it rang or in an answered call.
_BY_SOUND = {
    "busy": "CALL_BUSY",
    **dict.fromkeys(("reorder", "sit_reorder", "sit_no_circuit"), "FAST_BUSY"),
    **dict.fromkeys(("unobtainable", "sit_vacant", "sit_intercept"), "INVALID_NUMBER"),
    # The ITU's frequencies, or "ineffective": that it failed, not why.
    **dict.fromkeys(("sit", "sit_ineffective"), "NETWORK_REFUSAL"),
}
_BY_ANSWER = {"machine": "ANSWER_MACHINE", "fax": "FAX_MODEM", "silence": "SILENCE_DETECTED"}


def code_for_call(status: CallStatus, *, trunk_silent: bool = False) -> str:
    """The system code of a call's outcome; ATTEMPT_IN_PROGRESS while it is under way.

    `trunk_silent`: the trunk does not answer OPTIONS either, so that no reply at all is the trunk's fault.
    """
    match status.disposition:
        case None:
            return "ATTEMPT_IN_PROGRESS"
        case Disposition.ANSWERED:
            return _answered(status)
        case Disposition.CANCELLED if status.sound in _BY_SOUND:
            return _BY_SOUND[status.sound]
        case Disposition.REFUSED:
            if status.sip_status in (403, 603) and _ANALYTICS.search(f"{status.reason} {status.release}"):
                return "BLOCKED_BY_NETWORK"
            if status.sip_status in _VAGUE and status.q850 in _BY_Q850:
                return _BY_Q850[status.q850]
            return _BY_SIP_STATUS.get(status.sip_status or 0, "NETWORK_REFUSAL")
        case Disposition.NO_REPLY:
            if status.provisional:
                return "RING_NO_ANSWER"
            return "TRUNK_FAULT" if trunk_silent else "NETWORK_REFUSAL"
        case other:
            return _BY_DISPOSITION[other]


def _answered(status: CallStatus) -> str:
    if status.dialog is DialogResult.APPLICATION_ERROR:
        return "APPLICATION_ERROR"
    if status.answered_by == "network":
        return _BY_SOUND.get(status.sound, "NETWORK_REFUSAL")
    left = status.times.message is not None and status.dialog is DialogResult.COMPLETED
    if status.answered_by == "machine" and left:
        return "ANSWER_MACHINE_MSG_LEFT"
    return _BY_ANSWER.get(status.answered_by, "ANSWER_HUMAN")
