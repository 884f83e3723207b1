"""The four transaction machines against the timers of RFC 3261 table 4, over UDP and over a reliable transport."""

from __future__ import annotations

import pytest

from mediaserver.switch.sip.client import CLIENT_INVITE, CLIENT_OTHER
from mediaserver.switch.sip.layer import TransactionLayer
from mediaserver.switch.sip.message import Headers, Request, Response
from mediaserver.switch.sip.responses import make_response
from mediaserver.switch.sip.server import SERVER_INVITE, SERVER_OTHER, ServerTransaction
from mediaserver.switch.sip.timers import TimerQueue, Timings
from mediaserver.switch.sip.transaction import Address, Input, State, Table

UDP = Address("127.0.0.1", 6000)
TCP = Address("127.0.0.1", 6000, "tcp")


class Rig:
    """A layer whose user writes down what it is told, and a clock."""

    def __init__(self) -> None:
        self.timers = TimerQueue()
        self.layer = TransactionLayer(self, self.note_sent, Timings(), self.timers)
        self.sent: list[tuple[float, str]] = []
        self.told: list[object] = []
        self.now = 0.0

    def note_sent(self, data: bytes, destination: Address, owner: str | None, label: str) -> None:
        self.sent.append((self.now, label))

    def on_response(self, transaction: object, response: Response, now: float) -> None:
        self.told.append(response.status)

    def on_no_reply(self, transaction: object, now: float) -> None:
        self.told.append("no reply")

    def on_transport_error(self, transaction: object, now: float) -> None:
        self.told.append("transport error")

    def on_request(self, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None:
        self.told.append(request.method)
        self.server = transaction

    def on_ack(self, request: Request, source: Address, now: float) -> None:
        self.told.append("ack")

    def until(self, end: float) -> None:
        while (due := self.timers.next()) is not None and due <= end:
            self.now = max(self.now, due)
            self.timers.run(self.now, 1)
        self.now = end

    def times(self, label: str) -> list[float]:
        return [at for at, sent in self.sent if sent == label]


def request(method: str, branch: str = "z9hG4bK-one", cseq_method: str = "") -> Request:
    return Request(
        method,
        "sip:far@127.0.0.1",
        Headers(
            [
                ("Via", f"SIP/2.0/UDP 127.0.0.1:5080;branch={branch};rport"),
                ("From", "<sip:near@127.0.0.1>;tag=n"),
                ("To", "<sip:far@127.0.0.1>"),
                ("Call-ID", "c"),
                ("CSeq", f"1 {cseq_method or method}"),
            ]
        ),
    )


def response(given: Request, status: int) -> Response:
    made = make_response(given, 200, UDP, to_tag="f")
    return Response(status, "x", made.headers)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_invite_is_repeated_by_timer_a_and_given_up_by_timer_b(rig: Rig) -> None:
    rig.layer.request(request("INVITE"), UDP, None, 0.0)
    rig.until(31.9)
    assert rig.times("INVITE again") == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert rig.told == []
    rig.until(32.0)
    assert rig.told == ["no reply"]
    assert (len(rig.layer), len(rig.timers)) == (0, 0)


def test_over_a_reliable_transport_nothing_is_repeated_but_timer_b_stays(rig: Rig) -> None:
    rig.layer.request(request("INVITE"), TCP, None, 0.0)
    rig.until(32.0)
    assert rig.sent == [(0.0, "INVITE")]
    assert rig.told == ["no reply"]


@pytest.mark.parametrize(("peer", "lingers"), [(UDP, 32.0), (TCP, 0.0)])
def test_timer_d_keeps_a_refused_invite_to_acknowledge_repetitions(rig: Rig, peer: Address, lingers: float) -> None:
    invite = request("INVITE")
    rig.layer.request(invite, peer, None, 0.0)
    rig.layer.receive_response(response(invite, 486), 0.0)
    rig.layer.receive_response(response(invite, 486), 0.0)
    assert rig.times("ACK") == [0.0, 0.0]
    assert rig.told == [486]
    rig.until(lingers - 0.1)
    assert len(rig.layer) == (1 if lingers else len(rig.layer))
    rig.until(lingers)
    assert (len(rig.layer), len(rig.timers)) == (0, 0)


@pytest.mark.parametrize("peer", [UDP, TCP])
def test_timer_m_keeps_an_accepted_invite_for_repeated_200s(rig: Rig, peer: Address) -> None:
    invite = request("INVITE")
    rig.layer.request(invite, peer, None, 0.0)
    rig.layer.receive_response(response(invite, 200), 0.0)
    rig.until(31.0)
    rig.layer.receive_response(response(invite, 200), 31.0)
    rig.layer.receive_response(response(invite, 486), 31.0)
    assert rig.told == [200, 200]
    rig.until(32.0)
    assert len(rig.layer) == 0
    rig.layer.receive_response(response(invite, 200), 32.0)
    assert rig.told == [200, 200]


def test_other_requests_are_repeated_by_timer_e_up_to_t2_and_given_up_by_timer_f(rig: Rig) -> None:
    rig.layer.request(request("BYE"), UDP, None, 0.0)
    rig.until(32.0)
    assert rig.times("BYE again") == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert rig.told == ["no reply"]
    assert (len(rig.layer), len(rig.timers)) == (0, 0)


def test_a_provisional_response_slows_timer_e_to_t2_but_timer_f_stays(rig: Rig) -> None:
    bye = request("BYE")
    rig.layer.request(bye, UDP, None, 0.0)
    rig.layer.receive_response(response(bye, 100), 0.1)
    rig.until(32.0)
    assert rig.times("BYE again") == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert rig.told == [100, "no reply"]


@pytest.mark.parametrize(("peer", "lingers"), [(UDP, 5.0), (TCP, 0.0)])
def test_timer_k_absorbs_repeated_answers(rig: Rig, peer: Address, lingers: float) -> None:
    bye = request("BYE")
    rig.layer.request(bye, peer, None, 0.0)
    rig.layer.receive_response(response(bye, 200), 0.0)
    rig.layer.receive_response(response(bye, 200), 0.0)
    assert rig.told == [200]
    rig.until(lingers)
    assert (len(rig.layer), len(rig.timers)) == (0, 0)


def test_a_refusal_is_repeated_by_timer_g_and_given_up_by_timer_h(rig: Rig) -> None:
    rig.layer.receive_request(request("INVITE"), UDP, 0.0)
    rig.server.respond(response(request("INVITE"), 403), 0.0)
    rig.until(32.0)
    assert rig.times("403 x") == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert (len(rig.layer), len(rig.timers)) == (0, 0)


@pytest.mark.parametrize(("peer", "lingers"), [(UDP, 5.0), (TCP, 0.0)])
def test_timer_i_absorbs_repeated_acks(rig: Rig, peer: Address, lingers: float) -> None:
    rig.layer.receive_request(request("INVITE"), peer, 0.0)
    rig.server.respond(response(request("INVITE"), 403), 0.0)
    rig.layer.receive_request(request("ACK"), peer, 0.0)
    assert rig.server.state is State.CONFIRMED
    rig.until(lingers)
    assert rig.told == ["INVITE"]
    assert len(rig.times("403 x")) == 1
    assert (len(rig.layer), len(rig.timers)) == (0, 0)


def test_timer_j_repeats_the_answer_to_repeated_requests(rig: Rig) -> None:
    bye = request("BYE")
    rig.layer.receive_request(bye, UDP, 0.0)
    rig.layer.receive_request(bye, UDP, 0.0)
    assert rig.sent == []
    rig.server.respond(response(bye, 200), 0.0)
    rig.layer.receive_request(bye, UDP, 1.0)
    assert len(rig.sent) == 2
    assert rig.told == ["BYE"]
    rig.until(32.0)
    assert (len(rig.layer), len(rig.timers)) == (0, 0)


def test_timer_l_keeps_an_accepted_server_invite_silent(rig: Rig) -> None:
    invite = request("INVITE")
    rig.layer.receive_request(invite, UDP, 0.0)
    rig.server.respond(response(invite, 200), 0.0)
    rig.layer.receive_request(invite, UDP, 1.0)
    assert len(rig.sent) == 1
    rig.layer.receive_request(request("ACK"), UDP, 1.0)
    assert rig.told == ["INVITE", "ack"]
    rig.until(32.0)
    assert len(rig.layer) == 0


def test_requests_of_rfc_2543_are_matched_without_a_branch(rig: Rig) -> None:
    old = request("INVITE", branch="1")
    rig.layer.receive_request(old, UDP, 0.0)
    rig.server.respond(response(old, 486), 0.0)
    rig.layer.receive_request(old, UDP, 0.1)
    rig.layer.receive_request(request("ACK", branch="1"), UDP, 0.1)
    assert rig.told == ["INVITE"]
    assert rig.server.state is State.CONFIRMED


TABLES: list[Table] = [CLIENT_INVITE, CLIENT_OTHER, SERVER_INVITE, SERVER_OTHER]


@pytest.mark.parametrize("table", TABLES)
def test_every_state_can_end_and_nothing_leaves_terminated(table: Table) -> None:
    assert all(state is not State.TERMINATED for state, _ in table)
    reaches = {state: {step.state for (origin, _), step in table.items() if origin is state} for state, _ in table}
    for state in reaches:
        seen, front = {state}, [state]
        while front:
            fresh = reaches.get(front.pop(), set()) - seen
            seen |= fresh
            front += fresh
        assert State.TERMINATED in seen


@pytest.mark.parametrize("given", list(Input))
def test_an_input_without_a_row_is_absorbed(rig: Rig, given: Input) -> None:
    invite = rig.layer.request(request("INVITE"), UDP, None, 0.0)
    rig.layer.receive_response(response(invite.request, 486), 0.0)
    state, sent = invite.state, list(rig.sent)
    if (state, given) not in CLIENT_INVITE:
        assert not invite.feed(given, 0.0)
        assert (invite.state, rig.sent) == (state, sent)


def test_a_moved_or_cancelled_deadline_never_fires() -> None:
    timers = TimerQueue()
    fired: list[str] = []
    timers.set("a", 1.0, lambda now: fired.append("early"))
    timers.set("a", 2.0, lambda now: fired.append("late"))
    timers.set("b", 1.5, lambda now: fired.append("cancelled"))
    timers.cancel("b")
    assert timers.next() == 2.0
    timers.run(5.0, 10)
    assert fired == ["late"]
    assert (timers.next(), len(timers)) == (None, 0)


def test_cancelled_deadlines_take_no_room_for_long() -> None:
    timers = TimerQueue()
    for number in range(10_000):
        timers.set(number, 1000.0, lambda now: None)
        timers.cancel(number)
    assert len(timers._heap) < 200


def test_one_run_serves_no_more_than_its_limit() -> None:
    timers = TimerQueue()
    fired: list[float] = []
    for number in range(5):
        timers.set(number, 1.0, fired.append)
    timers.run(1.0, 3)
    assert len(fired) == 3
    assert timers.next() == 1.0
