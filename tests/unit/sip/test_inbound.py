"""Calls to numbers of ours: offered, answered or refused here, given up there; all others never ring."""

from __future__ import annotations

import pytest

from common.control import Disposition
from mediaserver.switch.sip.events import Ended, Established, Failed, Incoming, MediaChanged
from mediaserver.switch.sip.message import Response
from mediaserver.switch.sip.sdp import make_offer
from mediaserver.switch.sip.transaction import Address
from tests.support.sip_bench import ANSWER, SipBench

PHONE = Address("127.0.0.5", 7000)
OURS = make_offer("127.0.0.1", 41_000)
HOLD = ANSWER.replace(b"a=sendrecv", b"a=sendonly")


class Desk(SipBench):
    def __init__(self) -> None:
        super().__init__(accepted=frozenset({"7001"}))

    def phone(self, method: str, *, cseq: int = 1, to_tag: str = "", sdp: bytes = b"", user: str = "7001") -> None:
        branch = f"z9hG4bK-{'INVITE' if method == 'CANCEL' else method}{cseq}"
        head = (
            f"{method} sip:{user}@127.0.0.1:5080 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.5:7000;branch={branch};rport\n"
            f"From: <sip:anna@127.0.0.5>;tag=phone\nTo: <sip:{user}@127.0.0.1>{f';tag={to_tag}' if to_tag else ''}\n"
            f"Call-ID: in\nCSeq: {cseq} {method}\nMax-Forwards: 70\nContact: <sip:anna@127.0.0.5:7002>\n"
            f"Record-Route: <sip:127.0.0.6;lr>, <sip:127.0.0.7;lr>\n"
        )
        head += f"Content-Type: application/sdp\nContent-Length: {len(sdp)}\n\n" if sdp else "Content-Length: 0\n\n"
        self.receive(head.replace("\n", "\r\n").encode() + sdp, PHONE)

    @property
    def last(self) -> Response:
        return self.responses()[-1]

    @property
    def name(self) -> str:
        return self.of(Incoming)[0].call

    def answered(self) -> str:
        """Our tag of a call that is up."""
        self.phone("INVITE", sdp=ANSWER)
        self.agent.answer(self.name, OURS, self.now)
        self.collect()
        tag = self.last.to_addr.tag
        self.phone("ACK", to_tag=tag)
        return tag


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_call_to_a_number_of_ours_rings_until_it_is_answered(desk: Desk) -> None:
    desk.phone("INVITE", sdp=ANSWER)
    (incoming,) = desk.of(Incoming)
    assert (incoming.number, incoming.sender) == ("7001", "sip:anna@127.0.0.5")
    assert desk.last.status == 180
    desk.agent.answer(incoming.call, OURS, desk.now)
    desk.collect()
    assert (desk.last.status, desk.last.sdp) == (200, OURS)
    assert desk.last.headers.list("record-route") == ["<sip:127.0.0.6;lr>", "<sip:127.0.0.7;lr>"]
    assert desk.of(Established)[0].media.port == 50_000


def test_the_200_is_repeated_until_its_ack(desk: Desk) -> None:
    desk.phone("INVITE", sdp=ANSWER)
    desk.agent.answer(desk.name, OURS, desk.now)
    desk.advance(3.6)
    assert [response.status for response in desk.responses()] == [180, 200, 200, 200, 200]
    desk.phone("ACK", to_tag=desk.last.to_addr.tag)
    desk.advance(30.0)
    assert len(desk.responses()) == 5


def test_an_answer_nobody_acknowledges_is_hung_up(desk: Desk) -> None:
    desk.phone("INVITE", sdp=ANSWER)
    desk.agent.answer(desk.name, OURS, desk.now)
    desk.advance(70.0)
    assert desk.of(Ended) == [Ended(desk.name, by_far_end=False)]
    desk.assert_nothing_left()


def test_our_bye_waits_for_the_ack(desk: Desk) -> None:
    desk.phone("INVITE", sdp=ANSWER)
    desk.agent.answer(desk.name, OURS, desk.now)
    desk.hang_up(desk.name)
    tag = desk.last.to_addr.tag
    desk.phone("INFO", cseq=2, to_tag=tag)
    assert (desk.last.status, desk.requests("BYE")) == (481, [])
    desk.phone("ACK", to_tag=tag)
    (bye,) = desk.requests("BYE")
    desk.reply(bye, 200)
    assert desk.of(Ended) == [Ended(desk.name, by_far_end=False)]
    desk.assert_nothing_left()


