"""What others send us: inside a call, and from nowhere."""

from __future__ import annotations

import weakref

import pytest

from common.control import Disposition
from mediaserver.switch.sip.events import Ended, Failed, KeyByInfo, MediaChanged
from mediaserver.switch.sip.message import Request, Response, parse_message
from mediaserver.switch.sip.sdp import Direction, make_offer, parse_answer
from mediaserver.switch.sip.transaction import Address
from tests.support.sip_bench import SipBench

HOLD = make_offer("127.0.0.1", 50_000).replace(b"sendrecv", b"sendonly")
STRANGER = Address("127.0.0.9", 9999)


@pytest.fixture
def bench() -> SipBench:
    return SipBench()


def stranger(method: str, *, to_tag: str = "", extra: str = "", uri: str = "sip:clarion@127.0.0.1") -> str:
    tag = f";tag={to_tag}" if to_tag else ""
    return (
        f"{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.9:9999;branch=z9hG4bK-s{method};rport\n"
        f"From: <sip:x@127.0.0.9>;tag=s\nTo: <sip:clarion@127.0.0.1>{tag}\nCall-ID: strange\n"
        f"CSeq: 7 {method}\n{extra}Content-Length: 0\n\n"
    )


def last(bench: SipBench) -> Response:
    return bench.responses()[-1]


def test_hold_and_resume_are_answered_and_reported(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "INVITE", cseq=5, body=HOLD)
    answer = parse_answer(last(bench).sdp)
    assert (last(bench).status, answer.direction, answer.port) == (200, Direction.RECVONLY, 40_000)
    (held,) = bench.of(MediaChanged)
    assert not held.media.wants_audio
    bench.far_request(invite, "ACK", cseq=5)
    bench.far_request(invite, "INVITE", cseq=6, body=make_offer("127.0.0.1", 50_002))
    bench.far_request(invite, "ACK", cseq=6)
    assert bench.of(MediaChanged)[1].media.port == 50_002
    assert len(bench.responses()) == 2
    bench.far_request(invite, "BYE", cseq=7)
    bench.assert_nothing_left()


def test_a_reinvite_moves_where_the_bye_goes(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "INVITE", cseq=5, body=HOLD)
    bench.far_request(invite, "ACK", cseq=5)
    bench.hang_up()
    assert bench.requests("BYE")[0].uri == "sip:moved@127.0.0.1:6002"
    assert bench.destinations[-1] == Address("127.0.0.1", 6002)


def test_a_reinvite_without_offer_gets_ours_and_its_answer_comes_with_the_ack(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "INVITE", cseq=5)
    assert parse_answer(last(bench).sdp).port == 40_000
    assert bench.of(MediaChanged) == []
    bench.far_request(invite, "ACK", cseq=5, body=make_offer("127.0.0.1", 50_004))
    assert bench.of(MediaChanged)[0].media.port == 50_004


def test_the_200_of_a_reinvite_is_repeated_until_its_ack(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "INVITE", cseq=5, body=HOLD)
    bench.advance(3.6)
    assert len(bench.responses()) == 4
    bench.far_request(invite, "ACK", cseq=5)
    bench.advance(10.0)
    assert len(bench.responses()) == 4


def test_a_reinvite_never_acknowledged_ends_the_call(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "INVITE", cseq=5, body=HOLD)
    bench.advance(33.0)
    bench.reply(bench.requests("BYE")[0], 200)
    assert bench.of(Ended) == [Ended("call-1", by_far_end=False)]
    bench.assert_nothing_left()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 9 RTP/SAVP 0\r\n", "application/sdp", 488),
        (b"junk", "application/sdp", 488),
        (b"<x/>", "text/xml", 415),
    ],
)
def test_an_unusable_reinvite_is_refused_and_changes_nothing(
    bench: SipBench, body: bytes, content_type: str, status: int
) -> None:
    invite = bench.established()
    bench.far_request(invite, "INVITE", cseq=5, body=body, content_type=content_type)
    assert last(bench).status == status
    assert bench.of(MediaChanged) == []
    bench.far_request(invite, "ACK", cseq=5, branch=f"INVITE5-{len(bench.sent) - 1}")
    bench.hang_up()
    assert bench.requests("BYE")[0].uri == "sip:far@127.0.0.1:6001"


