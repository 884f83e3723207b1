"""SRGS in ABNF: the same rules as the XML form, and what is refused with its line."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.voicexml import talk
from vxml.grammar import GrammarError, Matcher, link, parse_grammar, to_jsgf
from vxml.grammar.abnf import parse_abnf
from vxml.grammar.parses import structure_of, write_structure
from vxml.grammar.reach import can_match
from vxml.grammar.tokens import words_of
from vxml.messages import Spoken

HEAD = "#ABNF 1.0 UTF-8;\nlanguage en-US;\nroot $r;\n"


def parsed(rules: str, said: str, head: str = HEAD) -> str | None:
    """The logical parse structure of `said`, None where it does not match."""
    matcher = Matcher(link(parse_abnf(head + rules)))
    for word in words_of(said):
        matcher.feed(word)
    return write_structure(structure_of(matcher)) if matcher.matched else None


@pytest.mark.parametrize(
    ("rules", "said", "structure"),
    [
        ("$r = fly to $c; $c = Boston | (new york);", "fly to NEW york", '$r["fly","to",$c["new","york"]]'),
        ('$r = "San Jose" [please];', "san jose", '$r["San Jose"]'),
        ("$r = a<2-3> b<0-1 /0.4/> c<1->;", "a a c c", '$r["a","a","c","c"]'),
        ("$r = a<2>;", "a", None),
        ("$r = {x} a {!{ out = {b: 1} }!};", "a", '$r[{!{x}!},"a",{!{out = {b: 1}}!}]'),
        ("$r = (a | b)!fr $NULL // comment\n /* more */ ;", "b", '$r["b"]'),
        ("$r = $GARBAGE help;", "oh please help", '$r["help"]'),
        ("$r = a | $VOID b;", "b", None),
        ("$r = /1/ a {light} | /9/ a {heavy};", "a", '$r["a",{!{heavy}!}]'),
        ("$r = a | b a<0>;", "b a", None),
    ],
)
def test_expansions(rules: str, said: str, structure: str | None) -> None:
    assert parsed(rules, said) == structure


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("#ABNF 2.0;\nlanguage en;\n$r = a;", "ABNF 1.0"),
        ("#ABNF 1.0;\n$r = a;", "language"),
        (HEAD + "$r = a", 'expected ";"'),
        (HEAD + "$r = a*;", '"*" cannot stand here'),
        (HEAD + "$r = ;", "expected words"),
        (HEAD + "$r = a; $r = b;", "defined twice"),
        (HEAD + "$r = $s;", "no such rule"),
        (HEAD + "$r = a<3-1>;", "repeat"),
        (HEAD + "$r = a<1 /2/>;", "probability"),
        (HEAD + "root $r;\n$r = a;", "declared twice"),
        (HEAD + "colour blue;\n$r = a;", "no declaration"),
        (HEAD + "$NULL = a;", "defined already"),
    ],
)
def test_refusals_say_why(text: str, complaint: str) -> None:
    with pytest.raises(GrammarError, match=complaint.replace("*", r"\*")):
        link(parse_grammar(text.encode()))


def test_the_line_of_a_fault_is_told() -> None:
    with pytest.raises(GrammarError) as refused:
        parse_abnf(HEAD + "$r = a |\n  b\n  ?;")
    assert refused.value.line == 6


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "iso-8859-1"])
def test_encodings_by_mark_and_by_header(encoding: str) -> None:
    named = "UTF-16" if encoding.startswith("utf-16") else "ISO-8859-1" if encoding.startswith("iso") else "UTF-8"
    text = f"#ABNF 1.0 {named};\nlanguage fr;\nroot $r;\n$r = été;\n"
    grammar = parse_grammar(text.encode(encoding))
    matcher = Matcher(link(grammar))
    matcher.feed("été")
    assert matcher.matched


def test_an_inline_grammar_may_be_abnf() -> None:
    body = """<form><field name="f"><grammar type="application/srgs">
      #ABNF 1.0;
      language en-US; root $r; tag-format &lt;semantics/1.0&gt;;
      $r = tea {out='T'} | coffee {out='C'};
    </grammar><filled><log><value expr="f"/></log></filled></field></form>"""
    assert talk(body, [Spoken("coffee")], recognizer=True).of("log") == ["C"]


# --- other uses of the same rules -----------------------------------------------------------------------


def test_jsgf_keeps_words_weights_and_references() -> None:
    grammar = parse_abnf(HEAD + '$r = /3/ $a | /1/ "new york"<2> {x}; $a = b [c] d<0->;')
    assert to_jsgf(grammar) == (
        "#JSGF V1.0 UTF-8;\ngrammar clarion;\npublic <r0> = (/3/ <r1> | /1/ (new york) (new york));\n"
        "<r1> = b [(c)] (d)*;\n"
    )


@pytest.mark.parametrize(
    ("rules", "possible"),
    [
        ("$r = a | $VOID;", True),
        ("$r = a $VOID;", False),
        ("$r = a $r;", False),
        ("$r = a [$r];", True),
        ("$r = $VOID<0-2> a;", True),
    ],
)
def test_grammars_that_can_never_match_are_known(rules: str, possible: bool) -> None:
    assert can_match(parse_abnf(HEAD + rules), {}) is possible


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='ab$r=|;<>()[]{}/"!~,1-0 \n*#', max_size=60))
def test_any_text_is_a_grammar_or_is_refused(rules: str) -> None:
    with contextlib.suppress(GrammarError):
        link(parse_abnf(HEAD + rules))
