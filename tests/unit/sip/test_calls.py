"""Outbound calls, told as conversations with a far end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.control import Disposition, Trunk
from common.errors import ContractError, Refused
from mediaserver.switch.sip.events import Ended, Established, Failed, Ladder, Provisional
from mediaserver.switch.sip.sdp import Codec
from mediaserver.switch.sip.transaction import Address
from tests.support.garbage import garbage
from tests.support.sip_bench import ANSWER, FAR, SPEC, SipBench


@pytest.fixture
def bench() -> SipBench:
    return SipBench()


@pytest.mark.parametrize("provisionals", [(), (100,), (180,), (183,), (100, 180), (180, 183), (183, 180, 180)])
def test_is_established_by_200_after_any_provisionals_or_none(bench: SipBench, provisionals: tuple[int, ...]) -> None:
    invite = bench.call()
    for status in provisionals:
        bench.reply(invite, status, sdp=ANSWER if status == 183 else b"")
    bench.reply(invite, 200, sdp=ANSWER)
    (established,) = bench.of(Established)
    assert (established.media.port, established.media.codec) == (50_000, Codec.PCMU)
    assert [event.status for event in bench.of(Provisional)] == [status for status in provisionals if status > 100]
    assert len(bench.requests("ACK")) == 1
    bench.hang_up()
    bench.reply(bench.requests("BYE")[0], 200)
    assert bench.of(Ended) == [Ended("call-1", by_far_end=False)]
    bench.assert_nothing_left()


def test_early_media_is_reported_with_the_183(bench: SipBench) -> None:
    invite = bench.call()
    bench.reply(invite, 183, sdp=ANSWER)
    (early,) = bench.of(Provisional)
    assert early.media is not None
    assert early.media.port == 50_000
    # The answer may already have come in the 183 and be left out of the 200.
    bench.reply(invite, 200)
    assert bench.of(Established)[0].remote_sdp == ANSWER


@pytest.mark.parametrize("with_trying", [False, True])
@pytest.mark.parametrize("status", [302, 400, 403, 404, 408, 425, 480, 486, 503, 600, 603, 607, 608, 699])
def test_every_final_status_is_acknowledged_and_reported(bench: SipBench, status: int, with_trying: bool) -> None:
    invite = bench.call()
    if with_trying:
        bench.reply(invite, 100)
    bench.reply(invite, status)
    bench.reply(invite, status)
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.REFUSED, status)
    assert not failed.provisional
    acks = bench.requests("ACK")
    assert len(acks) == 2
    assert acks[0].via.branch == invite.via.branch
    assert acks[0].to_addr.tag == "far"
    bench.assert_nothing_left()


def test_provisional_says_whether_the_far_end_may_have_rung(bench: SipBench) -> None:
    invite = bench.call()
    bench.reply(invite, 180)
    bench.reply(invite, 486)
    assert bench.of(Failed)[0].provisional


def test_the_ack_of_a_200_goes_to_the_contact_by_the_recorded_route(bench: SipBench) -> None:
    invite = bench.call()
    routes = (("Record-Route", "<sip:127.0.0.3:7003;lr>"), ("Record-Route", "<sip:127.0.0.2:7002;lr>"))
    bench.reply(invite, 200, sdp=ANSWER, headers=routes)
    ack = bench.requests("ACK")[0]
    assert ack.uri == "sip:far@127.0.0.1:6001"
    assert ack.headers.all("route") == ["<sip:127.0.0.2:7002;lr>", "<sip:127.0.0.3:7003;lr>"]
    assert ack.via.branch != invite.via.branch
    assert ack.cseq.number == invite.cseq.number
    assert bench.destinations[-1] == Address("127.0.0.2", 7002)


def test_a_strict_router_becomes_the_request_uri(bench: SipBench) -> None:
    invite = bench.call()
    bench.reply(invite, 200, sdp=ANSWER, headers=(("Record-Route", "<sip:127.0.0.2:7002>"),))
    ack = bench.requests("ACK")[0]
    assert ack.uri == "sip:127.0.0.2:7002"
    assert ack.headers.all("route") == ["<sip:far@127.0.0.1:6001>"]


@pytest.mark.parametrize("contact", ["", "<sip:far@pbx.example.org>", "<sip:0.0.0.0:5060>", "<tel:+12125550100>", "<<"])
def test_without_a_usable_contact_the_trunk_itself_is_spoken_to(bench: SipBench, contact: str) -> None:
    invite = bench.call()
    bench.reply(invite, 200, sdp=ANSWER, contact=contact)
    assert bench.destinations[-1] == FAR
    assert len(bench.of(Established)) == 1


def test_a_repeated_200_is_acknowledged_again_even_after_the_call(bench: SipBench) -> None:
    invite = bench.established()
    bench.reply(invite, 200, sdp=ANSWER)
    assert len(bench.requests("ACK")) == 2
    bench.far_request(invite, "BYE")
    bench.reply(invite, 200, sdp=ANSWER)
    assert len(bench.requests("ACK")) == 3
    assert len(bench.of(Established)) == 1
    assert bench.requests("BYE") == []


def test_a_second_leg_of_a_fork_is_acknowledged_and_hung_up(bench: SipBench) -> None:
    invite = bench.established()
    bench.reply(invite, 200, sdp=ANSWER, tag="second")
    (bye,) = bench.requests("BYE")
    assert bye.to_addr.tag == "second"
    assert [ack.to_addr.tag for ack in bench.requests("ACK")] == ["far", "second"]
    bench.reply(bye, 200)
    assert bench.of(Ended) == []
    bench.far_request(invite, "BYE")
    assert bench.of(Ended) == [Ended("call-1", by_far_end=True)]
    bench.assert_nothing_left()


def test_a_fork_that_answers_after_the_call_is_hung_up_too(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "BYE")
    bench.reply(invite, 200, sdp=ANSWER, tag="second")
    assert bench.requests("BYE")[0].to_addr.tag == "second"
    bench.assert_nothing_left()


def test_a_challenge_that_was_answered_is_not_how_the_call_went(bench: SipBench) -> None:
    trunk = replace(SPEC.trunk, username="outreach", password="s3cret")
    invite = bench.call(trunk=trunk)
    bench.reply(invite, 407, headers=(("Proxy-Authenticate", 'Digest realm="carrier", nonce="n1"'),))
    bench.reply(bench.requests("INVITE")[-1], 180)
    bench.advance(100.0)
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.RING_TIMEOUT, None)


def test_ring_timeout_cancels_and_waits_for_the_487(bench: SipBench) -> None:
    invite = bench.call()
    bench.reply(invite, 180)
    bench.advance(20.0)
    (cancel,) = bench.requests("CANCEL")
    assert (cancel.via.branch, cancel.cseq.number, cancel.uri) == (invite.via.branch, invite.cseq.number, invite.uri)
    bench.reply(cancel, 200)
    assert bench.of(Failed) == []
    bench.reply(invite, 487)
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.RING_TIMEOUT, 487)
    assert failed.provisional
    bench.assert_nothing_left()


def test_hanging_up_while_it_rings_is_reported_as_cancelled(bench: SipBench) -> None:
    invite = bench.call()
    bench.reply(invite, 180)
    bench.hang_up()
    bench.hang_up()
    bench.reply(bench.requests("CANCEL")[0], 200)
    bench.reply(invite, 487)
    assert [event.disposition for event in bench.of(Failed)] == [Disposition.CANCELLED]
    assert len(bench.requests("CANCEL")) == 1
    bench.assert_nothing_left()


def test_no_cancel_leaves_before_a_provisional_response(bench: SipBench) -> None:
    invite = bench.call()
    bench.hang_up()
    assert bench.requests("CANCEL") == []
    bench.reply(invite, 100)
    assert len(bench.requests("CANCEL")) == 1
    bench.reply(invite, 487)
    assert bench.of(Failed)[0].disposition is Disposition.CANCELLED


@pytest.mark.parametrize("provisional", [False, True])
def test_a_200_that_crosses_the_cancel_is_acknowledged_and_hung_up(bench: SipBench, provisional: bool) -> None:
    invite = bench.call()
    if provisional:
        bench.reply(invite, 180)
    bench.hang_up()
    bench.reply(invite, 200, sdp=ANSWER)
    assert len(bench.requests("ACK")) == 1
    (bye,) = bench.requests("BYE")
    bench.reply(bye, 200)
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.CANCELLED, 200)
    assert bench.of(Established) == []
    bench.assert_nothing_left()


def test_a_far_end_that_never_answers_the_cancel_is_given_up_after_64_t1(bench: SipBench) -> None:
    invite = bench.call()
    bench.reply(invite, 180)
    bench.advance(20.0 + 31.9)
    assert bench.of(Failed) == []
    bench.advance(0.2)
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.RING_TIMEOUT, None)
    bench.assert_nothing_left()


def test_silence_ends_with_timer_b_after_six_repetitions(bench: SipBench) -> None:
    bench.call(ring_timeout=60.0)
    bench.advance(31.9)
    assert len(bench.requests("INVITE")) == 7
    assert bench.of(Failed) == []
    bench.advance(0.2)
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status, failed.provisional) == (Disposition.NO_REPLY, None, False)
    assert len({(invite.call_id, invite.via.branch) for invite in bench.requests("INVITE")}) == 1
    bench.assert_nothing_left()


@pytest.mark.parametrize(("told", "expected"), [(False, Disposition.NO_REPLY), (True, Disposition.CANCELLED)])
def test_silence_outlasts_a_shorter_ring_timeout(bench: SipBench, told: bool, expected: Disposition) -> None:
    bench.call(ring_timeout=5.0)
    if told:
        bench.hang_up()
    bench.advance(33.0)
    assert bench.requests("CANCEL") == []
    assert [event.disposition for event in bench.of(Failed)] == [expected]


def test_a_provisional_response_stops_the_repetitions(bench: SipBench) -> None:
    invite = bench.call()
    bench.advance(1.6)
    assert len(bench.requests("INVITE")) == 3
    bench.reply(invite, 100)
    bench.advance(15.0)
    assert len(bench.requests("INVITE")) == 3


def test_an_icmp_refusal_is_a_transport_error(bench: SipBench) -> None:
    invite = bench.call()
    bench.agent.transport_failed(invite.serialize()[:500], bench.now)
    bench.collect()
    assert bench.of(Failed)[0].disposition is Disposition.TRANSPORT_ERROR
    assert bench.agent.counts() == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 60,
        b"\xff x SIP/2.0\r\nVia: h;branch=\xff",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK-guess\r\n",
    ],
)
def test_an_icmp_refusal_of_something_else_changes_nothing(bench: SipBench, data: bytes) -> None:
    bench.call()
    bench.agent.transport_failed(data, bench.now)
    assert bench.of(Failed) == []


def test_the_far_end_hangs_up(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "BYE")
    assert bench.of(Ended) == [Ended("call-1", by_far_end=True)]
    assert bench.responses()[-1].status == 200
    bench.assert_nothing_left()


def test_a_repeated_bye_is_answered_alike(bench: SipBench) -> None:
    invite = bench.established()
    bench.far_request(invite, "BYE", branch="same")
    bench.far_request(invite, "BYE", branch="same")
    assert [response.status for response in bench.responses()] == [200, 200]
    assert len(bench.of(Ended)) == 1


def test_crossing_byes_end_the_call_once(bench: SipBench) -> None:
    invite = bench.established()
    bench.hang_up()
    bench.far_request(invite, "BYE")
    bench.reply(bench.requests("BYE")[0], 481)
    assert bench.of(Ended) == [Ended("call-1", by_far_end=False)]
    assert bench.responses()[-1].status == 200
    bench.assert_nothing_left()


def test_an_unanswered_bye_is_given_up_after_64_t1(bench: SipBench) -> None:
    bench.established()
    bench.hang_up()
    bench.advance(31.9)
    assert bench.of(Ended) == []
    assert len(bench.requests("BYE")) == 11
    bench.advance(0.2)
    assert len(bench.of(Ended)) == 1
    bench.assert_nothing_left()


@pytest.mark.parametrize("sdp", [b"", b"junk", b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 5000 RTP/AVP 18\r\n"])
def test_an_answer_without_usable_media_is_hung_up_and_refused(bench: SipBench, sdp: bytes) -> None:
    invite = bench.call()
    bench.reply(invite, 200, sdp=sdp)
    assert len(bench.requests("ACK")) == 1
    bench.reply(bench.requests("BYE")[0], 200)
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.REFUSED, 488)
    assert "media cannot be used" in failed.reason
    bench.assert_nothing_left()


def test_refuses_a_second_invite_for_a_call_under_way(bench: SipBench) -> None:
    bench.call()
    with pytest.raises(ContractError):
        bench.call()
    assert len(bench.requests("INVITE")) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"to": "+1555\r\nVia: x"}, "to"),
        ({"to": "sip:a@b?Subject=x"}, "to"),
        ({"sender": "x;y"}, "sender"),
        ({"trunk": Trunk("bad host")}, "trunk.host"),
        ({"trunk": Trunk("127.0.0.1", 0)}, "trunk.port"),
        ({"trunk": Trunk("127.0.0.1", transport="ws")}, "trunk.transport"),
    ],
)
def test_refuses_what_would_make_no_invite(bench: SipBench, changes: dict[str, object], field: str) -> None:
    with pytest.raises(Refused, match=field):
        bench.call(**changes)
    assert bench.agent.counts() == (0, 0, 0, 0)


def test_a_display_name_cannot_break_out_of_its_header(bench: SipBench) -> None:
    invite = bench.call(display_name='A"b\\c\r\nX: y')
    assert invite.from_addr.display == 'A"b\\cX: y'
    assert invite.headers.get("x") is None


def test_the_invite_names_number_trunk_and_sender(bench: SipBench) -> None:
    invite = bench.call(display_name="Clinic")
    assert invite.uri == "sip:+12125550100@127.0.0.1:6000"
    assert invite.from_addr.uri == "sip:+12125550199@127.0.0.1:5080"
    assert invite.from_addr.display == "Clinic"
    assert invite.sdp == SPEC.sdp
    assert bench.call(call="call-2", to="sip:alice@127.0.0.1:7777", sender="").uri == "sip:alice@127.0.0.1:7777"


def test_the_invite_carries_the_attempt_where_it_can_stand_in_a_header(bench: SipBench) -> None:
    assert bench.call(call="01hx-attempt").headers.get("x-clarion-attempt") == "01hx-attempt"
    assert bench.call(call="a b\r\nX: y").headers.get("x-clarion-attempt") is None


def test_the_ladder_shows_both_ways_and_masks_numbers(bench: SipBench) -> None:
    invite = bench.call()
    bench.reply(invite, 180)
    bench.receive(
        f"SIP/2.0 404 no such number 12125550100\nVia: {invite.headers.get('via')}\n"
        f"From: {invite.headers.get('from')}\nTo: {invite.headers.get('to')};tag=x\n"
        f"Call-ID: {invite.call_id}\nCSeq: 1 INVITE\n\n"
    )
    texts = [event.text for event in bench.of(Ladder)]
    assert texts[1:4] == ["-> INVITE", "<- 180 Ringing", "<- 404 no such number 1212*****00"]
    assert texts[4:] == ["-> ACK"]


def test_closing_ends_every_call_with_its_one_event(bench: SipBench) -> None:
    bench.established()
    bench.call(call="call-2")
    bench.agent.clear()
    bench.collect()
    assert len(bench.of(Ended)) == 1
    assert [event.disposition for event in bench.of(Failed)] == [Disposition.CANCELLED]
    assert bench.agent.counts() == (0, 0, 0, 0)


def test_a_reason_is_reported_printable_short_and_without_numbers(bench: SipBench) -> None:
    invite = bench.call()
    kept = "".join(f"{name}: {invite.headers.get(name)}\r\n" for name in ("via", "from", "call-id", "cseq"))
    head = b"SIP/2.0 404 \xff\x07 12125550100 unknown " + b"x" * 200 + b"\r\n"
    bench.receive(head + f"{kept}To: <sip:far@127.0.0.1>;tag=f\r\n\r\n".encode())
    reason = bench.of(Failed)[0].reason
    assert reason.startswith("?? 1212*****00 unknown xx")
    assert len(reason) <= 80
    assert reason.isprintable()


def test_calls_that_are_over_leave_nothing_to_the_garbage_collector() -> None:
    with garbage("mediaserver") as left:
        bench = SipBench()
        bench.established()
        bench.hang_up()
        bench.reply(bench.requests("BYE")[-1], 200)
        refused = bench.call(call="call-2")
        bench.reply(refused, 486)
        bench.assert_nothing_left()
        del refused
    assert left == []
