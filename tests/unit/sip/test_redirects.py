"""3xx: followed to allowed numbers and hosts only, five deep at the most; the outbound proxy; reasons of a release."""

from __future__ import annotations

import pytest

from common.control import Disposition, Trunk
from mediaserver.switch.sip.events import Ended, Established, Failed
from mediaserver.switch.sip.message import Request
from mediaserver.switch.sip.release import Release
from mediaserver.switch.sip.transaction import Address
from tests.support.sip_bench import ANSWER, FAR, SipBench

TRUNK = Trunk(FAR.host, FAR.port, redirects=("+1212", "+4420", "127.0.0.7"))


def redirect(bench: SipBench, invite: Request, *contacts: str) -> Request | None:
    """The INVITE that follows the 302, None where the call ended."""
    before = len(bench.requests("INVITE"))
    bench.reply(invite, 302, contact="", headers=tuple(("Contact", contact) for contact in contacts))
    after = bench.requests("INVITE")
    return after[-1] if len(after) > before else None


def test_an_allowed_number_is_called_with_the_same_call_id_after_the_ack() -> None:
    bench = SipBench()
    invite = bench.call(trunk=TRUNK)
    again = redirect(bench, invite, "<sip:+12125550177@127.0.0.1:6100;user=phone?Subject=x>")
    assert again is not None
    assert again.uri == "sip:+12125550177@127.0.0.1:6100;user=phone"
    assert bench.destinations[-1] == Address("127.0.0.1", 6100)
    assert (again.call_id, again.from_addr.tag, again.cseq.number) == (invite.call_id, invite.from_addr.tag, 2)
    assert again.headers.get("to") == invite.headers.get("to")
    assert [message.method for message in bench.sent if isinstance(message, Request)] == ["INVITE", "ACK", "INVITE"]
    bench.reply(again, 200, sdp=ANSWER)
    assert len(bench.of(Established)) == 1


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:+33123456789@127.0.0.1>",
        "<sip:+12125550177@192.0.2.66>",
        "<sip:+12125550177@evil.example>",
        "<sips:+12125550177@127.0.0.1>",
        "<tel:+12125550177>",
        "<mailto:a@b>",
        "junk<",
        "<sip:127.0.0.1>",
    ],
)
def test_other_numbers_and_hosts_end_the_call(contact: str) -> None:
    bench = SipBench()
    assert redirect(bench, bench.call(trunk=TRUNK), contact) is None
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.REFUSED, 302)
    bench.assert_nothing_left()


def test_without_prefixes_nothing_is_followed() -> None:
    bench = SipBench()
    assert redirect(bench, bench.call(), "<sip:+12125550177@127.0.0.1>") is None


def test_the_contact_of_the_highest_q_that_is_allowed_is_taken() -> None:
    bench = SipBench()
    contacts = "<sip:+33@127.0.0.1>;q=1.0", "<sip:+12121@127.0.0.1>;q=0.3, <sip:+44201@127.0.0.7>;q=0.7"
    again = redirect(bench, bench.call(trunk=TRUNK), *contacts)
    assert again is not None
    assert again.uri == "sip:+44201@127.0.0.7"


def test_five_redirections_are_followed_and_no_sixth() -> None:
    bench = SipBench()
    invite: Request | None = bench.call(trunk=TRUNK)
    for number in range(6):
        assert invite is not None
        invite = redirect(bench, invite, f"<sip:+121255501{number:02d}@127.0.0.1>")
    assert invite is None
    assert len(bench.requests("INVITE")) == 6
    assert len(bench.of(Failed)) == 1


def test_a_circle_is_left_at_once() -> None:
    bench = SipBench()
    invite = bench.call(trunk=TRUNK)
    there = redirect(bench, invite, "<sip:+12125550177@127.0.0.1>")
    assert there is not None
    assert redirect(bench, there, f"<{invite.uri}>") is None


def test_a_cancelled_call_is_not_redirected() -> None:
    bench = SipBench()
    invite = bench.call(trunk=TRUNK)
    bench.reply(invite, 180)
    bench.hang_up()
    assert redirect(bench, invite, "<sip:+12125550177@127.0.0.1>") is None
    assert bench.of(Failed)[0].disposition is Disposition.CANCELLED


def test_an_outbound_proxy_is_the_first_route_and_the_far_ends_routes_follow_it() -> None:
    bench = SipBench()
    invite = bench.call(trunk=Trunk("sip.example.org", proxy="127.0.0.1:6000"))
    assert invite.headers.all("route") == ["<sip:127.0.0.1:6000;lr>"]
    assert invite.uri == "sip:+12125550100@sip.example.org"
    routes = (("Record-Route", "<sip:127.0.0.2;lr>, <sip:127.0.0.1:6000;lr>"),)
    bench.reply(invite, 200, sdp=ANSWER, headers=routes)
    assert bench.requests("ACK")[0].headers.all("route") == ["<sip:127.0.0.1:6000;lr>", "<sip:127.0.0.2;lr>"]


@pytest.mark.parametrize(
    ("reasons", "release"),
    [
        (('Q.850;cause=17;text="user busy"',), Release(17, "Q.850 17 user busy")),
        (("SIP;cause=200;text=Elsewhere, Q.850 ; cause=16",), Release(16, "SIP 200 Elsewhere; Q.850 16")),
        (("Q.850;cause=999",), Release(None, "Q.850 999")),
        (('Q.850;cause="',), Release()),
        ((), Release()),
    ],
)
def test_reasons_of_a_refusal_and_of_a_bye_are_reported(reasons: tuple[str, ...], release: Release) -> None:
    bench = SipBench()
    bench.reply(bench.call(), 503, headers=(*(("Reason", reason) for reason in reasons), ("Retry-After", "120 (rest)")))
    (failed,) = bench.of(Failed)
    assert (failed.release, failed.retry_after) == (release, 120)
    bench = SipBench()
    bench.far_request(bench.established(), "BYE", extra="".join(f"Reason: {reason}\n" for reason in reasons))
    assert bench.of(Ended) == [Ended("call-1", True, release)]
