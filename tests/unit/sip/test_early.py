"""Ringing forks: reliable provisional responses and PRACK, early answers, UPDATE before the answer."""

from __future__ import annotations

import pytest

from mediaserver.switch.sip.events import Established, Provisional
from mediaserver.switch.sip.message import Request, Response
from mediaserver.switch.sip.sdp import parse_answer
from tests.support.sip_bench import ANSWER, SipBench


def ring(bench: SipBench, invite: Request, rseq: int, *, tag: str = "far", sdp: bytes = b"", status: int = 183) -> None:
    headers = (("Require", "100rel"), ("RSeq", str(rseq)))
    bench.reply(invite, status, tag=tag, sdp=sdp, headers=headers)


def test_a_reliable_response_is_acknowledged_in_its_early_dialog() -> None:
    bench = SipBench()
    invite = bench.call()
    assert "100rel" in invite.headers.list("supported")
    ring(bench, invite, 4711)
    (prack,) = bench.requests("PRACK")
    assert prack.headers.get("rack") == "4711 1 INVITE"
    assert (prack.uri, prack.to_addr.tag, prack.cseq.number) == ("sip:far@127.0.0.1:6001", "far", 2)
    assert len(bench.of(Provisional)) == 1


def test_repeated_and_hasty_reliable_responses_are_passed_over() -> None:
    bench = SipBench()
    invite = bench.call()
    for rseq in (10, 10, 12, 11):
        ring(bench, invite, rseq)
    assert [prack.headers.get("rack") for prack in bench.requests("PRACK")] == ["10 1 INVITE", "11 1 INVITE"]
    assert len(bench.of(Provisional)) == 2


def test_each_fork_counts_for_itself() -> None:
    bench = SipBench()
    invite = bench.call()
    ring(bench, invite, 10, tag="one")
    ring(bench, invite, 77, tag="two")
    assert [prack.to_addr.tag for prack in bench.requests("PRACK")] == ["one", "two"]


def test_an_answer_given_early_counts_and_the_numbers_go_on() -> None:
    bench = SipBench()
    invite = bench.call()
    ring(bench, invite, 1, sdp=ANSWER)
    bench.reply(bench.requests("PRACK")[0], 200)
    bench.reply(invite, 200)
    assert bench.of(Established)[0].media == parse_answer(ANSWER)
    assert bench.requests("ACK")[0].cseq.number == 1
    bench.hang_up()
    assert bench.requests("BYE")[0].cseq.number == 3
    bench.reply(bench.requests("BYE")[0], 200)
    bench.assert_nothing_left()


def test_an_unanswered_prack_is_repeated_and_given_up() -> None:
    bench = SipBench()
    invite = bench.call(ring_timeout=100.0)
    ring(bench, invite, 1)
    bench.advance(40.0)
    assert len(bench.requests("PRACK")) == 11
    bench.reply(invite, 486)
    bench.assert_nothing_left()


def test_a_flood_of_forks_is_bounded() -> None:
    bench = SipBench()
    invite = bench.call()
    for number in range(50):
        ring(bench, invite, 1, tag=f"fork{number}")
    assert len(bench.requests("PRACK")) == 8


@pytest.mark.parametrize(("method", "status"), [("UPDATE", 200), ("INFO", 200), ("OPTIONS", 200), ("BYE", 481)])
def test_what_the_far_end_may_ask_while_it_rings(method: str, status: int) -> None:
    bench = SipBench()
    invite = bench.call()
    bench.reply(invite, 183)
    bench.far_request(invite, method)
    assert bench.responses()[-1].status == status


def test_an_early_offer_has_to_wait() -> None:
    bench = SipBench()
    invite = bench.call()
    bench.reply(invite, 183)
    bench.far_request(invite, "UPDATE", body=ANSWER)
    assert bench.responses()[-1].status == 491


@pytest.mark.parametrize(("local_tag", "far_tag"), [("guess", "far"), (None, "guess")])
def test_guessed_tags_reach_no_early_dialog(local_tag: str | None, far_tag: str) -> None:
    bench = SipBench()
    invite = bench.call()
    bench.reply(invite, 183)
    bench.far_request(invite, "UPDATE", local_tag=local_tag, far_tag=far_tag)
    response: Response = bench.responses()[-1]
    assert response.status == 481
