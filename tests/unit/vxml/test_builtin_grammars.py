"""The builtin grammars of VoiceXML 2.0 appendix P: what they take by key and in English, and the form of the result."""

from __future__ import annotations

import re

import pytest

from tests.support.voicexml import talk
from vxml.ecmascript import Engine
from vxml.grammar import Grammar, GrammarError, Matcher, builtin_grammar
from vxml.grammar.spoken import spoken_grammar
from vxml.grammar.tokens import words_of
from vxml.messages import Spoken


def value(grammar: Grammar, words: str | list[str]) -> object:
    """The meaning of `words`, None where they do not match."""
    matcher = Matcher(grammar)
    for word in words:
        matcher.feed(word)
    return matcher.value(Engine()) if matcher.matched else None


@pytest.mark.parametrize(
    ("spec", "keys", "meaning"),
    [
        ("boolean", "1", True),
        ("boolean", "2", False),
        ("boolean", "3", None),
        ("boolean?y=7;n=9", "7", True),
        ("boolean?y=7;n=9", "9", False),
        ("boolean?y=*;n=#", "#", False),
        ("boolean?n=1;y=2", "1", False),
        ("digits", "0123", "0123"),
        ("digits", "12*", None),
        ("digits?length=2", "12", "12"),
        ("digits?length=2", "1", None),
        ("digits?minlength=2;maxlength=3", "1234", None),
        ("digits?minlength=2&maxlength=3", "123", "123"),
        ("digits?colour=red", "1", "1"),
        ("date", "20260105", "20260105"),
        ("date", "2026010", None),
        ("date", "20261301", None),
        ("date", "20260100", None),
        ("date", "20260132", None),
        ("time", "0930", "0930?"),
        ("time", "1230", "1230?"),
        ("time", "1330", "1330h"),
        ("time", "0005", "0005h"),
        ("time", "2400", None),
        ("time", "1260", None),
        ("number", "3*14", "3.14"),
        ("number", "007", "7"),
        ("number", "000", "0"),
        ("number", "00*50", "0.50"),
        ("number", "*5", "0.5"),
        ("number", "5*", "5"),
        ("number", "*", None),
        ("number", "1*2*3", None),
        ("currency", "12", "12.00"),
        ("currency", "12*5", "12.50"),
        ("currency", "012*50", "12.50"),
        ("currency", "*50", "0.50"),
        ("currency", "12*", "12.00"),
        ("currency", "12*505", None),
        ("phone", "8005551234*789", "8005551234x789"),
        ("phone", "5550100", "5550100"),
        ("phone", "*12", None),
    ],
)
def test_keys(spec: str, keys: str, meaning: object) -> None:
    assert value(builtin_grammar(spec), keys) == meaning


@pytest.mark.parametrize(
    "spec", ["nonsense", "digits?length=x", "digits?length=0", "digits?minlength=5;maxlength=2", "boolean?y=1;n=1"]
)
def test_unusable_ones_are_refused(spec: str) -> None:
    with pytest.raises(GrammarError):
        builtin_grammar(spec)


@pytest.mark.parametrize(
    ("spec", "said", "meaning"),
    [
        ("boolean", "yes please", True),
        ("boolean", "nope", False),
        ("boolean?y=7;n=9", "that's right", True),
        ("digits?length=4", "one two oh 4", "1204"),
        ("digits?length=4", "one two oh", None),
        ("number", "one hundred and twenty three point five", "123.5"),
        ("number", "one hundred twenty-three", "123"),
        ("number", "minus two thousand", "-2000"),
        ("number", "plus two million three thousand and four", "+2003004"),
        ("number", "twelve hundred", "1200"),
        ("number", "point oh five", "0.05"),
        ("number", "zero", "0"),
        ("date", "the twenty first of December twenty twenty six", "20261221"),
        ("date", "March third", "????0303"),
        ("date", "may the fourth nineteen ninety-nine", "19990504"),
        ("date", "March twenty twenty six", "202603??"),
        ("date", "March twenty six", "????0326"),
        ("date", "five June two thousand and five", "20050605"),
        ("date", "the thirty first", "??????31"),
        ("date", "July", "????07??"),
        ("date", "the thirty second", None),
        ("time", "five thirty p m", "0530p"),
        ("time", "five o'clock", "0500?"),
        ("time", "five", "0500?"),
        ("time", "seventeen thirty", "1730h"),
        ("time", "seventeen thirty p m", "1730h"),
        ("time", "twenty one thirty", "2130h"),
        ("time", "oh five hundred hours", "0500h"),
        ("time", "zero nine fifteen", "0915h"),
        ("time", "half past two in the afternoon", "0230p"),
        ("time", "a quarter to one", "1245?"),
        ("time", "twenty past ten in the evening", "1020p"),
        ("time", "ten minutes to six a m", "0550a"),
        ("time", "noon", "1200p"),
        ("time", "midnight", "1200a"),
        ("time", "twelve seventy", None),
        ("phone", "five five five oh one extension nine", "55501x9"),
        ("phone", "eight hundred triple five twelve thirty-four", "8005551234"),
        ("phone", "double two twenty one", "2221"),
    ],
)
def test_english(spec: str, said: str, meaning: object) -> None:
    assert value(spoken_grammar(spec, "en-GB"), words_of(said)) == meaning


