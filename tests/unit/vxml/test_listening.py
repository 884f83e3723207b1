"""When the interpreter has the recogniser listen, and what it does with speech that begins, ends, or leads nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.voicexml import BASE, START, page
from vxml import Session, SessionConfig
from vxml.grammar import GrammarError, for_recognizer, link, parse_grammar
from vxml.grammar.spoken import spoken_grammar
from vxml.messages import (
    Ended,
    Fetch,
    Fetched,
    KeyPressed,
    Play,
    PlayEnded,
    RecognitionFailed,
    Recognize,
    SpeechStarted,
    SpeechTooLong,
    Spoken,
    StopPlay,
    StopRecognizing,
)

COLOURS = """<grammar mode="voice" version="1.0" root="r" xml:lang="en-US"><rule id="r"><one-of><item>red</item>
  <item>green</item></one-of></rule></grammar>"""
FIELD = f"""<form><field name="f">{COLOURS}{{}}<prompt{{}}>Which?</prompt><filled><exit namelist="f"/></filled>
  <catch><var name="event" expr="_event"/><exit namelist="event"/></catch></field></form>"""


class Talk:
    """A session driven by hand; `of` are the commands since the last look."""

    def __init__(self, body: str, **config: Any) -> None:
        self.now = 0.0
        self.session = Session(SessionConfig(START, recognizer=True, **config))
        self.session.start(0.0)
        self.last: list[Any] = []
        self._look()
        fetch = next(one for one in self.last if isinstance(one, Fetch))
        self.give(Fetched(fetch.id, BASE, 200, page(body).encode()))

    def give(self, happened: Any) -> list[Any]:
        self.session.receive(happened, self.now)
        return self._look()

    def wait(self, seconds: float) -> list[Any]:
        self.now += seconds
        self.session.handle_timer(self.now)
        return self._look()

    def _look(self) -> list[Any]:
        self.last = self.session.commands()
        return self.last

    def kinds(self) -> list[type]:
        return [type(one) for one in self.last if isinstance(one, Recognize | StopRecognizing | Play | StopPlay)]

    def play(self) -> Play:
        return next(one for one in self.last if isinstance(one, Play))

    def exit(self) -> dict[str, Any]:
        return dict(next(one for one in self.last if isinstance(one, Ended)).values)


def field(prompt: str = "", properties: str = "") -> str:
    return FIELD.format(properties, prompt)


def test_speech_stops_the_prompt_and_the_clock_of_noinput() -> None:
    talk = Talk(field())
    assert talk.kinds() == [Recognize, Play]
    talk.give(SpeechStarted())
    assert talk.kinds() == [StopPlay]
    assert talk.wait(60) == []
    talk.give(Spoken("green", 0.8))
    assert talk.exit() == {"f": "green"}
    assert StopRecognizing not in talk.kinds()


def test_a_prompt_without_bargein_is_not_listened_over() -> None:
    talk = Talk(field(' bargein="false"'))
    assert talk.kinds() == [Play]
    talk.give(PlayEnded(talk.play().id, True))
    assert talk.kinds() == [Recognize]


def test_a_hotword_prompt_is_cut_by_its_words_alone() -> None:
    talk = Talk(field(' bargeintype="hotword"'))
    assert [one.hotword for one in talk.last if isinstance(one, Recognize)] == [True]
    play = talk.play()
    talk.give(SpeechStarted())
    assert talk.kinds() == []
    talk.give(PlayEnded(play.id, True))
    assert [one.hotword for one in talk.last if isinstance(one, Recognize)] == [False]
    again = Talk(field(' bargeintype="hotword"'))
    again.give(Spoken("red"))
    assert again.kinds() == [StopPlay]
    assert again.exit() == {"f": "red"}


@pytest.mark.parametrize(
    ("happened", "event"),
    [
        (Spoken("", 0.0), "nomatch"),
        (Spoken("green", 0.4), "nomatch"),
        (Spoken("blue", 0.9), "nomatch"),
        (SpeechTooLong(), "maxspeechtimeout"),
        (RecognitionFailed("no decoder"), "error.noresource"),
    ],
)
def test_what_speech_comes_to_is_an_event(happened: Any, event: str) -> None:
    talk = Talk(field())
    talk.give(SpeechStarted())
    talk.give(happened)
    assert talk.exit() == {"event": event}


def test_silence_is_noinput_and_ends_the_listening() -> None:
    talk = Talk(field())
    talk.give(PlayEnded(talk.play().id, True))
    talk.wait(5)
    assert (talk.exit(), talk.kinds()) == ({"event": "noinput"}, [StopRecognizing])


def test_a_key_takes_over_from_speech() -> None:
    talk = Talk('<form><field name="f" type="digits?length=2"><filled><exit namelist="f"/></filled></field></form>')
    talk.give(SpeechStarted())
    talk.give(KeyPressed("1"))
    assert talk.kinds() == [StopRecognizing]
    talk.give(KeyPressed("2"))
    assert talk.exit() == {"f": "12"}


def test_properties_reach_the_recogniser() -> None:
    properties = {
        "completetimeout": "300ms",
        "incompletetimeout": "2s",
        "maxspeechtimeout": "7s",
        "sensitivity": "0.9",
        "speedvsaccuracy": "0.2",
        "maxnbest": "3",
        "recordutterance": "true",
    }
    body = field("", "".join(f'<property name="{name}" value="{value}"/>' for name, value in properties.items()))
    (one,) = (command for command in Talk(body).last if isinstance(command, Recognize))
    assert (one.complete_timeout, one.incomplete_timeout, one.max_speech) == (0.3, 2.0, 7.0)
    assert (one.sensitivity, one.accuracy, one.max_results, one.keep_audio) == (0.9, 0.2, 3, True)


def test_the_utterance_is_kept_with_its_size_and_length() -> None:
    body = f"""<property name="recordutterance" value="true"/><form><field name="f">{COLOURS}<filled>
      <var name="a" expr="typeof f$.recording"/><var name="b" expr="f$.recordingsize"/>
      <var name="c" expr="application.lastresult$.recordingduration"/><exit namelist="a b c"/></filled>
      </field></form>"""
    talk = Talk(body)
    talk.give(Spoken("red", 0.9, audio=b"RIFF....", duration_ms=700))
    assert talk.exit() == {"a": "string", "b": 8, "c": 700}


def test_a_language_nobody_understands_is_unsupported() -> None:
    body = field().replace('xml:lang="en-US"', 'xml:lang="de-DE"')
    talk = Talk(body, recognizer_languages=frozenset(("en",)))
    assert talk.kinds() == [Play]
    talk.give(PlayEnded(talk.play().id, True))
    assert talk.exit() == {"event": "error.unsupported.language"}


def test_a_builtin_beyond_the_recogniser_listens_for_keys_alone() -> None:
    asked = [
        Talk(f'<form><field name="f" type="{kind}"/></form>', recognizer_builtins=frozenset(("boolean",)))
        for kind in ("digits?length=4", "boolean")
    ]
    assert [any(isinstance(command, Recognize) for command in talk.last) for talk in asked] == [False, True]


def test_a_field_that_only_a_builtin_beyond_the_recogniser_could_fill_is_unsupported() -> None:
    body = '<form><field name="f"><grammar src="builtin:grammar/digits"/><prompt>Say it.</prompt></field></form>'
    body = body.replace(
        "</field>", '<catch event="error"><var name="event" expr="_event"/><exit namelist="event"/></catch></field>'
    )
    talk = Talk(body, recognizer_builtins=frozenset())
    talk.give(PlayEnded(talk.play().id, True))
    assert talk.exit() == {"event": "error.unsupported.builtin"}


def test_grammars_are_written_side_by_side_without_their_authors_words() -> None:
    hostile = link(
        parse_grammar(
            b'<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" root="r" xml:lang="en"><rule id="r">'
            b"<one-of><item>red;</item><item>public</item></one-of></rule></grammar>"
        )
    )
    both = for_recognizer([spoken_grammar("boolean", "en-US"), hostile])
    assert "red" not in both.jsgf
    assert "public <all> = <g0r0> | <g1r0>;" in both.jsgf
    assert both.jsgf.count("public") == 1
    assert {"yes", "red", "public"} <= set(both.words)
    with pytest.raises(GrammarError):
        for_recognizer([spoken_grammar("boolean", "en-US"), type(hostile)(hostile.mode, hostile.code)])
