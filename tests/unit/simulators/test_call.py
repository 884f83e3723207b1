"""The called party's side of a call, driven by packets in virtual time."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import cast

import pytest

from common.clock import VirtualClock
from simulators.carrier.behaviour import Behaviour
from simulators.carrier.call import TRANSITIONS, Call, Input, State
from simulators.carrier.media import Media
from simulators.carrier.message import Address, Message, parse
from simulators.carrier.population import SUFFIXES
from simulators.carrier.timers import Timers

CALLER = ("127.0.0.1", 5080)
OFFER = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"


class _Socket:
    def getsockname(self) -> Address:
        return ("127.0.0.1", 30000)

    def recvmsg(self, *_: int) -> None:
        raise BlockingIOError

    def sendto(self, *_: object) -> None: ...

    def close(self) -> None: ...


class FakeCarrier:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.timers = Timers(self.clock.monotonic)
        self.chance = random.Random(3)
        self.sent: list[Message] = []
        self.ended: list[str] = []

    def send(self, packet: bytes, to: Address) -> None:
        assert to == CALLER
        received = parse(packet)
        assert received is not None
        self.sent.append(received)

    def via(self) -> str:
        return "127.0.0.1:5060"

    def contact(self) -> str:
        return "sip:carrier@127.0.0.1:5060"

    def open_media(self, call: Call, remote: Address, codec: int, event_type: int | None) -> Media:
        sock = cast(socket.socket, _Socket())
        return Media(sock, remote, codec, event_type, loss=0, send_silence=True, chance=self.chance)

    def answered(self, call: Call) -> None: ...

    def over(self, call: Call) -> None:
        self.ended.append(call.outcome)

    def forget(self, call: Call) -> None:
        self.ended.append("forgotten")

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.clock.advance(0.02)
            self.timers.run()

    def statuses(self) -> list[int]:
        return [item.status for item in self.sent if item.status]


def request(method: str, *, cseq: int = 1, to_tag: str = "", body: str = "") -> Message:
    to = "<sip:+12125550100@127.0.0.1>" + (f";tag={to_tag}" if to_tag else "")
    headers = (
        ("via", "SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK1;rport"),
        ("from", "<sip:clarion@127.0.0.1>;tag=f"),
        ("to", to),
        ("call-id", "c1"),
        ("cseq", f"{cseq} {method}"),
        ("contact", "<sip:clarion@127.0.0.1:5080>"),
    )
    return Message(headers, body, method=method, uri="sip:+12125550100@127.0.0.1")


Start = Callable[[Behaviour], tuple[FakeCarrier, Call]]


@pytest.fixture
def start() -> Start:
    def place(behaviour: Behaviour) -> tuple[FakeCarrier, Call]:
        carrier = FakeCarrier()
        call = Call(carrier, request("INVITE", body=OFFER), CALLER, behaviour, attempt="a1")
        call.start()
        return carrier, call

    return place


def test_an_answered_call_is_confirmed_and_ended_by_the_caller(start: Start) -> None:
    carrier, call = start(Behaviour("x", delay=1.0))
    assert carrier.statuses() == [180]
    carrier.advance(1.1)
    assert carrier.statuses() == [180, 200]
    call.on_ack(request("ACK"))
    carrier.advance(5)
    assert carrier.statuses() == [180, 200]
    call.on_bye(request("BYE", cseq=2))
    assert carrier.statuses()[-1] == 200
    assert (call.state, carrier.ended) == (State.OVER, ["caller hung up"])
    call.on_bye(request("BYE", cseq=2))
    assert len(carrier.statuses()) == 4
    carrier.advance(33)
    assert carrier.ended == ["caller hung up", "forgotten"]
    assert len(carrier.timers) == 0


@pytest.mark.parametrize("suffix", ["01", "03", "04", "05", "06", "09", "20", "22", "27", "39"])
def test_a_refusal_is_repeated_until_its_ack(start: Start, suffix: str) -> None:
    behaviour = SUFFIXES[suffix]
    carrier, call = start(behaviour)
    carrier.advance(behaviour.delay + 1.6)
    assert carrier.statuses().count(behaviour.final) == 3
    call.on_ack(request("ACK"))
    carrier.advance(10)
    assert carrier.statuses().count(behaviour.final) == 3
    assert carrier.ended == [str(behaviour.final)]


def test_ringing_out_ends_with_cancel(start: Start) -> None:
    carrier, call = start(SUFFIXES["02"])
    carrier.advance(120)
    assert set(carrier.statuses()) == {180}
    call.on_cancel(request("CANCEL"))
    assert carrier.statuses()[-2:] == [200, 487]
    call.on_ack(request("ACK"))
    assert carrier.ended == ["cancelled"]


def test_a_cancel_after_the_answer_changes_nothing(start: Start) -> None:
    carrier, call = start(Behaviour("x"))
    call.on_cancel(request("CANCEL"))
    assert call.state is State.ACCEPTED
    assert carrier.statuses() == [180, 200, 200]


def test_a_repeated_invite_gets_the_last_answer_again(start: Start) -> None:
    carrier, call = start(SUFFIXES["02"])
    call.on_invite_again()
    assert carrier.statuses() == [180, 180]


def test_a_mute_number_never_answers(start: Start) -> None:
    carrier, call = start(SUFFIXES["07"])
    call.on_invite_again()
    call.on_cancel(request("CANCEL"))
    carrier.advance(40)
    assert carrier.sent == []
    assert carrier.ended == ["no reply"]


def test_the_200_comes_again_while_its_ack_is_lost(start: Start) -> None:
    carrier, call = start(Behaviour("x", provisional=0, lost_acks=1))
    call.on_ack(request("ACK"))
    carrier.advance(0.6)
    assert carrier.statuses() == [200, 200]
    call.on_ack(request("ACK"))
    carrier.advance(10)
    assert carrier.statuses() == [200, 200]


def test_without_any_ack_the_call_is_ended_with_bye(start: Start) -> None:
    carrier, call = start(Behaviour("x", provisional=0))
    carrier.advance(33)
    assert carrier.sent[-1].method == "BYE"
    assert call.outcome == "no ack"
    carrier.advance(70)
    assert carrier.ended[0] == "no ack"
    assert len(carrier.timers) == 0


def test_the_customer_hangs_up_with_a_repeated_bye(start: Start) -> None:
    carrier, call = start(Behaviour("x"))
    call.hang_up()
    assert call.state is State.ACCEPTED
    call.on_ack(request("ACK"))
    call.hang_up()
    carrier.advance(0.6)
    byes = [item for item in carrier.sent if item.method == "BYE"]
    assert len(byes) == 2
    assert byes[0].get("from") == f"<sip:+12125550100@127.0.0.1>;tag={call._tag}"
    call.on_response(Message((("cseq", "1 BYE"),), status=200))
    assert carrier.ended == ["customer hung up"]


def test_early_media_is_described_before_the_answer(start: Start) -> None:
    carrier, call = start(SUFFIXES["12"])
    assert carrier.statuses() == [183]
    assert "m=audio 30000" in carrier.sent[0].body
    assert call.media is not None
    assert call.media.mouth.busy


def test_no_codec_in_common_is_488() -> None:
    carrier = FakeCarrier()
    offer = "c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 18\r\n"
    call = Call(carrier, request("INVITE", body=offer), CALLER, Behaviour("x", provisional=0), attempt="")
    call.start()
    assert carrier.statuses() == [488]


def test_hold_by_the_caller_is_answered_and_stops_the_audio(start: Start) -> None:
    carrier, call = start(Behaviour("x", provisional=0))
    call.on_ack(request("ACK"))
    call.on_reinvite(request("INVITE", cseq=2, to_tag=call._tag, body=OFFER + "a=sendonly\r\n"))
    assert "a=recvonly" in carrier.sent[-1].body
    assert call.media is not None
    assert call.media.held
    call.on_reinvite(request("INVITE", cseq=3, to_tag=call._tag, body=OFFER))
    assert not call.media.held


def test_hold_by_the_customer_is_a_reinvite_with_its_ack(start: Start) -> None:
    carrier, call = start(Behaviour("x", provisional=0, reinvite=1.0))
    call.on_ack(request("ACK"))
    carrier.advance(1.1)
    assert carrier.sent[-1].method == "INVITE"
    assert "a=sendonly" in carrier.sent[-1].body
    call.on_response(Message((("cseq", "1 INVITE"),), status=200))
    assert carrier.sent[-1].method == "ACK"
    carrier.advance(2.1)
    assert "a=sendrecv" in carrier.sent[-1].body


def test_lost_sip_packets_are_lost_both_ways() -> None:
    carrier = FakeCarrier()
    call = Call(carrier, request("INVITE", body=OFFER), CALLER, Behaviour("x", final=0, sip_loss=0.5), attempt="")
    for _ in range(200):
        call.on_invite_again()
    call.start()
    for _ in range(200):
        call.on_invite_again()
    assert 60 < len(carrier.sent) < 140
    assert 60 < sum(call.loses_packet() for _ in range(200)) < 140


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(State)
    assert {cause for moves in TRANSITIONS.values() for cause in moves} == set(Input)
