"""Which transport a message takes: large requests, the next hop's, TLS never given up, IPv6."""

from __future__ import annotations

from mediaserver.switch.sip.events import Established, Failed
from mediaserver.switch.sip.message import parse_message
from mediaserver.switch.sip.requests import Identity
from mediaserver.switch.sip.sdp import make_offer
from mediaserver.switch.sip.transaction import Address
from tests.support.sip_bench import ANSWER, FAR, SPEC, SipBench

LARGE = make_offer("127.0.0.1", 40_000) + b"a=x-note:" + b"x" * 1300 + b"\r\n"
TCP = FAR._replace(transport="tcp")


def failed_at(bench: SipBench, index: int) -> None:
    """The transport gives back what was sent."""
    bench.agent.transport_failed(bench.sent[index].serialize(), bench.now)
    bench.collect()


def test_a_large_invite_goes_by_tcp_and_is_not_repeated() -> None:
    bench = SipBench()
    invite = bench.call(sdp=LARGE)
    assert bench.destinations == [TCP]
    assert invite.via.transport == "TCP"
    bench.advance(10.0)
    assert len(bench.requests("INVITE")) == 1
    bench.reply(invite, 486)
    assert bench.destinations[-1] == TCP  # its ACK takes the same way


def test_a_large_invite_goes_by_udp_after_all_where_there_is_no_tcp() -> None:
    bench = SipBench()
    bench.call(sdp=LARGE)
    failed_at(bench, 0)
    invite = bench.requests("INVITE")[-1]
    assert bench.destinations == [TCP, FAR]
    assert invite.via.transport == "UDP"
    bench.advance(0.6)
    assert bench.destinations == [TCP, FAR, FAR]
    bench.reply(invite, 200, sdp=ANSWER)
    assert len(bench.of(Established)) == 1


def test_where_udp_fails_too_the_call_does() -> None:
    bench = SipBench()
    bench.call(sdp=LARGE)
    failed_at(bench, 0)
    failed_at(bench, 1)
    assert len(bench.of(Failed)) == 1
    bench.assert_nothing_left()


def test_the_cancel_of_a_large_invite_follows_it() -> None:
    bench = SipBench()
    invite = bench.call(sdp=LARGE)
    bench.reply(invite, 180)
    bench.hang_up()
    assert bench.destinations[-1] == TCP
    assert bench.requests("CANCEL")[0].via == invite.via


def established(bench: SipBench, trunk: Address, contact: str) -> None:
    identity = Identity("127.0.0.1", 7777, transport=trunk.transport)
    bench.agent.invite(SPEC, trunk, bench.now, identity)
    bench.collect()
    bench.reply(bench.requests("INVITE")[-1], 200, sdp=ANSWER, contact=contact)


def test_inside_a_call_the_contacts_transport_is_taken() -> None:
    bench = SipBench()
    established(bench, FAR, "<sip:far@127.0.0.9:6001;transport=tcp>")
    assert bench.destinations[-1] == Address("127.0.0.9", 6001, "tcp")
    assert bench.requests("ACK")[0].via.transport == "TCP"


def test_tls_is_kept_to_whatever_the_contact_says() -> None:
    bench = SipBench()
    trunk = Address("127.0.0.1", 5061, "tls", "sip.example.org")
    established(bench, trunk, "<sip:far@127.0.0.9;transport=udp>")
    assert bench.destinations[-1] == Address("127.0.0.9", 5061, "tls", "sip.example.org")
    invite = bench.requests("INVITE")[0]
    assert invite.via.transport == "TLS"
    assert invite.headers.get("contact") == "<sip:clarion@127.0.0.1:7777;transport=tls>"


def test_an_ipv6_sender_that_says_its_address_is_not_told_it() -> None:
    bench = SipBench()
    text = (
        "OPTIONS sip:clarion@[::1] SIP/2.0\nVia: SIP/2.0/UDP [::1]:6000;branch=z9hG4bK-6\nFrom: <sip:a@[::1]>;tag=1\n"
    )
    text += "To: <sip:clarion@[::1]>\nCall-ID: 6\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n"
    bench.agent.receive(text.replace("\n", "\r\n").encode(), Address("::1", 6000), bench.now)
    (datagram,) = bench.agent.datagrams()
    assert parse_message(datagram.data).headers.get("via") == "SIP/2.0/UDP [::1]:6000;branch=z9hG4bK-6"