def test_the_far_end_hangs_up_while_our_bye_waits(desk: Desk) -> None:
    desk.phone("INVITE", sdp=ANSWER)
    desk.agent.answer(desk.name, OURS, desk.now)
    desk.hang_up(desk.name)
    desk.phone("BYE", cseq=2, to_tag=desk.last.to_addr.tag)
    assert desk.of(Ended) == [Ended(desk.name, by_far_end=False)]
    desk.assert_nothing_left()


def test_the_far_end_hangs_up(desk: Desk) -> None:
    tag = desk.answered()
    desk.phone("BYE", cseq=2, to_tag=tag)
    assert desk.of(Ended) == [Ended(desk.name, by_far_end=True)]
    desk.assert_nothing_left()


def test_we_hang_up_by_the_route_the_invite_came(desk: Desk) -> None:
    desk.answered()
    desk.hang_up(desk.name)
    (bye,) = desk.requests("BYE")
    assert bye.uri == "sip:anna@127.0.0.5:7002"
    assert bye.headers.all("route") == ["<sip:127.0.0.6;lr>", "<sip:127.0.0.7;lr>"]
    assert (bye.to_addr.tag, bye.from_addr.uri) == ("phone", "sip:7001@127.0.0.1")
    desk.reply(bye, 200)
    assert desk.of(Ended) == [Ended(desk.name, by_far_end=False)]
    desk.assert_nothing_left()


def test_hold_by_the_far_end_is_answered_and_told(desk: Desk) -> None:
    tag = desk.answered()
    desk.phone("INVITE", cseq=2, to_tag=tag, sdp=HOLD)
    assert desk.last.status == 200
    assert not desk.of(MediaChanged)[0].media.wants_audio


def test_a_caller_that_gives_up_is_answered_487(desk: Desk) -> None:
    desk.phone("INVITE", sdp=ANSWER)
    desk.phone("CANCEL")
    assert sorted(response.status for response in desk.responses()) == [180, 200, 487]
    assert desk.of(Failed)[0].sip_status == 487
    desk.phone("ACK", to_tag=desk.last.to_addr.tag)
    desk.assert_nothing_left()


def test_a_cancel_after_the_answer_changes_nothing(desk: Desk) -> None:
    desk.answered()
    desk.phone("CANCEL")
    assert desk.last.status == 200
    assert desk.of(Ended) == []


def test_what_is_refused_or_not_decided_on_ends(desk: Desk) -> None:
    desk.phone("INVITE", sdp=ANSWER)
    desk.agent.refuse(desk.name, 486, desk.now)
    desk.collect()
    assert desk.last.status == 486
    other = Desk()
    other.phone("INVITE", sdp=ANSWER)
    other.advance(61.0)
    assert 480 in [response.status for response in other.responses()]
    assert other.of(Failed)[0].disposition is Disposition.CANCELLED
    other.assert_nothing_left()


@pytest.mark.parametrize(("user", "sdp", "status"), [("7002", ANSWER, 403), ("7001", b"", 403), ("7001", b"x", 403)])
def test_all_else_is_refused_and_never_offered(desk: Desk, user: str, sdp: bytes, status: int) -> None:
    desk.phone("INVITE", user=user, sdp=sdp)
    assert desk.last.status == status
    assert desk.of(Incoming) == []


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "INVITE", "INFO"])
def test_a_guessed_tag_changes_nothing(desk: Desk, method: str) -> None:
    desk.answered()
    before = len(desk.events)
    desk.phone(method, cseq=5, to_tag="guess", sdp=HOLD if method == "INVITE" else b"")
    assert desk.last.status == 481
    assert len(desk.events) == before


def test_a_closed_agent_tells_of_every_call(desk: Desk) -> None:
    desk.phone("INVITE", sdp=ANSWER)
    desk.agent.clear()
    desk.collect()
    assert len(desk.of(Failed)) == 1
