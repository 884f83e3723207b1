"""Blind transfer by REFER, told by NOTIFY."""

from __future__ import annotations

import pytest

from mediaserver.switch.sip.events import Ended, Transferred
from mediaserver.switch.sip.message import Request
from tests.support.sip_bench import SipBench

TARGET = "sip:+12125550123@127.0.0.1"


def transferring(bench: SipBench) -> tuple[Request, Request]:
    """The INVITE, and the REFER inside its call."""
    invite = bench.established()
    bench.agent.transfer("call-1", TARGET, bench.now)
    bench.collect()
    (refer,) = bench.requests("REFER")
    return invite, refer


def notify(bench: SipBench, invite: Request, cseq: int, line: str, state: str = "active") -> int:
    extra = f"Event: refer\nSubscription-State: {state}\n"
    body = f"{line}\r\n".encode()
    bench.far_request(invite, "NOTIFY", cseq=cseq, body=body, content_type="message/sipfrag;version=2.0", extra=extra)
    return bench.responses()[-1].status


def test_a_transfer_is_asked_for_and_its_outcome_reported_once() -> None:
    bench = SipBench()
    invite, refer = transferring(bench)
    assert refer.headers.get("refer-to") == f"<{TARGET}>"
    bench.reply(refer, 202)
    assert notify(bench, invite, 1, "SIP/2.0 100 Trying") == 200
    assert bench.of(Transferred) == []
    assert notify(bench, invite, 2, "SIP/2.0 200 OK", "terminated;reason=noresource") == 200
    assert bench.of(Transferred) == [Transferred("call-1", 200)]
    assert notify(bench, invite, 3, "SIP/2.0 200 OK") == 481
    bench.hang_up()
    bench.reply(bench.requests("BYE")[0], 200)
    assert bench.of(Ended) == [Ended("call-1", by_far_end=False)]
    bench.assert_nothing_left()


@pytest.mark.parametrize("status", [405, 603])
def test_a_refused_transfer_leaves_the_call_up(status: int) -> None:
    bench = SipBench()
    _, refer = transferring(bench)
    bench.reply(refer, status)
    assert bench.of(Transferred) == [Transferred("call-1", status)]
    assert bench.of(Ended) == []


def test_the_target_s_refusal_is_told() -> None:
    bench = SipBench()
    invite, refer = transferring(bench)
    bench.reply(refer, 202)
    notify(bench, invite, 1, "SIP/2.0 486 Busy Here", "terminated")
    assert bench.of(Transferred) == [Transferred("call-1", 486)]


def test_a_subscription_that_ends_without_a_word_or_never_speaks_is_a_timeout() -> None:
    bench = SipBench()
    invite, refer = transferring(bench)
    bench.reply(refer, 202)
    notify(bench, invite, 1, "SIP/2.0 180 Ringing", "terminated")
    assert bench.of(Transferred) == [Transferred("call-1", 408)]
    bench = SipBench()
    _, refer = transferring(bench)
    bench.reply(refer, 202)
    bench.advance(181.0)
    assert bench.of(Transferred) == [Transferred("call-1", 408)]


def test_a_refer_nobody_answers_is_a_timeout() -> None:
    bench = SipBench()
    transferring(bench)
    bench.advance(33.0)
    assert bench.of(Transferred) == [Transferred("call-1", 408)]


def test_a_notify_nobody_asked_for_is_refused() -> None:
    bench = SipBench()
    assert notify(bench, bench.established(), 1, "SIP/2.0 200 OK") == 481
    assert bench.of(Transferred) == []