def test_update_is_answered_with_and_without_an_offer(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "UPDATE", cseq=5)
    assert (last(bench).status, last(bench).body) == (200, b"")
    bench.far_request(invite, "UPDATE", cseq=6, body=HOLD)
    assert parse_answer(last(bench).sdp).direction is Direction.RECVONLY
    assert len(bench.of(MediaChanged)) == 1


@pytest.mark.parametrize(
    ("content_type", "body", "key"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf-relay", b"Signal= #\r\n", "#"),
        ("application/dtmf", b"*", "*"),
    ],
)
def test_keys_by_info_are_reported(bench: SipBench, content_type: str, body: bytes, key: str) -> None:
    invite = bench.established()
    bench.far_request(invite, "INFO", cseq=5, body=body, content_type=content_type)
    assert last(bench).status == 200
    assert bench.of(KeyByInfo) == [KeyByInfo("call-1", key)]


def test_other_info_is_a_sign_of_life_or_an_unknown_type(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "INFO", cseq=5)
    assert last(bench).status == 200
    bench.far_request(invite, "INFO", cseq=6, body=b"<media/>", content_type="application/media_control+xml")
    assert last(bench).status == 415
    assert bench.of(KeyByInfo) == []


def test_options_inside_a_call_is_answered(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "OPTIONS", cseq=5)
    assert last(bench).status == 200


def test_an_old_cseq_is_refused(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "INFO", cseq=5)
    bench.far_request(invite, "BYE", cseq=4)
    assert last(bench).status == 500
    assert bench.of(Ended) == []


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS"])
@pytest.mark.parametrize("tags", [{"local_tag": "guess"}, {"far_tag": "guess"}, {"local_tag": "guess", "far_tag": "x"}])
def test_a_guessed_call_id_with_wrong_tags_changes_nothing(bench: SipBench, method: str, tags: dict[str, str]) -> None:
    invite = bench.established()
    before = list(bench.events)
    bench.far_request(invite, method, cseq=9, body=HOLD if method == "INVITE" else b"", **tags)
    assert last(bench).status == 481
    assert bench.events == before
    bench.far_request(invite, "BYE", cseq=1)
    assert len(bench.of(Ended)) == 1


def test_a_bye_before_the_answer_changes_nothing(bench: SipBench) -> None:
    invite = bench.call()
    bench.reply(invite, 180)
    bench.far_request(invite, "BYE")
    assert last(bench).status == 481
    bench.reply(invite, 486)
    assert bench.of(Failed)[0].disposition is Disposition.REFUSED


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("OPTIONS", 200), ("INVITE", 403), ("BYE", 481), ("CANCEL", 481), ("UPDATE", 481), ("INFO", 481),
        ("REGISTER", 405), ("SUBSCRIBE", 405), ("NOTIFY", 481), ("REFER", 405), ("MESSAGE", 405), ("PRACK", 405),
        ("BREW", 501),
    ],
)  # fmt: skip
def test_requests_from_nowhere_get_their_status(bench: SipBench, method: str, status: int) -> None:
    bench.receive(stranger(method), STRANGER)
    assert last(bench).status == status
    assert bench.destinations[-1] == STRANGER
    assert last(bench).to_addr.tag
    assert bench.events == []
    assert last(bench).headers.get("allow") is not None or status not in (200, 405, 501)
    bench.assert_nothing_left()


def test_incoming_calls_can_be_refused_as_busy() -> None:
    bench = SipBench(incoming_status=486)
    bench.receive(stranger("INVITE"), STRANGER)
    assert last(bench).status == 486


def test_a_refused_invite_is_repeated_until_acknowledged_and_a_cancel_is_too_late(bench: SipBench) -> None:
    bench.receive(stranger("INVITE"), STRANGER)
    bench.advance(1.6)
    assert len(bench.responses()) == 3
    bench.receive(stranger("CANCEL").replace("z9hG4bK-sCANCEL", "z9hG4bK-sINVITE"), STRANGER)
    assert last(bench).status == 200
    bench.receive(stranger("ACK").replace("z9hG4bK-sACK", "z9hG4bK-sINVITE"), STRANGER)
    bench.advance(10.0)
    assert len(bench.responses()) == 4
    bench.assert_nothing_left()


