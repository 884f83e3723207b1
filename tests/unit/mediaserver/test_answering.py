"""What follows from who answered, with the classification process and the switchboard in memory."""

from __future__ import annotations

from typing import Any, cast

import pytest

from common.classification import AnswerRules, Mode, OnMachine
from common.clock import VirtualClock
from common.control import CallRequest, Trunk
from common.errors import Refused
from mediaserver import wire
from mediaserver.lines import base
from mediaserver.switch.answering import Answering
from mediaserver.switch.classifying import Classification
from mediaserver.switch.live import LiveCall


class Line:
    def __init__(self, *capabilities: base.Capability) -> None:
        self.capabilities = frozenset(capabilities)
        self.listening: list[bool] = []

    def listen(self, call: str, on: bool) -> None:
        self.listening.append(on)


class Told(Classification):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[wire.Message | wire.Audio] = []

    def send(self, frame: bytes) -> None:
        self.told += wire.Decoder().feed(frame)


class Bench:
    """One call; `did` is what the switchboard was asked for it."""

    def __init__(self, mode: Mode, on_machine: OnMachine = OnMachine.HANG_UP) -> None:
        request = CallRequest("a1", "+4930123456", "", Trunk("127.0.0.1"), answer=AnswerRules(mode, on_machine))
        self.line, self.clock, self.process = Line(base.Capability.LISTEN), VirtualClock(), Told()
        self.call = LiveCall(request, "boot", cast("Any", self.line))
        self.did: list[str] = []
        self.answering = Answering(self.process, self, self.clock)
        self.call.record.invite(self.clock.utcnow())
        self.answering.placed(self.call)
        self.answering.dialled(self.call)

    def find(self, call: str) -> LiveCall | None:
        return self.call if call == "a1" else None

    def under_way(self) -> tuple[LiveCall, ...]:
        return (self.call,)

    def talk(self, call: LiveCall) -> None:
        self.did.append("talk")

    def begin_anew(self, call: LiveCall, answered_by: str) -> None:
        self.did.append(f"begin anew for {answered_by}")

    def end(self, call: LiveCall) -> None:
        self.did.append("end")

    def let_go(self, call: LiveCall) -> None:
        self.did.append("let go")

    def answer(self) -> bool:
        self.call.record.answer(self.clock.utcnow())
        return self.answering.answered(self.call)

    def hear(self, event: str, verdict: str = "", sound: str = "") -> None:
        self.answering.classified(wire.Classified("a1", event, self.clock.monotonic() - 1.5, verdict, sound))


def test_without_classification_the_application_begins_at_once() -> None:
    bench = Bench(Mode.OFF)

    assert bench.answer()
    assert (bench.process.told, bench.line.listening) == ([], [])


def test_a_person_is_talked_to_once_decided() -> None:
    bench = Bench(Mode.BEFORE)
    begins = bench.answer()
    bench.hear("Decided", "human")
    bench.hear("Settled")

    assert (begins, bench.did) == (False, ["talk"])
    assert bench.call.record.status().answered_by == "human"
    assert bench.line.listening == [True, True, False]
    assert [type(one) for one in bench.process.told] == [wire.Classify, wire.CallAnswered, wire.CallOver]


@pytest.mark.parametrize(
    ("mode", "on_machine", "did"),
    [
        (Mode.BEFORE, OnMachine.HANG_UP, ["end"]),
        (Mode.BEFORE, OnMachine.GO_ON, ["begin anew for machine", "talk"]),
        (Mode.BEFORE, OnMachine.LEAVE_MESSAGE, ["begin anew for machine"]),
        (Mode.BACKGROUND, OnMachine.HANG_UP, ["end"]),
        (Mode.BACKGROUND, OnMachine.GO_ON, []),
        (Mode.BACKGROUND, OnMachine.LEAVE_MESSAGE, ["begin anew for machine"]),
    ],
)
def test_a_machine_gets_what_the_rules_say(mode: Mode, on_machine: OnMachine, did: list[str]) -> None:
    bench = Bench(mode, on_machine)
    bench.answer()
    bench.hear("Decided", "machine")
    assert bench.did == did


