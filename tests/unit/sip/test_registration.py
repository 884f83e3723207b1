"""REGISTER: refreshed in time, mended where that is possible, and left alone for a while where it is refused."""

from __future__ import annotations

import itertools

import pytest

from common.control import Trunk
from mediaserver.switch.sip.message import Request
from mediaserver.switch.sip.registration import Registrar, Registration, State
from tests.support.sip_bench import FAR, SipBench

TRUNK = Trunk("carrier.test", FAR.port, username="outreach", password="s3cret", register=True)
CHALLENGE = (("WWW-Authenticate", 'Digest realm="carrier.test", nonce="n1", qop="auth"'),)


class Desk:
    """A registration on the bench; `told` is what waiting calls heard."""

    def __init__(self) -> None:
        self.bench = SipBench()
        agent = self.bench.agent
        counter = itertools.count(1)
        registrar = Registrar(agent.loose, agent.timers, lambda: f"reg{next(counter):04d}")
        self.registration = Registration(registrar, TRUNK, FAR, agent.identity)
        self.told: list[str] = []

    def ask(self) -> None:
        self.registration.ask(self.told.append, self.bench.now)
        self.bench.collect()

    @property
    def sent(self) -> list[Request]:
        """Repetitions for want of an answer left out."""
        return list({request.cseq.number: request for request in self.bench.requests("REGISTER")}.values())

    def reply(self, status: int, *headers: tuple[str, str]) -> None:
        self.bench.reply(self.sent[-1], status, headers=headers, contact="")


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.ask()
    return desk


def test_the_first_call_registers_and_waits_for_it(desk: Desk) -> None:
    (register,) = desk.sent
    assert register.uri == "sip:carrier.test"
    assert register.headers.get("to") == "<sip:outreach@carrier.test>"
    assert register.headers.get("contact") == "<sip:clarion@127.0.0.1:5080>;expires=600"
    assert desk.told == []
    desk.reply(200)
    assert desk.told == [""]
    desk.ask()
    assert (desk.told, len(desk.sent)) == (["", ""], 1)


def test_a_challenge_is_answered_in_the_same_registration(desk: Desk) -> None:
    desk.reply(401, *CHALLENGE)
    first, second = desk.sent
    assert "Digest" in (second.headers.get("authorization") or "")
    assert (second.call_id, second.cseq.number) == (first.call_id, 2)
    desk.reply(200)
    assert desk.told == [""]


def test_it_is_refreshed_before_it_runs_out_with_what_was_granted(desk: Desk) -> None:
    desk.reply(200, ("Contact", "<sip:other@192.0.2.1>;expires=9, <sip:clarion@127.0.0.1:5080>;expires=120"))
    desk.bench.advance(87.0)
    assert len(desk.sent) == 1
    desk.bench.advance(1.5)
    assert len(desk.sent) == 2
    desk.reply(401, *CHALLENGE)
    desk.reply(200, ("Expires", "60"))
    desk.bench.advance(30.5)
    assert len(desk.sent) == 4


def test_calls_go_on_while_it_is_refreshed(desk: Desk) -> None:
    desk.reply(200)
    desk.bench.advance(569.0)
    desk.ask()
    assert desk.registration.state is State.REFRESHING
    assert desk.told == ["", ""]


def test_a_423_is_met_once(desk: Desk) -> None:
    desk.reply(423, ("Min-Expires", "3600"))
    assert (desk.sent[-1].headers.get("expires"), desk.told) == ("3600", [])
    desk.reply(423, ("Min-Expires", "3600"))
    assert desk.told == ["the trunk refused the registration: 423 Whatever"]


@pytest.mark.parametrize("status", [403, 404, 503, 500])
def test_a_refusal_is_told_and_not_asked_again_for_a_while(desk: Desk, status: int) -> None:
    desk.reply(status)
    for _ in range(50):
        desk.ask()
    assert len(desk.sent) == 1
    assert len(desk.told) == 51
    assert all(str(status) in problem for problem in desk.told)
    desk.bench.advance(31.0)
    assert len(desk.sent) == 2


def test_a_wrong_password_is_not_hammered(desk: Desk) -> None:
    for _ in range(3):
        while desk.registration.state is State.REGISTERING:
            desk.reply(401, *CHALLENGE)
        desk.bench.advance(5.0)
    assert len(desk.sent) == 2


def test_waits_double_up_to_half_an_hour_and_retry_after_is_heeded(desk: Desk) -> None:
    desk.reply(503, ("Retry-After", "100"))
    desk.bench.advance(99.0)
    assert len(desk.sent) == 1
    for _ in range(30):
        desk.ask()
        desk.bench.advance(2.0)
        if desk.registration.state is State.REGISTERING:
            desk.reply(403)
        desk.bench.advance(1900.0)
    # A day's worth of refusals is some dozens of REGISTERs.
    assert len(desk.sent) <= 40


def test_a_registration_no_call_asks_for_runs_out_and_comes_back_with_the_next_call(desk: Desk) -> None:
    desk.reply(200)
    while desk.registration.state is not State.IDLE:
        desk.bench.advance(100.0)
        if desk.registration.state is State.REFRESHING:
            desk.reply(200)
    sent = len(desk.sent)
    assert 6 <= sent <= 8
    desk.bench.advance(10_000.0)
    assert len(desk.sent) == sent
    desk.ask()
    desk.reply(200)
    assert desk.told == ["", ""]


def test_silence_is_a_refusal(desk: Desk) -> None:
    desk.bench.advance(33.0)
    assert desk.told == ["the trunk refused the registration: no answer"]
    desk.registration.stop()


def test_stopped_it_leaves_no_timer(desk: Desk) -> None:
    desk.reply(200)
    desk.registration.stop()
    desk.bench.assert_nothing_left()
