"""Session timers: who refreshes, how, and what happens when nobody does (RFC 4028)."""

from __future__ import annotations

import pytest

from mediaserver.switch.sip.events import Ended, Established, Failed
from mediaserver.switch.sip.message import Request
from tests.support.sip_bench import ANSWER, SipBench

UPDATES = ("Allow", "INVITE, ACK, BYE, UPDATE")


def established(bench: SipBench, expires: str, *more: tuple[str, str]) -> Request:
    invite = bench.call()
    bench.reply(invite, 200, sdp=ANSWER, headers=(("Session-Expires", expires), *more))
    return invite


def refreshes(bench: SipBench, method: str = "UPDATE") -> list[Request]:
    return [request for request in bench.requests(method) if request.to_addr.tag]


def test_an_invite_asks_for_half_an_hour() -> None:
    invite = SipBench().call()
    assert (invite.headers.get("session-expires"), invite.headers.get("min-se")) == ("1800", "90")
    assert "timer" in invite.headers.list("supported")


def test_we_refresh_at_half_the_interval_by_update_and_go_on() -> None:
    bench = SipBench()
    established(bench, "100;refresher=uac", UPDATES)
    for count in (1, 2, 3):
        bench.advance(50.0)
        update = refreshes(bench)[-1]
        assert len(refreshes(bench)) == count
        assert update.headers.get("session-expires") == "100;refresher=uac"
        bench.reply(update, 200, headers=(("Session-Expires", "100;refresher=uac"),))
    assert bench.of(Ended) == []


def test_a_far_end_without_update_is_refreshed_by_invite_and_its_200_acknowledged() -> None:
    bench = SipBench()
    established(bench, "100;refresher=uac")
    bench.advance(50.0)
    (again,) = refreshes(bench, "INVITE")
    assert again.sdp == bench.requests("INVITE")[0].sdp
    bench.reply(again, 200, sdp=ANSWER, headers=(("Session-Expires", "100;refresher=uac"),))
    ack = bench.requests("ACK")[-1]
    assert ack.cseq.number == again.cseq.number
    bench.reply(again, 200, sdp=ANSWER)
    assert len(bench.requests("ACK")) == 3
    assert len(bench.of(Established)) == 1


def test_an_update_that_is_refused_for_its_method_becomes_an_invite() -> None:
    bench = SipBench()
    established(bench, "100;refresher=uac", UPDATES)
    bench.advance(50.0)
    bench.reply(refreshes(bench)[0], 405)
    assert len(refreshes(bench, "INVITE")) == 1


@pytest.mark.parametrize("status", [481, 408, None])
def test_a_refresh_that_finds_nobody_ends_the_call(status: int | None) -> None:
    bench = SipBench()
    established(bench, "100;refresher=uac", UPDATES)
    bench.advance(50.0)
    if status is None:
        bench.advance(32.0)
    else:
        bench.reply(refreshes(bench)[0], status)
    assert len(bench.requests("BYE")) == 1
    bench.advance(32.0)
    assert bench.of(Ended) == [Ended("call-1", by_far_end=False)]
    bench.assert_nothing_left()


def test_a_refresh_that_is_refused_otherwise_leaves_the_rest_of_the_interval() -> None:
    bench = SipBench()
    established(bench, "100;refresher=uac", UPDATES)
    bench.advance(50.0)
    bench.reply(refreshes(bench)[0], 500)
    bench.advance(49.0)
    assert bench.requests("BYE") == []
    bench.advance(1.0)
    assert len(bench.requests("BYE")) == 1


def test_a_crossed_refresh_is_tried_again() -> None:
    bench = SipBench()
    established(bench, "100;refresher=uac", UPDATES)
    bench.advance(50.0)
    bench.reply(refreshes(bench)[0], 491)
    bench.advance(2.2)
    assert len(refreshes(bench)) == 2


def test_a_far_end_that_does_not_refresh_is_hung_up_a_little_before_the_end() -> None:
    bench = SipBench()
    established(bench, "120;refresher=uas")
    bench.advance(87.9)
    assert bench.requests("BYE") == []
    bench.advance(0.2)
    assert len(bench.requests("BYE")) == 1


def test_a_far_end_that_refreshes_keeps_the_call_and_hears_who_refreshes() -> None:
    bench = SipBench()
    invite = established(bench, "120;refresher=uas")
    for cseq in (5, 6, 7):
        bench.advance(60.0)
        bench.far_request(invite, "UPDATE", cseq=cseq, extra="Supported: timer\nSession-Expires: 120;refresher=uac\n")
        response = bench.responses()[-1]
        assert response.headers.get("session-expires") == "120;refresher=uac"
        assert response.headers.list("require") == ["timer"]
    bench.advance(87.9)
    assert bench.of(Ended) == []


def test_the_far_end_may_leave_refreshing_to_us() -> None:
    bench = SipBench()
    invite = established(bench, "120;refresher=uas", UPDATES)
    bench.far_request(invite, "UPDATE", cseq=5, extra="Supported: timer\nx: 90;refresher=uas\n")
    assert bench.responses()[-1].headers.get("session-expires") == "90;refresher=uas"
    bench.advance(45.0)
    assert len(refreshes(bench)) == 1


def test_too_short_a_session_is_refused_with_the_least_we_take() -> None:
    bench = SipBench()
    invite = established(bench, "120;refresher=uas")
    bench.far_request(invite, "UPDATE", cseq=5, extra="Supported: timer\nSession-Expires: 30\n")
    assert (bench.responses()[-1].status, bench.responses()[-1].headers.get("min-se")) == (422, "90")


def test_a_422_is_asked_again_with_what_it_demands_and_only_if_that_is_more() -> None:
    bench = SipBench()
    invite = bench.call()
    bench.reply(invite, 422, headers=(("Min-SE", "3600"),))
    again = bench.requests("INVITE")[-1]
    assert (again.headers.get("session-expires"), again.call_id) == ("3600", invite.call_id)
    bench.reply(again, 422, headers=(("Min-SE", "3600"),))
    assert bench.of(Failed)[0].sip_status == 422


def test_without_the_header_nothing_expires() -> None:
    bench = SipBench()
    bench.established()
    bench.advance(10_000.0)
    assert bench.of(Ended) == []
