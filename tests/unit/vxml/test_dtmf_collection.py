"""Keys against time: timeouts, termination, type-ahead and barge-in, on the raw sans-IO surface."""

from __future__ import annotations

import pytest

from tests.support.voicexml import START, page, talk
from vxml import Session, SessionConfig
from vxml.messages import (
    Command,
    Ended,
    Fetch,
    Fetched,
    KeyPressed,
    Play,
    PlayEnded,
    StopPlay,
    Trace,
)


class Call:
    """A session whose clock and caller the test moves by hand."""

    def __init__(self, body: str) -> None:
        self.now = 100.0
        self.session = Session(SessionConfig(START))
        self.session.start(self.now)
        (fetch,) = [command for command in self.session.commands() if isinstance(command, Fetch)]
        self.session.receive(Fetched(fetch.id, START, 200, page(body).encode()), self.now)
        self.seen: list[Command] = []
        self._collect()

    def _collect(self) -> None:
        self.seen += self.session.commands()

    def press(self, keys: str, gap: float = 0.1) -> None:
        for key in keys:
            self.now += gap
            self.session.receive(KeyPressed(key), self.now)
            self._collect()

    def prompt_over(self) -> None:
        play = [command for command in self.seen if isinstance(command, Play)][-1]
        self.session.receive(PlayEnded(play.id, True, 500), self.now)
        self._collect()

    def wait_for_timer(self) -> float:
        """Let the timer run out; answers how long that was."""
        due = self.session.next_timer()
        assert due is not None
        waited = due - self.now
        self.session.handle_timer(due - 0.001)
        assert self.session.next_timer() == due
        self.now = due
        self.session.handle_timer(due)
        self._collect()
        return waited

    def traces(self, kind: str) -> list[str]:
        return [command.text for command in self.seen if isinstance(command, Trace) and command.kind == kind]

    @property
    def values(self) -> dict[str, object]:
        return next(dict(command.values) for command in self.seen if isinstance(command, Ended))


def field(attributes: str, inside: str = "") -> str:
    return f"""<form><field name="a" {attributes}>{inside}<filled><exit namelist="a"/></filled></field></form>"""


def test_a_full_length_ends_at_once() -> None:
    call = Call(field('type="digits?length=3"'))
    call.press("123")
    assert call.values == {"a": "123"}


def test_the_termchar_ends_a_longer_grammar_and_is_not_part_of_the_value() -> None:
    call = Call(field('type="digits"'))
    call.press("12#")
    assert call.values == {"a": "12"}


def test_interdigittimeout_ends_input_that_could_go_on() -> None:
    call = Call(field('type="digits"', '<property name="interdigittimeout" value="2s"/>'))
    call.press("12")
    assert call.wait_for_timer() == pytest.approx(2.0)
    assert call.values == {"a": "12"}


def test_an_unfinished_number_is_no_match_after_interdigittimeout() -> None:
    call = Call(field('type="digits?minlength=4"'))
    call.press("12")
    assert call.wait_for_timer() == pytest.approx(3.0)
    assert call.traces("event") == ["nomatch"]


def test_termtimeout_waits_for_the_termchar_after_a_full_answer() -> None:
    body = field('type="digits?length=2"', '<property name="termtimeout" value="1s"/>')
    call = Call(body)
    call.press("12")
    assert not call.session.ended
    assert call.wait_for_timer() == pytest.approx(1.0)
    assert call.values == {"a": "12"}
    call = Call(body)
    call.press("12#")
    assert call.values == {"a": "12"}
    call = Call(body)
    call.press("123")
    assert call.wait_for_timer() == pytest.approx(3.0)
    assert call.traces("event") == ["nomatch"]


def test_a_first_key_that_fits_nowhere_is_no_match_at_once() -> None:
    call = Call(field('type="boolean"'))
    call.press("5")
    assert call.traces("event") == ["nomatch"]


