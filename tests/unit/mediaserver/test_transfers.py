"""Transfers asked for by scripts: where they may lead, how each kind goes, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from common.control import CallRequest, Disposition, RtpStats, Trunk
from common.conversation import Part
from common.errors import ContractError
from mediaserver import wire
from mediaserver.lines import base
from mediaserver.switch.destinations import BadDestination, NotAllowed, Reach
from mediaserver.switch.hearing import Member
from mediaserver.switch.live import LiveCall
from mediaserver.switch.transfers import GONE, Transfers, transfer_kinds

TRUNK = Trunk("sip.example.com", transfers=("+1555", "agents.example.com"))


# --- where it may lead


@pytest.mark.parametrize(
    ("destination", "to", "uri"),
    [
        ("tel:+1-555-0100", "+15550100", "sip:+15550100@sip.example.com"),
        ("TEL:+15550100;ext=7", "+15550100", "sip:+15550100@sip.example.com"),
        ("sip:+15550100@sip.example.com:5070;transport=tcp", "+15550100", "sip:+15550100@sip.example.com"),
        ("sip:ann@agents.example.com;x=1", "sip:ann@agents.example.com", "sip:ann@agents.example.com"),
    ],
)
def test_what_the_trunk_names_is_reached(destination: str, to: str, uri: str) -> None:
    assert Reach.of(destination, TRUNK) == Reach(to, uri)


@pytest.mark.parametrize("destination", ["tel:+19005550100", "sip:x@elsewhere.example.com", "sip:x@sip.example.com"])
def test_what_the_trunk_does_not_name_is_refused(destination: str) -> None:
    with pytest.raises(NotAllowed):
        Reach.of(destination, TRUNK)


def test_a_trunk_that_names_nothing_allows_nothing() -> None:
    with pytest.raises(NotAllowed):
        Reach.of("tel:+15550100", Trunk("sip.example.com"))


@pytest.mark.parametrize(
    "destination", ["tel:", "tel:abc", "sip:", "sip:a b@x", "sip:x@y\r\nVia: z", "sip:x@agents.example.com?Replaces=1"]
)
def test_what_is_no_address_is_refused(destination: str) -> None:
    with pytest.raises(BadDestination):
        Reach.of(destination, TRUNK)


# --- how it goes


class FakeConversation:
    def __init__(self) -> None:
        self.inside: list[Member] = []
        self.closed = False

    def join(self, member: Member) -> None:
        self.inside.append(member)

    def close(self) -> None:
        self.closed = True


class FakeLine:
    capabilities = frozenset(base.Capability)

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.conversations: list[FakeConversation] = []

    def place(self, call: base.Place) -> None:
        self.asked.append(("place", call.call, call.to, str(call.ring_timeout)))

    def hang_up(self, call: str) -> None:
        self.asked.append(("hang_up", call))

    def stop_play(self, call: str) -> None:
        self.asked.append(("stop_play", call))

    def transfer(self, call: str, target: str) -> None:
        self.asked.append(("transfer", call, target))

    def conversation(self) -> Any:
        self.conversations.append(FakeConversation())
        return self.conversations[-1]


class Told(LiveCall):
    def __init__(self, line: Any) -> None:
        super().__init__(CallRequest("a1", "+15550107777", "+15550100000", TRUNK), "boot", line)
        self.told: list[wire.Message] = []

    def tell(self, message: wire.Message) -> None:
        self.told.append(message)


class Bench:
    def __init__(self) -> None:
        self.line = FakeLine()
        self.call = Told(self.line)
        self.notes: list[str] = []
        self.room = True
        self.counted: list[str] = []
        self.transfers = Transfers(lambda: self.room, lambda _, text: self.notes.append(text), self.counted.append)

    def ask(self, kind: str, destination: str = "tel:+15550100", **more: float) -> None:
        asked = {"connect_timeout": 0.0, "max_seconds": 0.0, **more}
        self.transfers.begin(self.call, wire.Transfer("a1", 4, kind, destination, **asked))

    def say(self, event: base.LineEvent) -> None:
        assert self.transfers.hear(event)

    def over(self, by_far_end: bool) -> None:
        self.say(base.HungUp("a1~4", by_far_end, RtpStats()))

    @property
    def outcomes(self) -> list[str]:
        return [message.outcome for message in self.call.told if isinstance(message, wire.Transferred)]


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    yield Bench()


@pytest.mark.asyncio
async def test_a_bridge_joins_both_and_gives_the_caller_back(bench: Bench) -> None:
    bench.ask("bridge", connect_timeout=12.0)
    bench.say(base.Ringing("a1~4", 180))
    bench.say(base.Answered("a1~4"))
    assert bench.line.asked == [("place", "a1~4", "+15550100", "12.0"), ("stop_play", "a1")]
    assert bench.line.conversations[0].inside == [Member("a1", Part.CUSTOMER), Member("a1~4", Part.OTHER)]
    assert (bench.transfers.legs, bench.outcomes) == (1, [])

    bench.over(by_far_end=True)
    assert (bench.transfers.legs, bench.outcomes) == (0, ["far_end_disconnect"])
    assert bench.line.conversations[0].closed


@pytest.mark.asyncio
async def test_the_script_can_take_the_caller_back_and_the_time_can_run_out(bench: Bench) -> None:
    bench.ask("bridge", max_seconds=0.001)
    bench.say(base.Answered("a1~4"))
    await asyncio.sleep(0.02)
    assert bench.line.asked[-1] == ("hang_up", "a1~4")
    bench.over(by_far_end=False)
    bench.ask("bridge")
    bench.say(base.Answered("a1~4"))
    bench.transfers.end(bench.call)
    bench.over(by_far_end=False)

    assert bench.outcomes == ["maxtime_disconnect", "near_end_disconnect"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("disposition", "status", "outcome"),
    [
        (Disposition.REFUSED, 486, "busy"),
        (Disposition.REFUSED, 480, "noanswer"),
        (Disposition.RING_TIMEOUT, 487, "noanswer"),
        (Disposition.REFUSED, 503, "network_busy"),
        (Disposition.REFUSED, 404, "error.connection.baddestination"),
        (Disposition.AUTH_FAILED, 407, "error.connection.noauthorization"),
        (Disposition.NO_REPLY, None, "error.connection.noroute"),
        (Disposition.NOT_ADMITTED, None, "error.noresource"),
        (Disposition.REFUSED, 399, "unknown"),
    ],
)
async def test_an_unanswered_destination_is_told_in_the_script_s_words(
    bench: Bench, disposition: Disposition, status: int | None, outcome: str
) -> None:
    bench.ask("bridge")
    bench.say(base.Failed("a1~4", disposition, status, "", False))

    assert (bench.outcomes, bench.transfers.legs) == ([outcome], 0)


@pytest.mark.asyncio
async def test_a_consultation_goes_on_without_the_script(bench: Bench) -> None:
    bench.ask("consultation")
    assert not bench.transfers.hands_over(bench.call)
    bench.say(base.Answered("a1~4"))
    assert (bench.outcomes, bench.transfers.hands_over(bench.call)) == ([GONE], True)

    bench.over(by_far_end=True)
    assert bench.line.asked[-1] == ("hang_up", "a1")
    assert bench.outcomes == [GONE]


@pytest.mark.asyncio
async def test_whoever_was_called_is_let_go_when_the_caller_hangs_up(bench: Bench) -> None:
    for kind in ("bridge", "consultation"):
        bench.ask(kind)
        bench.say(base.Answered("a1~4"))
        bench.transfers.abandon(bench.call)
        assert bench.line.asked[-1] == ("hang_up", "a1~4")
        told = len(bench.outcomes)
        bench.over(by_far_end=False)
        assert len(bench.outcomes) == told
    assert all(conversation.closed for conversation in bench.line.conversations)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, GONE), (404, "error.connection.baddestination"), (501, "error.unsupported.transfer.blind"), (486, "busy")],
)
async def test_a_blind_transfer_is_the_far_end_s(bench: Bench, status: int, outcome: str) -> None:
    bench.ask("blind")
    assert bench.line.asked == [("transfer", "a1", "sip:+15550100@sip.example.com")]
    bench.say(base.Transferred("a1", status))

    assert bench.outcomes == [outcome]
    assert (("hang_up", "a1") in bench.line.asked) == (status == 200)


@pytest.mark.asyncio
async def test_refusals_cost_no_call_and_say_why(bench: Bench) -> None:
    bench.ask("bridge", "tel:+19005550100")
    bench.ask("bridge", "tel:x")
    bench.room = False
    bench.ask("bridge")

    assert bench.outcomes == [
        "error.connection.noauthorization",
        "error.connection.baddestination",
        "error.noresource",
    ]
    assert bench.line.asked == []
    assert "does not allow transfers" in bench.notes[0]


@pytest.mark.asyncio
async def test_a_line_that_cannot_join_calls_lets_the_destination_go(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ContractError("no room")

    monkeypatch.setattr(bench.line, "conversation", fail)
    bench.ask("bridge")
    bench.say(base.Answered("a1~4"))
    bench.over(by_far_end=False)

    assert bench.outcomes == ["error.noresource"]


def test_other_calls_events_are_not_taken() -> None:
    assert not Bench().transfers.hear(base.Answered("a1"))


def test_a_line_offers_what_it_can_do() -> None:
    line = FakeLine()
    assert transfer_kinds(line) == ("blind", "bridge", "consultation")
    line.capabilities = frozenset()
    assert transfer_kinds(line) == ()
