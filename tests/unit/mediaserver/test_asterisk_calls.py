"""The calls of the asterisk line without Asterisk: what it would say goes in, what it is told comes out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.control import Disposition
from mediaserver.lines.asterisk_calls import AriCalls, MediaAt, Order, Over, Stage, Wish
from mediaserver.lines.base import Answered, Failed, Key, Ladder, Ringing

CHANNEL, MEDIA = "app-c1", "app-c1-media"
WISH = Wish(
    call="c1",
    trunk="t1",
    endpoint={"allow": "ulaw"},
    auth={},
    uri="sip:+15550101034@127.0.0.1",
    variables={},
    media="127.0.0.1:4000",
    ring_timeout=20.0,
)
WHERE = {"channelvars": {"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1", "UNICASTRTP_LOCAL_PORT": "16000"}}


class Bench:
    def __init__(self) -> None:
        self.calls = AriCalls("app")
        self.now = 100.0
        self.reports: list[Any] = []
        self.waiting: list[Order] = []
        self.told: list[Order] = []

    def collect(self) -> None:
        for order in self.calls.orders():
            (self.told if order.stage is None else self.waiting).append(order)
        self.reports += [report for report in self.calls.reports() if not isinstance(report, Ladder)]

    def place(self, **changes: Any) -> None:
        self.calls.place(Wish(**{**{name: getattr(WISH, name) for name in Wish.__slots__}, **changes}), self.now)
        self.collect()

    def answer(self, status: int = 200, body: Any = None) -> Order:
        order = self.waiting.pop(0)
        body = WHERE if body is None and order.stage is Stage.MEDIA else body
        self.calls.answered(order, status, body, self.now)
        self.collect()
        return order

    def hear(self, kind: str, channel: str = CHANNEL, **more: Any) -> None:
        role = "peer" if kind == "Dial" else "channel"
        state = {"state": more.pop("state", "Down")}
        self.calls.receive({"type": kind, role: {"id": channel, **state}, **more}, self.now)
        self.collect()

    def enter(self) -> None:
        self.hear("StasisStart")
        self.hear("StasisStart", MEDIA)

    def dialled(self, **changes: Any) -> None:
        self.place(**changes)
        self.enter()
        while self.waiting:
            self.answer()

    def up(self) -> None:
        self.dialled()
        self.hear("Dial", dialstatus="ANSWER")

    def hang_up(self) -> None:
        self.calls.hang_up("c1", self.now)
        self.collect()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.calls.handle_timer(self.now)
        self.collect()

    def removed(self) -> list[str]:
        return [order.path for order in self.told if order.method == "DELETE"]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_call_is_prepared_one_order_after_the_other_and_then_dialled(bench: Bench) -> None:
    bench.place(auth={"username": "u"})
    bench.enter()
    seen = []
    while bench.waiting:
        seen.append(bench.answer().stage)
    assert seen == list(Stage)
    assert bench.reports == [MediaAt("c1", "127.0.0.1", 16000)]


def test_a_known_trunk_is_not_made_again_until_asterisk_is_another(bench: Bench) -> None:
    bench.up()
    bench.hear("ChannelDestroyed", cause=16)
    bench.place()
    assert bench.waiting[0].stage is Stage.CHANNEL
    bench.hang_up()
    bench.answer()
    bench.calls.connected(bench.now)
    bench.place()
    assert bench.waiting[0].stage is Stage.TRUNK


def test_the_channels_are_not_joined_before_both_are_ours(bench: Bench) -> None:
    bench.place()
    bench.hear("StasisStart")
    while bench.waiting:
        last = bench.answer()
    assert last.stage is Stage.BRIDGE
    bench.hear("StasisStart", MEDIA)
    assert bench.waiting[0].stage is Stage.JOIN


def test_ringing_is_told_once_and_the_answer_once(bench: Bench) -> None:
    bench.dialled()
    for status in ("", "PROGRESS", "RINGING", "ANSWER"):
        bench.hear("Dial", dialstatus=status)
    bench.hear("ChannelStateChange", state="Up")
    assert bench.reports[1:] == [Ringing("c1", 183), Answered("c1")]


@pytest.mark.parametrize(
    ("end", "disposition", "status"),
    [
        ({"cause": 17, "tech_cause": 486}, Disposition.REFUSED, 486),
        ({"cause": 127, "tech_cause": 608}, Disposition.REFUSED, 608),
        ({"cause": 17}, Disposition.REFUSED, 486),
        ({"cause": 1}, Disposition.REFUSED, 404),
        ({"cause": 16, "tech_cause": 407}, Disposition.AUTH_FAILED, 407),
        ({"cause": 18, "tech_cause": 408}, Disposition.NO_REPLY, None),
        ({"cause": 16}, Disposition.TRANSPORT_ERROR, None),
    ],
)
def test_what_ended_it_becomes_disposition_and_status(
    bench: Bench, end: dict[str, int], disposition: Disposition, status: int | None
) -> None:
    bench.dialled()
    bench.hear("ChannelDestroyed", cause_txt="why", **end)
    failed = bench.reports[-1]
    assert isinstance(failed, Failed)
    assert (failed.disposition, failed.sip_status, failed.reason) == (disposition, status, "why")
    assert len(bench.removed()) == 3
    assert len(bench.calls) == 0


def test_a_refusal_that_overtakes_the_answer_to_dial_is_that_refusal(bench: Bench) -> None:
    bench.place()
    bench.enter()
    while bench.waiting[0].stage is not Stage.DIAL:
        bench.answer()
    bench.answer(404, {"message": "Channel not found"})
    bench.hear("ChannelDestroyed", cause=127, cause_txt="Interworking", tech_cause=608)
    assert (bench.reports[-1].disposition, bench.reports[-1].sip_status) == (Disposition.REFUSED, 608)


def test_an_answered_call_ends_by_the_far_end_or_by_us(bench: Bench) -> None:
    bench.up()
    bench.hear("ChannelDtmfReceived", digit="5")
    bench.hear("ChannelDestroyed", cause=16)
    assert bench.reports[-2] == Key("c1", "5")
    assert isinstance(bench.reports[-1], Over)
    assert bench.reports[-1].by_far_end
    bench.up()
    bench.hang_up()
    assert f"/channels/{CHANNEL}" in bench.removed()
    bench.hear("ChannelDestroyed", cause=16)
    assert not bench.reports[-1].by_far_end


def test_the_ring_timer_cancels_and_a_silent_asterisk_is_given_up(bench: Bench) -> None:
    bench.dialled()
    bench.advance(20.0)
    assert bench.removed() == [f"/channels/{CHANNEL}"]
    bench.advance(10.0)
    assert bench.reports[-1].disposition is Disposition.RING_TIMEOUT
    assert bench.calls.next_timer() is None


def test_what_an_order_made_for_a_call_given_up_meanwhile_is_removed(bench: Bench) -> None:
    bench.place(trunk="t2")
    bench.answer()
    bench.hang_up()
    assert bench.removed() == []
    bench.answer()
    assert bench.removed() == [f"/channels/{CHANNEL}"]
    assert bench.reports[-1].disposition is Disposition.CANCELLED


def test_an_asterisk_that_refuses_is_named_in_the_reason(bench: Bench) -> None:
    bench.place()
    bench.answer(400, {"message": "no such module"})
    assert bench.reports[-1].disposition is Disposition.NOT_ADMITTED
    assert "trunk: 400 no such module" in bench.reports[-1].reason


def test_calls_that_asterisk_lost_while_it_was_away_are_over(bench: Bench) -> None:
    bench.up()
    bench.calls.connected(bench.now)
    bench.collect()
    bench.answer(404, {"message": "Channel not found"})
    assert isinstance(bench.reports[-1], Over)


EVENTS = st.sampled_from(
    [
        {"type": "StasisStart", "channel": {"id": CHANNEL}},
        {"type": "StasisStart", "channel": {"id": MEDIA}},
        {"type": "Dial", "peer": {"id": CHANNEL}, "dialstatus": "RINGING"},
        {"type": "Dial", "peer": {"id": CHANNEL}, "dialstatus": "ANSWER"},
        {"type": "ChannelDestroyed", "channel": {"id": CHANNEL}, "cause": 16},
        {"type": "ChannelDestroyed", "channel": {"id": CHANNEL}},
        {"type": "ChannelStateChange", "channel": None},
        {"nonsense": 1},
    ]
)
WISHES = st.sampled_from(["hang up", "ok", "refused", "later", "again"])


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS | WISHES, max_size=20))
def test_every_call_ends_exactly_once_whatever_comes_in_whatever_order(steps: list[Any]) -> None:
    bench = Bench()
    bench.place()
    for step in steps:
        match step:
            case "hang up":
                bench.hang_up()
            case "ok" | "refused" if bench.waiting:
                bench.answer(200 if step == "ok" else 500)
            case "later":
                bench.advance(11.0)
            case "again":
                bench.calls.connected(bench.now)
            case dict():
                bench.calls.receive(step, bench.now)
        bench.collect()
    bench.calls.abandon(bench.now)
    bench.collect()
    assert sum(isinstance(report, Failed | Over) for report in bench.reports) == 1
    assert len(bench.calls) == 0
    assert bench.calls.next_timer() is None
