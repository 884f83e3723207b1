"""Mutated packets inside live calls: nothing raises, nothing is stuck, the call still ends once."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.control import Trunk
from mediaserver.switch.sip.door import Door, Phone, read_networks
from mediaserver.switch.sip.events import Ended, Failed, Incoming
from mediaserver.switch.sip.responses import make_response
from tests.support.sip_bench import ANSWER, FAR, SipBench

PIECES = [
    b"\r\n", b":", b";", b",", b'"', b"<", b">", b"\r\n ", b"\0", b"%", b"\\", b"@", b"sip:", b"[", b"]", b"tag=",
    b"lr", b";;", b"\xff", b"Contact: *", b"0", b"999999999999", b"-1", b"Record-Route: <sip:x;lr>\r\n", b"m=audio",
    b"c=IN IP4 ",
]  # fmt: skip

Edits = list[tuple[float, int, bytes]]
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(PIECES) | st.binary(max_size=6)),
    min_size=1,
    max_size=5,
)


def mutate(data: bytes, changes: Edits) -> bytes:
    for place, length, piece in changes:
        position = int(place * len(data))
        data = data[:position] + piece + data[position + length :]
    return data


def feed(bench: SipBench, data: bytes) -> None:
    bench.agent.receive(data, FAR, bench.now)
    # What leaves may repeat the peer's own malformed headers: it is not parsed here.
    bench.agent.datagrams()
    bench.events += bench.agent.events()


def finish(bench: SipBench) -> None:
    bench.hang_up()
    bench.advance(300.0)
    assert len(bench.of(Ended)) + len(bench.of(Failed)) == 1
    assert bench.agent.counts() == (0, 0, 0, 0)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([180, 183, 200, 302, 407, 422, 486, 503]), edits)
def test_a_mutated_response(status: int, changes: Edits) -> None:
    bench = SipBench()
    invite = bench.call(trunk=Trunk(FAR.host, FAR.port, username="user", password="secret", redirects=("far", "+1")))
    headers = (
        ("Contact", "<sip:far@127.0.0.1:6001;transport=UDP>"),
        ("Record-Route", "<sip:127.0.0.2:7002;lr>, <sip:127.0.0.3>"),
        ("Require", "100rel, timer"),
        ("RSeq", "7"),
        ("Session-Expires", "100;refresher=uac"),
        ("Min-SE", "2000"),
        ("Allow", "INVITE, UPDATE"),
        ("Reason", 'Q.850;cause=17;text="busy"'),
        ("Retry-After", "12 (soon);duration=3"),
        ("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'),
    )
    response = make_response(invite, 200, FAR, to_tag="far", headers=headers, sdp=ANSWER)
    response.status = status
    feed(bench, mutate(response.serialize(), changes))
    finish(bench)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["INVITE", "UPDATE", "INFO", "BYE", "ACK", "OPTIONS", "CANCEL", "NOTIFY"]), edits)
def test_a_mutated_request_inside_a_call(method: str, changes: Edits) -> None:
    bench = SipBench()
    invite = bench.established()
    request = (
        f"{method} sip:clarion@127.0.0.1:5080 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bK-f;rport\r\n"
        f"From: <sip:far@127.0.0.1>;tag=far\r\nTo: <sip:near@127.0.0.1>;tag={invite.from_addr.tag}\r\n"
        f"Call-ID: {invite.call_id}\r\nCSeq: 3 {method}\r\nContact: <sip:far@127.0.0.1:6001>\r\n"
        "Session-Expires: 100;refresher=uas\r\nSupported: timer\r\nEvent: refer\r\nReason: Q.850;cause=16\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
    ).encode() + ANSWER
    feed(bench, mutate(request, changes))
    finish(bench)


def door() -> Door:
    """Open to whoever dials 7001 from here, and to a phone that shows its password."""
    made = Door()
    made.open_to([Phone("201", "secret")], {"7001": read_networks("sources", ["127.0.0.1"])})
    return made


@settings(max_examples=100, deadline=None)
@given(edits, st.booleans())
@example([(0.015625, 0, b":")], False)  # INVITE s:ip:7001@…, a scheme of its own
def test_a_mutated_call_to_a_number_of_ours(changes: Edits, shows: bool) -> None:
    bench = SipBench(door=door())
    credentials = 'Authorization: Digest username="201", realm="clarion", nonce="a-b-c", uri="sip:7001@127.0.0.1:5080"'
    credentials += ', response="00", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"\r\n'
    request = (
        "INVITE sip:7001@127.0.0.1:5080 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bK-f;rport\r\n"
        "From: <sip:far@127.0.0.1>;tag=far\r\nTo: <sip:7001@127.0.0.1>\r\nCall-ID: in\r\nCSeq: 3 INVITE\r\n"
        f"Contact: <sip:far@127.0.0.1:6001>\r\nRecord-Route: <sip:127.0.0.2;lr>\r\n{credentials if shows else ''}"
        f"Content-Type: application/sdp\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
    ).encode() + ANSWER
    feed(bench, mutate(request, changes))
    for incoming in bench.of(Incoming):
        bench.agent.answer(incoming.call, ANSWER, bench.now)
        # What leaves repeats the peer's headers, malformed ones too: it is not parsed here.
        bench.agent.datagrams()
        while bench.agent.calls() and (due := bench.agent.next_timer()) is not None:
            bench.now = max(bench.now, due)
            bench.agent.handle_timer(bench.now)
            bench.agent.datagrams()
    bench.events += bench.agent.events()
    assert len(bench.of(Ended)) + len(bench.of(Failed)) == len(bench.of(Incoming))
