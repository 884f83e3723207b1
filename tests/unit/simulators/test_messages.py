from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulators.carrier import message, sdp
from simulators.carrier.auth import Guard, _md5
from simulators.carrier.message import parse

INVITE = (
    b"INVITE sip:+12125550101@127.0.0.1:5060 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK1;rport\r\n"
    b"f: <sip:a@b>;tag=1\r\nt: <sip:+12125550101@127.0.0.1>\r\ni: call-1\r\nCSeq: 7 INVITE\r\n"
    b"m: <sip:a@127.0.0.1:5080;transport=udp>\r\nSubject: one\r\n two\r\nl: 0\r\n\r\n"
)


def test_compact_names_and_folded_lines_are_read() -> None:
    invite = parse(INVITE)
    assert invite is not None
    assert (invite.method, invite.call_id, invite.cseq, invite.branch) == (
        "INVITE",
        "call-1",
        (7, "INVITE"),
        "z9hG4bK1",
    )
    assert invite.get("subject") == "one two"
    assert message.host_of(invite.get("contact")) == ("127.0.0.1", 5080)


def test_a_response_copies_what_it_must_and_fills_in_rport() -> None:
    invite = parse(INVITE)
    assert invite is not None
    answer = parse(message.response(invite, 486, ("127.0.0.1", 9), to_tag="t"))
    assert answer is not None
    assert answer.status == 486
    assert answer.get("via") == "SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK1;rport=9;received=127.0.0.1"
    assert message.tag(answer.get("to")) == "t"


@given(st.binary(max_size=300))
def test_noise_never_raises(data: bytes) -> None:
    parse(data)
    parse(INVITE.replace(b"SIP/2.0/UDP", data))


@given(st.text(max_size=200))
def test_a_strange_offer_never_raises(body: str) -> None:
    sdp.parse_offer(body)
    sdp.parse_offer(f"c=IN IP4 127.0.0.1\nm=audio {body}")


def test_an_offer_is_read_and_answered() -> None:
    body = (
        "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 8 0 101\r\nc=IN IP4 10.0.0.2\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=sendonly\r\nm=video 5000 RTP/AVP 96\r\nc=IN IP4 10.0.0.3\r\n"
    )
    offer = sdp.parse_offer(body)
    assert offer == sdp.Offer("10.0.0.2", 4000, (8, 0, 101), 101, "sendonly")
    assert offer.choose(sdp.PCMU) == sdp.PCMU
    assert sdp.Offer("h", 1, (8,), None).choose(sdp.PCMU) == sdp.PCMA
    assert sdp.Offer("h", 1, (18,), None).choose(sdp.PCMU) is None
    again = sdp.parse_offer(sdp.answer("127.0.0.1", 4002, 0, 101))
    assert again == sdp.Offer("127.0.0.1", 4002, (0, 101), 101, "sendrecv")


def test_digest_credentials_are_checked() -> None:
    guard = Guard("anna", "secret")
    invite = parse(INVITE)
    assert invite is not None
    assert not guard.accepts(invite)
    nonce = message.parameter(";" + guard.challenge(invite)[1].replace(", ", ";"), "nonce")
    for password, good in (("secret", True), ("wrong", False)):
        person = _md5(f"anna:carrier.example:{password}")
        answer = _md5(f"{person}:{nonce}:00000001:c:auth:{_md5('INVITE:sip:x')}")
        header = (
            f'Proxy-Authorization: Digest username="anna", realm="carrier.example", nonce="{nonce}", uri="sip:x", '
            f'qop=auth, nc=00000001, cnonce="c", response="{answer}"\r\nl: 0'
        )
        signed = parse(INVITE.replace(b"l: 0", header.encode()))
        assert signed is not None
        assert guard.accepts(signed) is good