@pytest.mark.parametrize(
    ("on_machine", "did"),
    [
        (OnMachine.HANG_UP, ["talk", "end"]),
        (OnMachine.LEAVE_MESSAGE, ["talk", "begin anew for machine", "talk"]),
        (OnMachine.GO_ON, ["talk"]),
    ],
)
def test_a_machine_that_was_taken_for_a_person_gets_what_the_rules_say(on_machine: OnMachine, did: list[str]) -> None:
    bench = Bench(Mode.BEFORE, on_machine)
    bench.answer()
    bench.hear("GreetingEnded")
    bench.hear("Decided", "human")
    bench.hear("Corrected")
    bench.hear("MessageMayStart")

    status = bench.call.record.status()
    assert (bench.did, status.answered_by) == (did, "machine")
    assert (status.times.corrected is not None, status.times.greeting_end) == (True, None)


def test_the_message_begins_after_the_beep_and_its_moments_are_kept() -> None:
    bench = Bench(Mode.BEFORE, OnMachine.LEAVE_MESSAGE)
    bench.answer()
    bench.hear("SpeechStarted")
    bench.hear("Decided", "machine")
    bench.hear("Heard", sound="beep")
    bench.hear("MessageMayStart")

    times = bench.call.record.status().times
    assert bench.did == ["begin anew for machine", "talk"]
    assert times.start_of_speech == times.beep
    assert (times.beep or "") < (times.message or "")


@pytest.mark.parametrize("verdict", ["fax", "silence", "network"])
def test_nobody_to_talk_to_is_hung_up_on(verdict: str) -> None:
    bench = Bench(Mode.BACKGROUND, OnMachine.GO_ON)
    bench.answer()
    bench.hear("Decided", verdict, "fax_answer")
    assert (bench.did, bench.call.record.sound) == (["end"], "fax_answer")


def test_a_tone_of_the_network_ends_a_ringing_call() -> None:
    bench = Bench(Mode.BACKGROUND)
    bench.hear("Heard", sound="ringback")
    assert bench.did == []
    bench.hear("Heard", sound="reorder")
    assert (bench.did, bench.call.record.status().sound) == (["end"], "reorder")


@pytest.mark.parametrize(
    ("verdict", "then", "did"),
    [
        ("human", "Settled", ["let go"]),
        ("human", "Corrected", ["begin anew for machine"]),
        ("machine", "GreetingEnded", ["begin anew for machine"]),
    ],
)
def test_an_application_that_ends_early_waits_for_who_it_is(verdict: str, then: str, did: list[str]) -> None:
    bench = Bench(Mode.BACKGROUND, OnMachine.LEAVE_MESSAGE)
    bench.answer()
    held = bench.answering.holds(bench.call)
    bench.hear("Decided", verdict)
    bench.hear(then)
    assert (held, bench.did) == (True, did)


def test_a_lost_classification_takes_everybody_for_a_person() -> None:
    bench = Bench(Mode.BEFORE)
    bench.answer()
    bench.answering.classification_lost()
    bench.hear("Decided", "machine")
    assert bench.did == ["talk"]


def test_audio_goes_in_pieces_of_60_ms_while_somebody_decides() -> None:
    bench = Bench(Mode.BEFORE)
    for _ in range(7):
        bench.answering.hear(bench.call, b"\xff" * 160)
    assert [len(one.audio) for one in bench.process.told if isinstance(one, wire.Audio)] == [480, 480]


def test_a_line_that_cannot_listen_is_refused() -> None:
    bench = Bench(Mode.BEFORE)
    bench.line.capabilities = frozenset()
    with pytest.raises(Refused, match="cannot listen"):
        bench.answering.check(bench.call)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"mode": "later"}, "off, before, background"),
        ({"timeout": 0}, "timeout"),
        ({"modes": 1}, "unknown field"),
        ({"figures": {"pause": 9}}, "answer.figures.pause: give"),
    ],
)
def test_rules_that_make_no_sense_are_refused_by_field(body: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        AnswerRules.from_json(body)


def test_a_machine_that_was_found_has_its_message_though_classification_is_lost() -> None:
    bench = Bench(Mode.BEFORE, OnMachine.LEAVE_MESSAGE)
    bench.answer()
    bench.hear("Decided", "machine")
    before = list(bench.did)
    bench.hear("Lost")
    assert (before, bench.did) == (["begin anew for machine"], ["begin anew for machine", "talk"])


def test_a_call_that_a_defect_took_from_classification_is_taken_for_a_persons() -> None:
    bench = Bench(Mode.BEFORE)
    bench.answer()
    bench.hear("Lost")
    assert bench.did == ["talk"]
