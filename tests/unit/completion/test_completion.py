from __future__ import annotations

import pytest

from app.core.completion import SYSTEM_CODES, Retry, code_for_call
from common.control import CallStatus, DialogResult, Disposition, Times
from mediaserver.cpa.events import FAILURES, Sound


def status(disposition: Disposition | None, **values: object) -> CallStatus:
    return CallStatus("a1", "boot", "ended", disposition, **values)


@pytest.mark.parametrize(
    ("sip_status", "code"),
    [
        (486, "CALL_BUSY"),
        (600, "CALL_BUSY"),
        (408, "RING_NO_ANSWER"),
        (480, "RING_NO_ANSWER"),
        (603, "REJECTED_BY_USER"),
        (607, "REJECTED_BY_USER"),
        (608, "BLOCKED_BY_NETWORK"),
        (503, "FAST_BUSY"),
        (500, "FAST_BUSY"),
        (404, "INVALID_NUMBER"),
        (410, "INVALID_NUMBER"),
        (484, "INVALID_NUMBER"),
        (604, "INVALID_NUMBER"),
        (403, "NETWORK_REFUSAL"),
        (488, "NETWORK_REFUSAL"),
        (606, "NETWORK_REFUSAL"),
        (302, "NETWORK_REFUSAL"),
        (None, "NETWORK_REFUSAL"),
    ],
)
def test_maps_every_final_status(sip_status: int | None, code: str) -> None:
    assert code_for_call(status(Disposition.REFUSED, sip_status=sip_status)) == code


@pytest.mark.parametrize(
    ("disposition", "code"),
    [
        (Disposition.RING_TIMEOUT, "RING_NO_ANSWER"),
        (Disposition.CANCELLED, "CANCELLED_BY_SYSTEM"),
        (Disposition.AUTH_FAILED, "TRUNK_FAULT"),
        (Disposition.TRANSPORT_ERROR, "TRUNK_FAULT"),
        (Disposition.NOT_ADMITTED, "NO_PORTS"),
        (Disposition.LOST, "OUTCOME_UNKNOWN"),
        (None, "ATTEMPT_IN_PROGRESS"),
    ],
)
def test_maps_dispositions_without_a_final_status(disposition: Disposition | None, code: str) -> None:
    assert code_for_call(status(disposition)) == code


def test_every_disposition_has_a_known_code() -> None:
    assert {code_for_call(status(disposition)) for disposition in Disposition} <= set(SYSTEM_CODES)


def test_a_403_of_call_analytics_is_a_block() -> None:
    assert code_for_call(status(Disposition.REFUSED, sip_status=403, reason="Call blocked: SPAM")) == (
        "BLOCKED_BY_NETWORK"
    )


@pytest.mark.parametrize(
    ("sip_status", "q850", "code"),
    [
        (503, 17, "CALL_BUSY"),
        (500, 1, "INVALID_NUMBER"),
        (480, 19, "RING_NO_ANSWER"),
        (503, 34, "FAST_BUSY"),
        (403, 21, "REJECTED_BY_USER"),
        (480, 16, "RING_NO_ANSWER"),
        (404, 17, "INVALID_NUMBER"),
    ],
)
def test_the_network_s_cause_explains_a_vague_status(sip_status: int, q850: int, code: str) -> None:
    status = CallStatus("a", "b", "ended", Disposition.REFUSED, sip_status, q850=q850)
    assert code_for_call(status) == code


def test_a_603_of_call_analytics_is_a_block() -> None:
    release = "Q.850 21 v=analytics1;url=https://carrier.example"
    assert code_for_call(CallStatus("a", "b", "ended", Disposition.REFUSED, 603, release=release)) == (
        "BLOCKED_BY_NETWORK"
    )


def test_an_answered_call_is_human_unless_its_application_failed() -> None:
    assert code_for_call(status(Disposition.ANSWERED, sip_status=200)) == "ANSWER_HUMAN"
    hung_up = status(Disposition.ANSWERED, dialog=DialogResult.CALLER_HANGUP)
    assert code_for_call(hung_up) == "ANSWER_HUMAN"
    failed = status(Disposition.ANSWERED, dialog=DialogResult.APPLICATION_ERROR)
    assert code_for_call(failed) == "APPLICATION_ERROR"


def test_silence_is_told_apart_by_provisional_and_options() -> None:
    assert code_for_call(status(Disposition.NO_REPLY, provisional=True), trunk_silent=True) == "RING_NO_ANSWER"
    assert code_for_call(status(Disposition.NO_REPLY), trunk_silent=True) == "TRUNK_FAULT"
    assert code_for_call(status(Disposition.NO_REPLY)) == "NETWORK_REFUSAL"


def test_flags_follow_the_table() -> None:
    invalid = SYSTEM_CODES["INVALID_NUMBER"]
    assert invalid.closes_address
    assert not invalid.closes_contact
    assert SYSTEM_CODES["IN_DNC_LIST"].closes_contact
    assert SYSTEM_CODES["NUISANCE_CALL"].nuisance
    assert SYSTEM_CODES["NUISANCE_CALL"].retry is Retry.RULE
    assert SYSTEM_CODES["RESTRICTED_TIME"].retry is Retry.PARKED
    assert SYSTEM_CODES["OUTCOME_UNKNOWN"].retry is Retry.GUARDED
    assert SYSTEM_CODES["CALL_BUSY"].retry is Retry.YES
    assert not SYSTEM_CODES["FAST_BUSY"].counts_as_attempt
    assert len(SYSTEM_CODES) == 62


@pytest.mark.parametrize(
    ("answered_by", "sound", "code"),
    [
        ("human", "", "ANSWER_HUMAN"),
        ("machine", "", "ANSWER_MACHINE"),
        ("fax", "fax_answer", "FAX_MODEM"),
        ("silence", "", "SILENCE_DETECTED"),
        ("network", "busy", "CALL_BUSY"),
        ("network", "sit", "NETWORK_REFUSAL"),
    ],
)
def test_who_answered_decides_the_code(answered_by: str, sound: str, code: str) -> None:
    assert code_for_call(status(Disposition.ANSWERED, answered_by=answered_by, sound=sound)) == code


@pytest.mark.parametrize(
    ("dialog", "code"),
    [(DialogResult.COMPLETED, "ANSWER_MACHINE_MSG_LEFT"), (DialogResult.CALLER_HANGUP, "ANSWER_MACHINE")],
)
def test_a_message_is_left_when_it_was_played_to_its_end(dialog: DialogResult, code: str) -> None:
    times = Times(message="2026-11-25T12:00:00.000Z")
    assert code_for_call(status(Disposition.ANSWERED, dialog=dialog, answered_by="machine", times=times)) == code


@pytest.mark.parametrize("sound", [sound for sound in Sound if sound in FAILURES])
def test_every_tone_of_failure_has_a_code(sound: Sound) -> None:
    code = code_for_call(status(Disposition.CANCELLED, sound=sound))
    assert code in SYSTEM_CODES
    assert code != "CANCELLED_BY_SYSTEM"
