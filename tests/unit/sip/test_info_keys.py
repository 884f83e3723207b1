"""Keys sent by SIP INFO."""

from __future__ import annotations

from mediaserver.switch.sip.events import Ladder
from tests.support.sip_bench import SipBench


def pressing(keys: str) -> SipBench:
    bench = SipBench()
    bench.established()
    bench.agent.send_keys("call-1", keys, bench.now)
    bench.collect()
    return bench


def test_each_key_waits_for_the_answer_to_the_one_before_and_for_its_time() -> None:
    bench = pressing("1#")
    (first,) = bench.requests("INFO")
    assert first.content_type == "application/dtmf-relay"
    assert first.body == b"Signal=1\r\nDuration=100\r\n"
    bench.reply(first, 200)
    assert len(bench.requests("INFO")) == 1
    bench.advance(0.2)
    assert bench.requests("INFO")[1].body == b"Signal=#\r\nDuration=100\r\n"
    bench.reply(bench.requests("INFO")[1], 200)
    bench.advance(1.0)
    assert len(bench.requests("INFO")) == 2


def test_a_refusal_drops_what_waits_and_is_told() -> None:
    bench = pressing("123")
    bench.reply(bench.requests("INFO")[0], 415)
    bench.advance(1.0)
    assert len(bench.requests("INFO")) == 1
    assert any("2 more are not sent" in event.text for event in bench.of(Ladder))


def test_keys_end_with_the_call() -> None:
    bench = pressing("12")
    bench.reply(bench.requests("INFO")[0], 200)
    bench.hang_up()
    bench.reply(bench.requests("BYE")[0], 200)
    bench.assert_nothing_left()
    assert len(bench.requests("INFO")) == 1


def test_a_call_that_is_not_up_sends_none() -> None:
    bench = SipBench()
    bench.call()
    bench.agent.send_keys("call-1", "1", bench.now)
    bench.collect()
    assert bench.requests("INFO") == []
