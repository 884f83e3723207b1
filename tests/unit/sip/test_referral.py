"""Blind transfer asked for by an agent's phone: REFER taken or refused, told by NOTIFY (RFC 3515)."""

from __future__ import annotations

import pytest

from mediaserver.switch.sip.events import Ended, TransferAsked
from mediaserver.switch.sip.message import Request, Response
from tests.support.sip_bench import SipBench

OURS = "sip:+12125550123@127.0.0.1:5080"


def refer(bench: SipBench, invite: Request, target: str = f"<{OURS}>", cseq: int = 1, more: str = "") -> None:
    extra = f"Refer-To: {target}\n{more}" if target else more
    bench.far_request(invite, "REFER", cseq=cseq, extra=extra)


def last(bench: SipBench) -> Response:
    return bench.responses()[-1]


def notified(bench: SipBench) -> list[tuple[str, str, str]]:
    """Event, state and the status line of each NOTIFY; each comes once the one before is answered."""
    told: list[tuple[str, str, str]] = []
    while len(notifies := bench.requests("NOTIFY")) > len(told):
        notify = notifies[len(told)]
        assert len(notifies) == len(told) + 1
        bench.reply(notify, 200)
        state = (notify.headers.get("subscription-state") or "").partition(";")[0]
        told.append((notify.headers.get("event") or "", state, notify.body.decode().strip()))
        assert notify.content_type == "message/sipfrag"
    return told


def test_a_transfer_is_offered_taken_and_told_to_its_end() -> None:
    bench = SipBench()
    invite = bench.established(may_refer=True)
    assert "REFER" in (invite.headers.get("allow") or "")
    refer(bench, invite, more="Referred-By: <sip:201@127.0.0.1>\n")
    assert bench.of(TransferAsked) == [TransferAsked("call-1", "tel:+12125550123", "sip:201@127.0.0.1")]
    assert not bench.responses()
    for status in (202, 180, 200):
        bench.agent.tell_transfer("call-1", status, bench.now)
        bench.collect()
    assert last(bench).status == 202
    assert notified(bench) == [
        ("refer", "active", "SIP/2.0 100 Trying"),
        ("refer", "active", "SIP/2.0 180 Ringing"),
        ("refer", "terminated", "SIP/2.0 200 OK"),
    ]
    bench.agent.tell_transfer("call-1", 486, bench.now)
    bench.collect()
    assert len(bench.requests("NOTIFY")) == 3
    bench.hang_up()
    bench.reply(bench.requests("BYE")[0], 200)
    bench.assert_nothing_left()


def test_another_one_later_is_told_apart_and_two_at_once_are_not_taken() -> None:
    bench = SipBench()
    invite = bench.established(may_refer=True)
    refer(bench, invite)
    refer(bench, invite, cseq=2)
    assert last(bench).status == 491
    for status in (202, 603):
        bench.agent.tell_transfer("call-1", status, bench.now)
    bench.collect()
    refer(bench, invite, cseq=3)
    bench.agent.tell_transfer("call-1", 202, bench.now)
    bench.collect()
    assert [event for event, _, _ in notified(bench)] == ["refer", "refer", "refer;id=3"]


def test_who_may_not_refer_learns_that_the_method_is_not_allowed() -> None:
    bench = SipBench()
    invite = bench.established()
    assert "REFER" not in (invite.headers.get("allow") or "")
    refer(bench, invite)
    assert (last(bench).status, "REFER" in (last(bench).headers.get("allow") or "")) == (405, False)
    assert bench.of(TransferAsked) == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("", 400),
        ("<nonsense>", 400),
        (f"<{OURS}>, <{OURS}>", 400),
        (f"<{OURS}?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>", 603),
        ("<sip:201@127.0.0.1;method=SUBSCRIBE>", 603),
        ("<sip:127.0.0.1:5080>", 603),
    ],
)
def test_what_cannot_be_called_is_refused_at_once(target: str, status: int) -> None:
    bench = SipBench()
    refer(bench, bench.established(may_refer=True), target)
    assert last(bench).status == status
    assert bench.of(TransferAsked) == []


@pytest.mark.parametrize("target", ["sip:201@127.0.0.1:5099", "sip:201@192.0.2.7"])
def test_another_host_stays_as_it_is_written(target: str) -> None:
    bench = SipBench()
    refer(bench, bench.established(may_refer=True), f"<{target}>")
    assert [event.target for event in bench.of(TransferAsked)] == [target]


def test_a_phone_that_leaves_meanwhile_gets_its_answer_and_nothing_is_left() -> None:
    bench = SipBench()
    invite = bench.established(may_refer=True)
    refer(bench, invite)
    bench.far_request(invite, "BYE", cseq=2)
    assert sorted(response.status for response in bench.responses()) == [200, 481]
    bench.agent.tell_transfer("call-1", 202, bench.now)
    bench.collect()
    assert bench.requests("NOTIFY") == []
    assert len(bench.of(Ended)) == 1
    bench.assert_nothing_left()