@pytest.mark.parametrize(
    ("said", "language", "meaning"),
    [
        ("twelve dollars and fifty cents", "en-US", "USD12.50"),
        ("twelve dollars and fifty cents", "en-CA", "CAD12.50"),
        ("twelve dollars and fifty cents", "en-GB", "12.50"),
        ("a dollar ten", "en-US", "USD1.10"),
        ("one hundred u s dollars", "en-GB", "USD100.00"),
        ("five canadian dollars", "en-US", "CAD5.00"),
        ("nine euros", "en-US", "EUR9.00"),
        ("twelve pounds five", "en-GB", "GBP12.05"),
        ("fifty pence", "en-GB", "GBP0.50"),
        ("ninety-nine cents", "en-US", "USD0.99"),
        ("ten pesos", "en-US", "10.00"),
        ("nine ninety nine", "en-US", "9.99"),
        ("twelve point five euros", "en-US", "EUR12.50"),
        ("two thousand", "en-US", "2000.00"),
    ],
)
def test_amounts_have_a_code_where_the_currency_is_certain(said: str, language: str, meaning: str) -> None:
    assert value(spoken_grammar("currency", language), words_of(said)) == meaning


@pytest.mark.parametrize("kind", ["builtin:dtmf/digits?length=3", "builtin:grammar/digits?length=3"])
def test_in_a_grammar_element(kind: str) -> None:
    body = f"""<form><field name="f"><grammar src="{kind}"/><filled><log><value expr="f + '/' + typeof f"/></log>
      </filled></field></form>"""
    said = "123" if "dtmf" in kind else [Spoken("one two three")]
    assert talk(body, said, recognizer=True).of("log") == ["123/string"]


def test_results_have_the_types_of_appendix_p() -> None:
    body = """<form><field name="a" type="boolean"><filled><log><value expr="a === true"/></log></filled></field>
      <field name="b" type="number"><filled><log><value expr="b * 2"/></log></filled></field></form>"""
    assert talk(body, "1010#").of("log") == ["true", "20"]


def test_an_unknown_one_is_error_unsupported_builtin() -> None:
    body = """<form><catch event="error.unsupported.builtin"><log>none such</log><exit/></catch>
      <field name="f"><grammar src="builtin:dtmf/colour"/></field></form>"""
    assert talk(body, "1").of("log") == ["none such"]


def test_every_spoken_date_and_time_has_five_or_eight_characters() -> None:
    for spec, said, form in (("time", "eleven fifty", r"\d{4}[aph?]"), ("date", "may", r"[\d?]{8}")):
        assert re.fullmatch(form, str(value(spoken_grammar(spec, "en"), words_of(said))))


def test_by_an_expression() -> None:
    body = """<form><var name="n" expr="2"/><field name="f"><grammar srcexpr="'builtin:dtmf/digits?length=' + n"/>
      <filled><log><value expr="f"/></log></filled></field></form>"""
    assert talk(body, "12").of("log") == ["12"]


def test_lexicons_are_ignored_and_that_is_told_once() -> None:
    body = """<form><field name="f"><grammar mode="dtmf" version="1.0" root="r"><lexicon uri="a.pls"/><rule id="r">
      <item repeat="2">1</item></rule></grammar><nomatch><reprompt/></nomatch><filled><log>done</log></filled></field>
      </form>"""
    assert talk(body, "211").of("log") == ["line 2: lexicon a.pls is ignored", "done"]