def test_a_wrong_key_in_the_middle_takes_the_rest_of_the_number_with_it() -> None:
    call = Call(field('type="digits?length=4"', "<nomatch><reprompt/></nomatch>"))
    call.press("1*34")
    assert call.traces("event") == []
    call.press("#")
    assert call.traces("event") == ["nomatch"]
    call.press("1234")
    assert call.values == {"a": "1234"}


def test_timeout_runs_from_the_end_of_the_prompt_and_the_prompt_may_set_it() -> None:
    call = Call(field('type="digits"', '<prompt timeout="7s">Ask</prompt>'))
    assert call.session.next_timer() is None
    call.now += 10
    call.prompt_over()
    assert call.wait_for_timer() == pytest.approx(7.0)
    assert call.traces("event") == ["noinput"]


def test_a_key_cuts_a_prompt_that_allows_it() -> None:
    call = Call(field('type="digits?length=1"', "<prompt>Ask</prompt>"))
    call.press("5")
    assert StopPlay() in call.seen
    assert call.values == {"a": "5"}


def test_keys_during_a_prompt_without_bargein_are_lost() -> None:
    call = Call(field('type="digits?length=1"', '<prompt bargein="false">Ask</prompt>'))
    call.press("5")
    assert StopPlay() not in call.seen
    call.prompt_over()
    call.press("6")
    assert call.values == {"a": "6"}


def test_a_hotword_prompt_goes_on_until_the_keys_match() -> None:
    call = Call(
        field("", '<prompt bargeintype="hotword">Ask</prompt><grammar src="builtin:dtmf/boolean" mode="dtmf"/>'),
    )
    call.press("9")
    assert StopPlay() not in call.seen
    call.press("1")
    assert StopPlay() in call.seen
    assert call.values == {"a": True}


def test_keys_typed_ahead_answer_the_next_question() -> None:
    heard = talk(
        """<form><field name="a" type="digits?length=2"><prompt>A</prompt></field>
        <field name="b" type="digits?length=2"><prompt>B</prompt></field>
        <block><exit namelist="a b"/></block></form>""",
        "1234",
    )
    assert heard.ended is not None
    assert heard.ended.values == {"a": "12", "b": "34"}


def test_a_termchar_after_a_complete_answer_does_not_spoil_the_next_question() -> None:
    heard = talk(
        """<form><field name="a" type="digits?length=2"/><field name="b" type="digits?length=2"/>
        <block><exit namelist="a b"/></block></form>""",
        "12#34#",
    )
    assert heard.of("event") == []


def test_another_termchar_and_none() -> None:
    call = Call(field('type="digits"', '<property name="termchar" value="*"/>'))
    call.press("12*")
    assert call.values == {"a": "12"}
    call = Call(field('type="digits"', '<property name="termchar" value=""/>'))
    call.press("12#")
    call.wait_for_timer()
    assert call.traces("event") == ["nomatch"]


def test_a_form_grammar_and_a_link_listen_beside_the_field_unless_it_is_modal() -> None:
    body = """<link dtmf="0" event="operator"/><form><catch event="operator"><log>operator</log><exit/></catch>
      <field name="a" modal="{}"><grammar src="builtin:dtmf/boolean"/></field></form>"""
    assert talk(body.format("false"), "0").of("log") == ["operator"]
    assert "nomatch" in talk(body.format("true"), "0").of("event")


def test_stale_answers_and_unknown_keys_are_ignored() -> None:
    call = Call(field('type="digits?length=1"'))
    call.session.receive(PlayEnded(999, True), call.now)
    call.session.receive(Fetched(999, "x", 200, b""), call.now)
    call.session.receive(KeyPressed("x"), call.now)
    call.session.handle_timer(call.now)
    assert not call.session.ended
    call.press("1")
    assert call.session.ended
    call.session.receive(KeyPressed("1"), call.now)
    assert call.session.next_timer() is None
