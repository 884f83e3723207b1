"""Session descriptions: what we write, what we take, what we refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.switch.sip.sdp import (
    Codec,
    Direction,
    SdpError,
    agree,
    make_answer,
    make_offer,
    offer_again,
    parse,
    parse_answer,
)


def describe(*lines: str) -> bytes:
    return "\r\n".join(("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "t=0 0", *lines, "")).encode()


def test_reads_what_it_writes() -> None:
    target = parse_answer(make_offer("127.0.0.1", 4000, ptime=30))
    assert (target.ip, target.port, target.rtcp_port, target.ptime) == ("127.0.0.1", 4000, 4001, 30)
    assert target.payload_types == ((0, Codec.PCMU), (8, Codec.PCMA))
    assert target.telephone_event == 101
    assert target.wants_audio
    assert target.sends_audio


def test_the_far_ends_first_codec_is_spoken() -> None:
    target = parse_answer(describe("c=IN IP4 192.0.2.1", "m=audio 5000 RTP/AVP 9 8 0"))
    assert (target.codec, target.payload_type) == (Codec.PCMA, 8)
    assert target.telephone_event is None


def test_dynamic_payload_numbers_are_taken_and_answered() -> None:
    target = parse_answer(
        describe(
            "c=IN IP4 192.0.2.1",
            "m=audio 5000 RTP/AVP 97 96",
            "a=rtpmap:97 pcma/8000",
            "a=rtpmap:96 telephone-event/8000",
        )
    )
    assert (target.codec, target.payload_type, target.telephone_event) == (Codec.PCMA, 97, 96)
    assert parse_answer(make_answer(target, "127.0.0.1", 1)).payload_types == ((97, Codec.PCMA),)


def test_a_redefined_static_number_is_not_taken_for_g711() -> None:
    with pytest.raises(SdpError, match="codec"):
        parse_answer(describe("c=IN IP4 192.0.2.1", "m=audio 5000 RTP/AVP 0", "a=rtpmap:0 opus/48000/2"))


def test_the_streams_own_address_and_direction_win() -> None:
    target = parse_answer(
        describe("c=IN IP4 192.0.2.1", "a=sendrecv", "m=audio 5000 RTP/AVP 0", "c=IN IP4 192.0.2.9", "a=inactive")
    )
    assert (target.ip, target.direction) == ("192.0.2.9", Direction.INACTIVE)
    assert not target.wants_audio


def test_the_old_hold_address_wants_no_audio() -> None:
    assert not parse_answer(describe("c=IN IP4 0.0.0.0", "m=audio 5000 RTP/AVP 0")).wants_audio


def test_the_first_accepted_audio_stream_is_used() -> None:
    target = parse_answer(
        describe(
            "c=IN IP4 192.0.2.1", "m=video 1 RTP/AVP 31", "m=audio 0 RTP/AVP 0", "m=audio 7000 RTP/AVP 0", "a=rtcp:7777"
        )
    )
    assert (target.port, target.rtcp_port) == (7000, 7777)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_an_answer_mirrors_the_direction(theirs: str, ours: str) -> None:
    target = parse_answer(describe("c=IN IP4 192.0.2.1", "m=audio 5000 RTP/AVP 0", f"a={theirs}"))
    assert parse_answer(make_answer(target, "::1", 1)).direction == ours


@pytest.mark.parametrize(("written", "used"), [("20", 20), ("5", 10), ("35", 30), ("200", 60), ("x", 20), ("", 20)])
def test_the_packet_length_is_kept_within_what_we_send(written: str, used: int) -> None:
    target = parse_answer(describe("c=IN IP4 192.0.2.1", "m=audio 5000 RTP/AVP 0", f"a=ptime:{written}"))
    assert target.ptime == used


@pytest.mark.parametrize(("lines", "used"), [(["a=maxptime:10"], 10), (["a=ptime:60", "a=maxptime:45"], 40)])
def test_no_packet_is_longer_than_the_far_end_can_take(lines: list[str], used: int) -> None:
    assert parse_answer(describe("c=IN IP4 192.0.2.1", "m=audio 5000 RTP/AVP 0", *lines)).ptime == used


def test_g722_is_offered_first_where_it_is_wanted_and_else_not_understood() -> None:
    wanted = make_offer("127.0.0.1", 4000, codecs=(Codec.G722, Codec.PCMU))
    assert b"m=audio 4000 RTP/AVP 9 0 101\r\na=rtpmap:9 G722/8000\r\n" in wanted
    far = describe("c=IN IP4 192.0.2.1", "m=audio 5000 RTP/AVP 9 0")
    assert agree(far, parse(wanted, tuple(Codec))).codec is Codec.G722
    assert parse_answer(far).codecs == (Codec.PCMU,)
    assert agree(far, parse(make_offer("127.0.0.1", 4000))).codecs == (Codec.PCMU,)


def test_comfort_noise_is_refused_by_leaving_it_out() -> None:
    target = parse_answer(describe("c=IN IP4 192.0.2.1", "m=audio 5000 RTP/AVP 0 13", "a=rtpmap:13 CN/8000"))
    assert b"m=audio 9 RTP/AVP 0\r\n" in make_answer(target, "127.0.0.1", 9)


def test_the_packet_length_we_wish_stays_in_later_offers() -> None:
    ours = parse_answer(make_offer("127.0.0.1", 4000, ptime=40))
    again = offer_again(ours, 7)
    assert b"a=ptime:40\r\n" in again
    assert again.startswith(b"v=0\r\no=clarion 4000 7 IN IP4 127.0.0.1\r\n")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "v=0"),
        (b"v=0" + b"x" * 20_000, "longer"),
        (describe("c=IN IP4 192.0.2.1"), "no audio"),
        (describe("m=audio 5000 RTP/AVP 0"), "c= line"),
        (describe("c=IN IP4 host.example", "m=audio 5000 RTP/AVP 0"), "no IP address"),
        (describe("c=IN IP4 192.0.2.1", "m=audio 0 RTP/AVP 0"), "refused"),
        (describe("c=IN IP4 192.0.2.1", "m=audio 70000 RTP/AVP 0"), "port"),
        (describe("c=IN IP4 192.0.2.1", "m=audio 5000 RTP/SAVP 0"), "profile"),
        (describe("c=IN IP4 192.0.2.1", "m=audio 5000"), "m= line"),
        (describe("c=IN IP4 192.0.2.1", "m=audio 5000 RTP/AVP 18"), "codec"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(SdpError, match=reason):
        parse_answer(body)


PIECES = st.sampled_from(
    [
        "v=0", "c=IN IP4 1.2.3.4", "c=IN IP6 ::1", "m=audio 5 RTP/AVP 0 8 101", "m=audio 5/2 RTP/AVP 0", "m=",
        "a=rtpmap:101 telephone-event/8000", "a=rtpmap:0 PCMU/8000/1", "a=rtpmap:", "a=ptime:", "a=sendonly", "a=rtcp:",
        "m=audio", "\0", "=",
    ]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=12), max_size=12), st.binary(max_size=40))
def test_any_bytes_are_taken_or_refused(lines: list[str], noise: bytes) -> None:
    body = "\r\n".join(["v=0", *lines]).encode("utf-8", "replace") + noise
    try:
        target = parse_answer(body)
    except SdpError:
        return
    assert 0 < target.port < 65_536
    assert parse_answer(make_answer(target, "127.0.0.1", 9)).codec == target.codec
