"""The parser: what it reads, what it refuses, and that nothing else ever escapes it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.switch.sip.message import Request, Response, parse_message
from mediaserver.switch.sip.uri import ParseError, SipUri, parse_name_addr, parse_uri, quote, split_commas, unquote

INVITE = (
    b"INVITE sip:+12125550100@127.0.0.1:5070;user=phone SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-abc;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Clinic, East" <sip:+12125550199@127.0.0.1>;tag=one\r\n'
    b"To: <sip:+12125550100@127.0.0.1>\r\n"
    b"Call-ID: call@127.0.0.1\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:clarion@127.0.0.1:5080>\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"v=0\r\n"
)
COMPACT = (
    b"SIP/2.0 180 Ringing\r\n"
    b"v: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-abc ,SIP/2.0/TCP second.example\r\n"
    b"f : <sip:a@127.0.0.1>;\r\n tag=one\r\n"
    b"t: sip:b@127.0.0.1;tag=two\r\n"
    b"i: call\r\nCSEQ: 0001\r\n\tINVITE\r\nm: <sip:b@127.0.0.1>,<sip:c@127.0.0.1>\r\nl: 0\r\n\r\n"
)


def request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def test_reads_a_request() -> None:
    invite = request(INVITE)
    assert (invite.method, invite.sip_uri.user, invite.sip_uri.port) == ("INVITE", "+12125550100", 5070)
    assert (invite.from_addr.display, invite.from_addr.tag, invite.to_addr.tag) == ("Clinic, East", "one", "")
    assert (invite.via.host, invite.via.port, invite.via.branch, invite.via.is_rfc3261) == (
        "127.0.0.1", 5080, "z9hG4bK-abc", True,
    )  # fmt: skip
    assert invite.sdp == b"v=0\r"
    assert invite.contact is not None


def test_reads_compact_folded_and_spaced_headers() -> None:
    response = parse_message(COMPACT)
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (180, "Ringing")
    assert (response.from_addr.tag, response.to_addr.tag) == ("one", "two")
    assert (response.cseq.number, response.cseq.method) == (1, "INVITE")
    assert len(response.headers.list("via")) == 2
    assert response.contact is not None
    assert response.contact.uri == "sip:b@127.0.0.1"


def test_reads_what_it_writes() -> None:
    again = request(request(INVITE).serialize())
    assert list(again.headers) == [
        (name, value) if name != "content-length" else (name, "4") for name, value in again.headers
    ]
    assert again.body == request(INVITE).body


def test_bytes_that_are_not_utf8_survive_a_round_trip() -> None:
    odd = INVITE.replace(b"Clinic", b"\xff\xfe")
    assert b"\xff\xfe" in request(odd).serialize()


def test_lines_may_end_in_bare_newlines() -> None:
    assert request(INVITE.replace(b"\r\n", b"\n")).call_id == "call@127.0.0.1"


def test_a_body_longer_than_its_length_is_cut_and_a_missing_length_means_all() -> None:
    assert request(INVITE + b"rubbish").body == b"v=0\r"
    assert request(INVITE.replace(b"Content-Length: 4\r\n", b"")).body == b"v=0\r\n"


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia", 505),
        (b"CSeq: 1 INVITE\r\n", b"", 400),
        (b"CSeq: 1 INVITE", b"CSeq: 1 BYE", 400),
        (b"CSeq: 1 INVITE", b"CSeq: 2147483648 INVITE", 400),
        (b"CSeq: 1 INVITE", b"CSeq: 1 INVITE\r\nCSeq: 1 INVITE", 400),
        (b"Call-ID: call", b"Call-ID: call two", 400),
        (b"branch=z9hG4bK-abc", b"branch=;;", 400),
        (b":5080;branch", b":99999;branch", 400),
        (b"Max-Forwards: 70", b"Max-Forwards: 256", 400),
        (b"Content-Length: 4", b"Content-Length: 500", 400),
        (b"Content-Length: 4", b"Content-Length: -1", 400),
        (b'"Clinic, East"', b"Clinic, East", 400),
        (b'"Clinic, East"', b'"Clinic', 400),
        (b"<sip:+12125550100@127.0.0.1>", b"<sip:>", 400),
        (b"Contact: <sip:clarion@127.0.0.1:5080>", b"Contact: <sip:clarion@127.0.0.1:5080>;;", 400),
        (b"Max-Forwards: 70", b"no colon here", 400),
        (b"Max-Forwards: 70", b"X: a\rb", 400),
        (b"sip:+12125550100@127.0.0.1:5070;user=phone", b"sip:+1212%zz@127.0.0.1", 400),
    ],
)
def test_a_malformed_request_is_refused_and_can_be_answered(old: bytes, new: bytes, status: int) -> None:
    assert old in INVITE
    with pytest.raises(ParseError) as caught:
        parse_message(INVITE.replace(old, new, 1))
    assert caught.value.status == status
    assert caught.value.request is not None


@pytest.mark.parametrize("data", [b"", b"\r\n", b"SIP/2.0 99 x\r\n\r\n", b"SIP/2.0 700 x\r\n\r\n", b"x", b" a\r\n\r\n"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse_message(data)
    assert caught.value.request is None


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:host", SipUri("host")),
        ("SIPS:a@HOST:1;lr;x=Y?h=v", SipUri("host", "a", 1, "sips", (("lr", None), ("x", "Y")), "h=v")),
        ("sip:a:b@[::1]:5", SipUri("[::1]", "a:b", 5)),
        ("sip:u;p=%40@h", SipUri("h", "u;p=%40")),
    ],
)
def test_uris_are_read_and_written(text: str, uri: SipUri) -> None:
    assert parse_uri(text) == uri
    assert parse_uri(str(uri)) == uri


def test_uri_parameters_are_looked_up_by_name() -> None:
    uri = parse_uri("sip:a@b;lr;ttl=5")
    assert (uri.param("lr"), uri.param("ttl"), uri.param("maddr")) == ("", "5", None)


@pytest.mark.parametrize("text", ["", "sip:", "sip:@h", "sip:a b@h", "sip:a@h:99999", "tel:+1", "sip:a@h<", "sip:a@-h"])
def test_what_is_no_sip_uri_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_uri(text)


@given(st.text())
def test_quoting_is_undone_by_unquoting_and_never_leaves_the_header(text: str) -> None:
    quoted = quote(text)
    assert "\r" not in quoted
    assert "\n" not in quoted
    assert unquote(quoted) == "".join(character for character in text if character.isprintable())
    assert parse_name_addr(f"{quoted} <sip:a@b>;tag=x").tag == "x"


@given(st.lists(st.sampled_from(['"a,b"', "<sip:x,y@h>", "token", '"\\",\\""']), min_size=1))
def test_lists_are_split_only_outside_quotes_and_brackets(parts: list[str]) -> None:
    assert split_commas(", ".join(parts)) == parts


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A valid message with bytes replaced, removed, repeated or put in."""
    data = bytearray(draw(st.sampled_from([INVITE, COMPACT])))
    for _ in range(draw(st.integers(1, 6))):
        position = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 20))
        piece = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"\r\n", b":", b";", b",", b'"', b"<", b">", b"\r\n ", b"\0", b"SIP/2.0", b"%", b"\\"])
        )
        data[position : position + length] = piece
    return bytes(data)


@settings(max_examples=400)
@given(mutations() | st.binary(max_size=200))
def test_any_bytes_are_a_message_or_one_parse_error(data: bytes) -> None:
    try:
        message = parse_message(data)
    except ParseError:
        return
    # What was accepted is written so that it is accepted again, with the same identity.
    again = parse_message(message.serialize())
    assert (again.call_id, again.cseq, again.from_addr, again.to_addr, again.via) == (
        message.call_id, message.cseq, message.from_addr, message.to_addr, message.via,
    )  # fmt: skip
