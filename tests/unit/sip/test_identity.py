"""Who calls: From, P-Asserted-Identity, Privacy, Diversion, User-to-User, our domain."""

from __future__ import annotations

import pytest

from common.control import CallerIdentity, CallRequest, Trunk
from common.errors import Refused
from tests.support.sip_bench import FAR, SipBench

TRUNK = Trunk(FAR.host, FAR.port, domain="sip.outreach.example")


def test_an_ordinary_call_tells_no_more_than_its_number() -> None:
    invite = SipBench().call()
    assert invite.headers.get("from") == "<sip:+12125550199@127.0.0.1:5080>;tag=token0002"
    for name in ("p-asserted-identity", "privacy", "diversion", "user-to-user"):
        assert invite.headers.get(name) is None


def test_the_trunks_domain_stands_in_our_addresses() -> None:
    invite = SipBench().call(trunk=TRUNK, display_name='Ana "A"', identity=CallerIdentity(asserted="+12125550111"))
    assert invite.from_addr.uri == "sip:+12125550199@sip.outreach.example"
    assert invite.from_addr.display == 'Ana "A"'
    assert invite.headers.get("p-asserted-identity") == "<sip:+12125550111@sip.outreach.example>"


def test_a_private_number_is_known_to_the_trunk_alone() -> None:
    invite = SipBench().call(trunk=TRUNK, display_name="Ana", identity=CallerIdentity(private=True))
    assert (invite.from_addr.uri, invite.from_addr.display) == ("sip:anonymous@anonymous.invalid", "Anonymous")
    assert invite.headers.get("privacy") == "id"
    assert invite.headers.get("p-asserted-identity") == "<sip:+12125550199@sip.outreach.example>"


def test_for_whom_the_call_is_made_and_what_their_system_is_told() -> None:
    identity = CallerIdentity(diversion="+12125550122", user_to_user="case 7")
    invite = SipBench().call(trunk=TRUNK, identity=identity)
    assert invite.headers.get("diversion") == "<sip:+12125550122@sip.outreach.example>;reason=unconditional"
    assert invite.headers.get("user-to-user") == "636173652037;encoding=hex"


@pytest.mark.parametrize(
    ("identity", "field"),
    [
        (CallerIdentity(asserted="x\r\ny"), "asserted"),
        (CallerIdentity(diversion="call me"), "diversion"),
        (CallerIdentity(user_to_user="x" * 129), "user_to_user"),
    ],
)
def test_what_makes_no_header_is_refused(identity: CallerIdentity, field: str) -> None:
    with pytest.raises(Refused, match=field):
        SipBench().call(identity=identity)


def test_each_trunk_dials_the_number_in_its_own_way() -> None:
    named = Trunk(FAR.host, FAR.port, name="9")
    invite = SipBench().call(trunk=named, dialled={"9": "*67#12125550199", "8": "1"})
    assert (invite.uri, invite.to_addr.uri) == (f"sip:*67%2312125550199@127.0.0.1:{FAR.port}",) * 2
    assert SipBench().call(trunk=named, dialled={"8": "1"}).uri.startswith("sip:+")


@pytest.mark.parametrize("text", ["x", "1;phone-context=x", "12@evil.example", "+", "1" * 40])
def test_what_is_no_dialled_number_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="dialled"):
        CallRequest("a", "+12125550100", "+12125550101", TRUNK, dialled={"t": text})


def test_a_call_request_carries_it() -> None:
    body = {
        "attempt_id": "a",
        "to": "+15550100",
        "sender": "+15550101",
        "trunk": {"host": "127.0.0.1", "gateways": ["127.0.0.2"], "redirects": ["+1"]},
        "identity": {"asserted": "+15550102", "private": True},
    }
    request = CallRequest.from_json(body)
    assert request.identity == CallerIdentity("+15550102", private=True)
    assert (request.trunk.gateways, request.trunk.redirects) == (("127.0.0.2",), ("+1",))
