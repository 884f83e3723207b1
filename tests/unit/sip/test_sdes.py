"""SRTP keys in session descriptions: what is offered, what is agreed on, and what is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.control import Disposition
from mediaserver.switch.sip.events import Established, Failed, Ladder, MediaChanged
from mediaserver.switch.sip.sdes import Crypto, Suite, offered, read
from mediaserver.switch.sip.sdp import SdpError, agree, make_answer, make_offer, parse, parse_answer
from tests.support.sip_bench import ANSWER, SipBench

KEY = bytes(range(30))
INLINE = base64.b64encode(KEY).decode()
LONG, SHORT = Suite.AES_CM_128_HMAC_SHA1_80, Suite.AES_CM_128_HMAC_SHA1_32


def describe(*lines: str, profile: str = "RTP/SAVP") -> bytes:
    return "\r\n".join(["v=0", "c=IN IP4 192.0.2.1", f"m=audio 5000 {profile} 0", *lines, ""]).encode()


def test_a_wish_keeps_the_plain_profile_and_a_demand_does_not() -> None:
    wish = make_offer("127.0.0.1", 4000, crypto=offered())
    demand = make_offer("127.0.0.1", 4000, crypto=offered(), demands_srtp=True)
    assert b"m=audio 4000 RTP/AVP 0 8 101\r\n" in wish
    assert b"m=audio 4000 RTP/SAVP 0 8 101\r\n" in demand
    for body in (wish, demand):
        assert [line.suite for line in parse(body).crypto] == [LONG, SHORT]
    assert len({line.key for line in offered() + offered()}) == 4


@pytest.mark.parametrize(
    "line",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80  inline:{INLINE}|2^31",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|1048576 WSH=64",
    ],
)
def test_lines_that_can_be_used_are_read(line: str) -> None:
    assert read([line]) == (Crypto(1, LONG, KEY),)


@pytest.mark.parametrize(
    "line",
    [
        f"1 AES_256_CM_HMAC_SHA1_80 inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^20|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^8",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}; inline:{INLINE}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:tooshort",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        "",
    ],
)
def test_lines_that_ask_for_what_we_lack_are_left_out(line: str) -> None:
    assert read([line]) == ()


@given(st.text(max_size=90))
def test_any_line_is_read_or_left_out(line: str) -> None:
    assert len(read([line])) <= 1


def test_both_sides_come_to_the_same_keys() -> None:
    ours = parse(make_offer("127.0.0.1", 4000, crypto=offered()))
    mine = offered()
    offer = agree(make_offer("127.0.0.1", 4000, crypto=ours.crypto[1:]), parse(make_offer("::1", 5, crypto=mine)))
    answer = agree(make_answer(offer, "127.0.0.1", 5, crypto=mine), ours)
    assert offer.srtp is not None
    assert answer.srtp is not None
    assert (offer.srtp.ours, offer.srtp.theirs) == (answer.srtp.theirs, answer.srtp.ours)
    assert (answer.srtp.tag_bytes, parse(make_answer(offer, "::1", 5, crypto=mine)).crypto[0].tag) == (4, 2)


def test_keys_are_not_shown() -> None:
    body = make_offer("127.0.0.1", 4000, crypto=(Crypto(1, LONG, KEY),))
    keys = agree(body, parse(body)).srtp
    assert str(KEY[:6]) not in repr(parse(body)) + repr(keys)


def test_plain_rtp_goes_on_where_srtp_was_a_wish() -> None:
    wish = parse(make_offer("127.0.0.1", 4000, crypto=offered()))
    assert agree(ANSWER, wish).srtp is None


@pytest.mark.parametrize(
    ("local", "far", "reason"),
    [
        (make_offer("::1", 4), describe(f"a=crypto:1 {LONG.value} inline:{INLINE}"), "off here"),
        (make_offer("::1", 4, crypto=offered()), describe(), "suites or key parameters"),
        (make_offer("::1", 4, crypto=offered(), demands_srtp=True), ANSWER, "requires SRTP"),
    ],
)
def test_what_cannot_be_agreed_on_is_refused_with_its_reason(local: bytes, far: bytes, reason: str) -> None:
    with pytest.raises(SdpError, match=reason):
        agree(far, parse(local))


def test_who_speaks_plain_rtp_alone_refuses_a_demand() -> None:
    with pytest.raises(SdpError, match="RTP/SAVP"):
        parse_answer(describe(f"a=crypto:1 {LONG.value} inline:{INLINE}"))


def secured(bench: SipBench, *, demands: bool = True) -> bytes:
    """An offer of ours, and the answer of a far end that takes it."""
    offer = make_offer("127.0.0.1", 40_000, crypto=offered(), demands_srtp=demands)
    bench.call(sdp=offer)
    far = agree(offer, parse(make_offer("::1", 4, crypto=offered())))
    return make_answer(far, "127.0.0.1", 50_000, crypto=(Crypto(1, LONG, KEY),))


def test_a_call_is_secured_by_its_answer_and_stays_so() -> None:
    bench = SipBench()
    answer = secured(bench)
    (invite,) = bench.requests("INVITE")
    bench.reply(invite, 200, sdp=answer)
    keys = bench.of(Established)[0].media.srtp
    assert keys is not None
    assert keys.theirs == KEY
    hold = make_offer("127.0.0.1", 50_000, crypto=(Crypto(7, LONG, KEY),), demands_srtp=True)
    bench.far_request(invite, "INVITE", cseq=5, body=hold.replace(b"sendrecv", b"sendonly"))
    assert bench.of(MediaChanged)[0].media.srtp == keys
    back = parse(bench.responses()[-1].sdp)
    assert (back.demands_srtp, back.crypto[0].tag, back.crypto[0].key) == (True, 7, keys.ours)


def test_an_answer_without_srtp_ends_a_call_that_requires_it_as_488() -> None:
    bench = SipBench()
    secured(bench)
    (invite,) = bench.requests("INVITE")
    bench.reply(invite, 200, sdp=ANSWER)
    bench.reply(bench.requests("BYE")[0], 200)
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.REFUSED, 488)
    assert "requires SRTP" in failed.reason


def test_a_far_end_that_demands_srtp_in_a_plain_call_gets_488_and_its_reason() -> None:
    bench = SipBench()
    invite = bench.established()
    demand = make_offer("127.0.0.1", 50_000, crypto=offered(), demands_srtp=True)
    bench.far_request(invite, "INVITE", cseq=5, body=demand)
    response = bench.responses()[-1]
    assert response.status == 488
    assert "SRTP" in (response.headers.get("warning") or "")
    assert bench.of(MediaChanged) == []
    assert any("SRTP" in event.text for event in bench.of(Ladder))