def test_an_invite_for_an_unknown_dialog_gets_481(bench: SipBench) -> None:
    bench.receive(stranger("INVITE", to_tag="gone"), STRANGER)
    assert last(bench).status == 481


def test_unknown_extensions_and_schemes_are_named(bench: SipBench) -> None:
    bench.receive(stranger("OPTIONS", extra="Require: teleport\n"), STRANGER)
    assert (last(bench).status, last(bench).headers.get("unsupported")) == (420, "teleport")
    bench.receive(stranger("OPTIONS", uri="fax:1").replace("sOPTIONS", "other"), STRANGER)
    assert last(bench).status == 416


def test_an_ack_or_response_from_nowhere_is_dropped(bench: SipBench) -> None:
    bench.receive(stranger("ACK"), STRANGER)
    bench.receive(
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK-x\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\n"
        "Call-ID: x\nCSeq: 1 INVITE\n\n"
    )
    assert bench.sent == []


def test_a_malformed_request_is_answered_without_being_remembered(bench: SipBench) -> None:
    bench.receive(stranger("INVITE").replace("Content-Length: 0", "Content-Length: 99"), STRANGER)
    assert last(bench).status == 400
    bench.receive(stranger("OPTIONS").replace("SIP/2.0\nVia", "SIP/7.0\nVia"), STRANGER)
    assert last(bench).status == 505
    bench.receive(stranger("ACK").replace("Content-Length: 0", "Content-Length: 99"), STRANGER)
    assert len(bench.responses()) == 2
    assert bench.agent.counts() == (0, 0, 0, 0)


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0", b"\xff\xfe", b"junk", b"SIP/2.0", b"INVITE"])
def test_noise_is_dropped(bench: SipBench, data: bytes) -> None:
    bench.receive(data)
    assert bench.sent == []


def test_a_response_through_another_via_is_dropped(bench: SipBench) -> None:
    invite = bench.call()
    bench.receive(
        f"SIP/2.0 486 Busy\nVia: {invite.headers.get('via')}\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKother\n"
        f"From: {invite.headers.get('from')}\nTo: <sip:x@y>;tag=1\nCall-ID: {invite.call_id}\nCSeq: 1 INVITE\n\n"
    )
    assert bench.of(Failed) == []


def test_responses_go_where_the_via_says_unless_rport_was_asked_for(bench: SipBench) -> None:
    bench.receive(stranger("OPTIONS").replace(";rport", ""), STRANGER._replace(port=1234))
    assert bench.destinations[-1].port == 9999
    assert "rport" not in (last(bench).headers.get("via") or "")
    bench.receive(stranger("OPTIONS").replace("sOPTIONS", "other"), STRANGER._replace(port=1234))
    assert bench.destinations[-1].port == 1234
    assert last(bench).via.params["rport"] == "1234"
    assert last(bench).via.params["received"] == "127.0.0.9"


def test_a_flood_of_requests_is_answered_but_not_all_remembered(
    bench: SipBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediaserver.switch.sip.layer.MAX_SERVER_TRANSACTIONS", 5)
    for number in range(20):
        bench.receive(stranger("OPTIONS").replace("sOPTIONS", f"flood{number}"), STRANGER)
    assert [response.status for response in bench.responses()] == [200] * 20
    assert bench.agent.counts()[2] == 5
    bench.assert_nothing_left()


def test_what_a_stranger_sent_is_let_go_once_it_is_answered(bench: SipBench, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[weakref.ref[Request | Response]] = []

    def noted(data: bytes) -> Request | Response:
        message = parse_message(data)
        sent.append(weakref.ref(message))
        return message

    monkeypatch.setattr("mediaserver.switch.sip.useragent.parse_message", noted)
    bench.receive(stranger("OPTIONS"), STRANGER)
    assert bench.agent.counts()[2] == 1, "its transaction waits for repetitions"
    assert [message() for message in sent] == [None]
    bench.receive(stranger("OPTIONS"), STRANGER)
    assert [response.status for response in bench.responses()] == [200, 200]
