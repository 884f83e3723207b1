"""DTMF and word grammars: what they match, key by key, and what it means."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vxml.document import parse_xml
from vxml.ecmascript import Engine
from vxml.grammar import Grammar, GrammarError, Matcher, builtin_grammar, link, parse_grammar, parse_grammar_node

HEAD = (
    '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en-US" '
    'mode="{}" root="r" tag-format="{}">'
)


def grammar(rules: str, mode: str = "dtmf", tags: str = "semantics/1.0") -> Grammar:
    return link(parse_grammar((HEAD.format(mode, tags) + rules + "</grammar>").encode()))


def value(compiled: Grammar, words: str | list[str]) -> Any:
    """The meaning of `words`, None where they do not match."""
    matcher = Matcher(compiled)
    for word in words:
        matcher.feed(word)
    return matcher.value(Engine()) if matcher.matched else None


def states(compiled: Grammar, keys: str) -> list[str]:
    matcher = Matcher(compiled)
    seen = []
    for key in keys:
        matcher.feed(key)
        seen.append(("match" if matcher.matched else "") + ("+" if matcher.can_go_on else ""))
    return seen


def test_each_key_says_whether_it_matches_and_whether_more_may_come() -> None:
    compiled = builtin_grammar("digits?minlength=2;maxlength=3")
    assert states(compiled, "1234") == ["+", "match+", "match", ""]


def test_alternatives_repeats_and_references() -> None:
    compiled = grammar(
        """<rule id="r"><one-of><item>1</item><item>2 <item repeat="1-2"><ruleref uri="#even"/></item></item></one-of>
        </rule><rule id="even"><one-of><item>4</item><item>6</item></one-of></rule>""",
    )
    accepted = [keys for keys in ("1", "2", "24", "246", "2466", "25") if value(compiled, keys) is not None]
    assert accepted == ["1", "24", "246"]


def test_tags_build_values_from_rules() -> None:
    compiled = grammar(
        """<rule id="r"><ruleref uri="#size"/><tag>out.size = rules.size;</tag>
        <item repeat="0-1">* <tag>out.star = true;</tag></item><tag>out.keys = meta.current().text;</tag></rule>
        <rule id="size"><one-of><item>1<tag>out = 'small';</tag></item><item>2<tag>out = 'large';</tag></item></one-of>
        </rule>"""
    )
    assert value(compiled, "2*") == {"size": "large", "star": True, "keys": "2 *"}
    assert value(compiled, "1") == {"size": "small", "keys": "1"}


def test_literal_tags_and_no_tags() -> None:
    rules = '<rule id="r"><one-of><item>1<tag>sales</tag></item><item>2</item></one-of></rule>'
    compiled = grammar(rules, tags="semantics/1.0-literals")
    assert (value(compiled, "1"), value(compiled, "2")) == ("sales", "2")


def test_special_rules() -> None:
    compiled = grammar(
        """<rule id="r"><one-of><item>1<ruleref special="NULL"/></item><item>2<ruleref special="VOID"/></item>
        <item>3<ruleref special="GARBAGE"/>4</item></one-of></rule>"""
    )
    accepted = [keys for keys in ("1", "2", "34", "37774", "37") if value(compiled, keys) is not None]
    assert accepted == ["1", "34", "37774"]


def test_rules_may_recurse_but_not_without_end() -> None:
    nested = grammar('<rule id="r">1<item repeat="0-1"><ruleref uri="#r"/></item>2</rule>')
    assert [value(nested, keys) is not None for keys in ("12", "1122", "122")] == [True, True, False]
    left = grammar('<rule id="r"><one-of><item><ruleref uri="#r"/>1</item><item>1</item></one-of></rule>')
    assert value(left, "111") is not None


def test_many_alternatives_are_looked_up_by_word() -> None:
    items = "".join(f"<item>name{number} smith<tag>out = {number};</tag></item>" for number in range(3000))
    compiled = grammar(f'<rule id="r"><one-of>{items}</one-of></rule>', mode="voice")
    assert value(compiled, ["name2718", "smith"]) == 2718
    assert value(compiled, ["name2718", "jones"]) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<grammar/>", 1),
        ('<grammar mode="dtmf"><rule id="a">\n1</rule>\n<rule id="a">2</rule></grammar>', 3),
        ('<grammar mode="dtmf"><rule id="a">five</rule></grammar>', 1),
        ('<grammar mode="dtmf" root="x"><rule id="a">5</rule></grammar>', 1),
        ('<grammar mode="dtmf">\n<rule id="a"><ruleref uri="#b"/></rule></grammar>', 2),
        ('<grammar><rule id="a"><item repeat="3-2">5</item></rule></grammar>', 1),
        ('<grammar><rule id="a"><one-of/></rule></grammar>', 1),
    ],
)
def test_faulty_grammars_are_refused_with_their_line(text: str, line: int) -> None:
    with pytest.raises(GrammarError) as caught:
        link(parse_grammar_node(parse_xml(text.encode())))
    assert caught.value.line == line


@pytest.mark.parametrize(
    "attributes",
    [
        'version="1.0" mode="dtmf"',
        'xmlns="http://www.w3.org/2001/06/grammar" mode="dtmf"',
        'xmlns="http://www.w3.org/2001/06/grammar" version="1.0"',
    ],
)
def test_a_grammar_file_names_its_namespace_version_and_language(attributes: str) -> None:
    with pytest.raises(GrammarError):
        parse_grammar(f'<grammar {attributes}><rule id="r">1</rule></grammar>'.encode())


def test_a_grammar_that_would_explode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vxml.grammar.program.MAX_INSTRUCTIONS", 20_000)
    rule = "5"
    for _ in range(4):
        rule = f'<item repeat="900">{rule}</item>'
    with pytest.raises(GrammarError, match="too large"):
        grammar(f'<rule id="r">{rule}</rule>')


_expansion = st.recursive(
    st.sampled_from("123").map(lambda key: (key, key)),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(
            lambda parts: (
                " ".join(f"<item>{xml}</item>" for xml, _ in parts),
                "".join(f"(?:{one})" for _, one in parts),
            )
        ),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda parts: (
                "<one-of>" + "".join(f"<item>{xml}</item>" for xml, _ in parts) + "</one-of>",
                "(?:" + "|".join(f"(?:{one})" for _, one in parts) + ")",
            )
        ),
        st.tuples(inner, st.integers(0, 2), st.integers(0, 2)).map(
            lambda made: (
                f'<item repeat="{made[1]}-{made[1] + made[2]}">{made[0][0]}</item>',
                f"(?:{made[0][1]}){{{made[1]},{made[1] + made[2]}}}",
            )
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(_expansion, st.text("123", max_size=6))
def test_grammars_accept_what_the_same_regular_expression_accepts(made: tuple[str, str], keys: str) -> None:
    xml, pattern = made
    compiled = grammar(f'<rule id="r">{xml}</rule>')
    matcher = Matcher(compiled)
    for key in keys:
        assert matcher.accepts(key) == (key in "123" and _continues(compiled, matcher, key))
        matcher.feed(key)
    assert matcher.matched == bool(re.fullmatch(pattern, keys))


def _continues(compiled: Grammar, matcher: Matcher, key: str) -> bool:
    trial = Matcher(compiled)
    for word in matcher.text:
        trial.feed(word)
    trial.feed(key)
    return trial.matched or trial.can_go_on


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_grammar_or_refused(body: bytes) -> None:
    with contextlib.suppress(GrammarError):
        assert link(parse_grammar(body)).code


def test_alternatives_with_the_same_beginning_keep_their_order_and_their_written_form() -> None:
    rules = "".join(
        f"<item>{words}<tag>out = {number}</tag></item>"
        for number, words in enumerate(["new york", "New York", "new", "new york city", "new york", "old york"])
    )
    compiled = grammar(f'<rule id="r"><one-of>{rules}</one-of></rule>', mode="voice")
    said = ["new york", "new", "new york city", "old york", "york"]
    assert [value(compiled, words.split()) for words in said] == [0, 2, 3, 5, None]


def test_numbers_with_common_beginnings_are_followed_key_by_key() -> None:
    numbers = [f"{number * 7919 % 10**9:09}" for number in range(2000)]
    compiled = grammar(f'<rule id="r"><one-of>{"".join(f"<item>{one}</item>" for one in numbers)}</one-of></rule>')
    matcher = Matcher(compiled)
    for key in numbers[1234]:
        assert matcher.can_go_on
        matcher.feed(key)
    assert (matcher.matched, matcher.can_go_on) == (True, False)


def test_a_grammar_that_never_settles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vxml.grammar.matcher._MAX_WORK", 20_000)
    hostile = grammar(
        '<rule id="r"><one-of><item><ruleref uri="#s"/><ruleref uri="#s"/></item><item>1</item></one-of>'
        '</rule><rule id="s"><ruleref uri="#r"/><ruleref uri="#r"/></rule>'
    )
    matcher = Matcher(hostile)
    fed = 0
    while matcher.can_go_on and fed < 20:
        matcher.feed("1")
        fed += 1
    assert fed < 20
