"""SRTP in calls to us: agreed on, left out where it is only wished for, or refused with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediaserver.switch.sip.door import Door, read_networks
from mediaserver.switch.sip.events import Established, Failed, Incoming
from mediaserver.switch.sip.message import Response
from mediaserver.switch.sip.sdes import Crypto, Suite, agreed, answering, offered
from mediaserver.switch.sip.sdp import make_answer, make_offer, parse
from mediaserver.switch.sip.transaction import Address
from tests.support.sip_bench import SipBench

CALLER = Address("192.0.2.7", 5060)
THEIRS = offered()
DEMAND = make_offer("192.0.2.7", 40_000, crypto=THEIRS, demands_srtp=True)
WISH = make_offer("192.0.2.7", 40_000, crypto=THEIRS)
STRANGE = DEMAND.replace(b"AES_CM_128", b"F8_128")


def dialled(sdp: bytes, *, srtp: bool) -> tuple[SipBench, Response]:
    door = Door()
    door.open_to([], {"7001": read_networks("s", ["192.0.2.7"])})
    bench = SipBench(door=door, srtp=srtp)
    head = (
        "INVITE sip:7001@127.0.0.1:5080 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-1\r\n"
        "From: <sip:x@192.0.2.7>;tag=t\r\nTo: <sip:7001@127.0.0.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
        "Max-Forwards: 70\r\nContact: <sip:x@192.0.2.7>\r\nContent-Type: application/sdp\r\n"
    )
    bench.receive(f"{head}Content-Length: {len(sdp)}\r\n\r\n".encode() + sdp, CALLER)
    return bench, bench.responses()[-1]


@pytest.mark.parametrize(("sdp", "srtp"), [(DEMAND, False), (STRANGE, True), (STRANGE, False)])
def test_a_demand_that_we_cannot_meet_is_refused_and_told_why(sdp: bytes, srtp: bool) -> None:
    bench, answer = dialled(sdp, srtp=srtp)
    assert answer.status == 488
    assert "SRTP is demanded" in (answer.headers.get("warning") or "")
    assert bench.of(Incoming) == []


@pytest.mark.parametrize("sdp", [DEMAND, WISH])
def test_keys_are_agreed_on_each_way_with_its_own(sdp: bytes) -> None:
    bench, _ = dialled(sdp, srtp=True)
    (incoming,) = bench.of(Incoming)
    ours = answering(incoming.media.crypto)
    offer = replace(incoming.media, srtp=agreed(ours, incoming.media.crypto))
    bench.agent.answer(incoming.call, make_answer(offer, "127.0.0.1", 41_000, crypto=ours), bench.now)
    bench.collect()
    answer = parse(bench.responses()[-1].sdp)
    assert (answer.crypto, answer.demands_srtp) == (ours, sdp is DEMAND)
    assert answer.crypto[0].tag == THEIRS[0].tag
    (established,) = bench.of(Established)
    assert established.media.srtp is not None
    assert (established.media.srtp.ours, established.media.srtp.theirs) == (ours[0].key, THEIRS[0].key)


def test_a_mere_wish_is_answered_in_the_clear_where_we_have_none() -> None:
    bench, _ = dialled(WISH, srtp=False)
    (incoming,) = bench.of(Incoming)
    bench.agent.answer(incoming.call, make_answer(incoming.media, "127.0.0.1", 41_000), bench.now)
    bench.collect()
    assert b"crypto" not in bench.responses()[-1].sdp
    assert bench.of(Established)[0].media.srtp is None


def test_an_answer_of_ours_that_does_not_fit_the_offer_refuses_the_call() -> None:
    bench, _ = dialled(DEMAND, srtp=True)
    (incoming,) = bench.of(Incoming)
    bench.agent.answer(incoming.call, make_offer("127.0.0.1", 41_000), bench.now)
    bench.collect()
    assert bench.responses()[-1].status == 488
    assert [failed.sip_status for failed in bench.of(Failed)] == [488]


def test_only_the_first_line_that_can_be_used_is_answered_with_a_fresh_key() -> None:
    first, second = (
        Crypto(3, Suite.AES_CM_128_HMAC_SHA1_32, bytes(30)),
        Crypto(4, Suite.AES_CM_128_HMAC_SHA1_80, bytes(30)),
    )
    (line,) = answering((first, second))
    assert (line.tag, line.suite) == (3, first.suite)
    assert line.key != answering((first,))[0].key
    assert answering(()) == ()
