"""Speech: the builtin grammars in English, n-best results, the platform's own commands, marks, say-as."""

from __future__ import annotations

import pytest

from tests.support.voicexml import page, talk
from vxml.grammar import GrammarError
from vxml.grammar.spoken import spoken_grammar
from vxml.messages import Play, SpeechItem, Spoken
from vxml.ssml.say_as import say_as

COLOURS = """<grammar mode="voice" version="1.0" root="r"><rule id="r"><one-of><item>red</item><item>bread</item>
  <item>green</item></one-of></rule></grammar>"""


def test_other_languages_have_keys_only() -> None:
    with pytest.raises(GrammarError, match="English only"):
        spoken_grammar("digits", "de-DE")
    body = '<form><field name="f" type="digits"><filled><log><value expr="f"/></log></filled></field></form>'
    german = page(body).replace("en-US", "de-DE")
    start = '<form><block><goto next="german.vxml"/></block></form>'
    assert talk(start, "12#", recognizer=True, pages={"german.vxml": german}).of("log") == ["12"]


def test_a_builtin_field_takes_speech() -> None:
    body = '<form><field name="f" type="number"><filled><log><value expr="f + 1"/></log></filled></field></form>'
    assert talk(body, [Spoken("forty two")], recognizer=True).of("log") == ["421"]


def test_n_best_results_that_match_are_in_lastresult() -> None:
    body = f"""<property name="maxnbest" value="3"/><form><field name="f">{COLOURS}<filled>
      <foreach item="one" array="application.lastresult$"><log><value expr="one.utterance + one.confidence"/></log>
      </foreach>      <log><value expr="f + application.lastresult$.confidence"/></log></filled></field></form>"""
    said = Spoken("red", 0.9, (("bed", 0.8), ("bread", 0.7), ("green", 0.6), ("red", 0.1)))
    assert talk(body, [said], recognizer=True).of("log") == ["red0.9", "bread0.7", "green0.6", "red0.9"]


def test_low_confidence_is_no_match_and_leaves_what_was_heard() -> None:
    body = f"""<form><field name="f">{COLOURS}<nomatch><log><value expr="application.lastresult$[0].utterance"/></log>
      <exit/></nomatch></field></form>"""
    assert talk(body, [Spoken("red", 0.2)], recognizer=True).of("log") == ["red"]


@pytest.mark.parametrize("universals", ["all", "cancel help"])
def test_universal_commands_throw_their_events(universals: str) -> None:
    body = f"""<property name="universals" value="{universals}"/><form><field name="f">{COLOURS}
      <help><log>helping</log></help><catch event="cancel"><log>cancelled</log><exit/></catch></field></form>"""
    assert talk(body, [Spoken("help"), Spoken("Cancel")], recognizer=True).of("log") == ["helping", "cancelled"]


def test_universal_commands_are_off_unless_asked_for() -> None:
    body = (
        f"""<form><field name="f">{COLOURS}<help><log>helping</log></help><nomatch><exit/></nomatch></field></form>"""
    )
    assert talk(body, [Spoken("help")], recognizer=True).of("log") == []


def test_a_mark_is_told_to_the_player_and_its_time_comes_back() -> None:
    body = """<form><field name="f" type="boolean"><prompt>one <mark name="first"/> two <mark nameexpr="'la' + 'st'"/>
      </prompt><filled><log><value expr="f$.markname + ' ' + f$.marktime"/></log>
      <log><value expr="application.lastresult$.markname"/></log></filled></field></form>"""
    heard = talk(body, "n")
    play = next(command for command in heard.commands if isinstance(command, Play))
    assert play.marks == ((1, "first"), (2, "last"))
    assert talk(body, "1").of("log") == ["first 0", "first"]


def test_a_mark_is_known_after_silence_and_absent_without_one() -> None:
    body = """<form><field name="f" type="boolean"><prompt>one <mark name="m"/></prompt><noinput>
      <log><value expr="application.lastresult$.markname"/></log><exit/></noinput></field></form>"""
    assert talk(body, "n").of("log") == ["m"]
    plain = """<form><field name="f" type="boolean"><filled><log><value expr="typeof f$.markname"/></log></filled>
      </field></form>"""
    assert talk(plain, "1").of("log") == ["undefined"]


@pytest.mark.parametrize(
    ("text", "kind", "form", "said"),
    [
        ("120", "digits", "", "1 2 0"),
        ("20261231", "vxml:date", "", "December thirty first, twenty twenty six"),
        ("31.12.2026", "date", "dmy", "December thirty first, twenty twenty six"),
        ("0905a", "vxml:time", "", "nine oh five a m"),
        ("17:30", "time", "", "five thirty p m"),
        ("USD12.50", "vxml:currency", "", "twelve dollars and fifty cents"),
        ("£3", "currency", "", "three pounds"),
        ("555-0100", "telephone", "", "5 5 5, 0 1 0 0"),
        ("a-1", "characters", "", "a dash 1"),
        ("1200.5", "number", "", "one thousand two hundred point five"),
        ("22", "number:ordinal", "", "twenty second"),
        ("soon", "date", "", "soon"),
    ],
)
def test_say_as(text: str, kind: str, form: str, said: str) -> None:
    assert say_as(text, kind, form) == said


def test_say_as_other_languages_and_sub_in_a_prompt() -> None:
    body = """<form><block><prompt>Pay <say-as interpret-as="currency"><value expr="'$' + 5"/></say-as> to
      <sub alias="Doctor">Dr.</sub> Ruiz. <s xml:lang="es-ES">Gracias</s> Bye.</prompt></block></form>"""
    plays = [command for command in talk(body).commands if isinstance(command, Play)]
    spoken = [item for item in plays[0].items if isinstance(item, SpeechItem)]
    assert [item.language for item in spoken] == ["en-US", "es-ES", "en-US"]
    assert spoken[0].text == "Pay five dollars to Doctor Ruiz."
