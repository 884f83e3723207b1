"""SISR 1.0: what a match means, section by section, in both forms and both tag formats."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.voicexml import talk
from vxml.ecmascript import Engine, ScriptError
from vxml.grammar import Matcher, link, parse_grammar
from vxml.grammar.tokens import split_keys, words_of
from vxml.messages import Spoken

HEAD = "#ABNF 1.0 UTF-8;\nlanguage en-US;\nroot $r;\ntag-format <{}>;\n"


def meaning(rules: str, said: str, form: str = "semantics/1.0", others: dict[str, str] | None = None) -> Any:
    externals = {url: parse_grammar((HEAD.format(form) + text).encode()) for url, text in (others or {}).items()}
    matcher = Matcher(link(parse_grammar((HEAD.format(form) + rules).encode()), externals))
    for word in words_of(said):
        matcher.feed(word)
    assert matcher.matched
    return matcher.value(Engine())


# --- 3 tag syntaxes ---------------------------------------------------------------------------------------


def test_string_literals_are_taken_as_they_stand() -> None:
    rules = "$r = a {x = 'y'; z} | b {!{ {1} }!} | c $s; $s = d {e};"
    said = [meaning(rules, words, "semantics/1.0-literals") for words in ("a", "b", "c d")]
    assert said == ["x = 'y'; z", "{1}", "e"]


def test_of_several_string_literals_the_last_is_the_value() -> None:
    assert meaning("$r = a {one} b {two};", "a b", "semantics/1.0-literals") == "two"


def test_a_tag_is_a_program() -> None:
    rules = "$r = a {var s = 0; for (var i = 1; i <= 4; i++) { if (i % 2) continue; s += i } out = s;} {out = out * 2};"
    assert meaning(rules.replace("{var", "{!{var").replace("s;}", "s;}!}"), "a") == 12


# --- 4 variables ------------------------------------------------------------------------------------------


def test_out_begins_as_an_object() -> None:
    assert meaning("$r = a {out.x = 1} b {!{ out['y z'] = [2, {w: 3}] }!};", "a b") == {"x": 1, "y z": [2, {"w": 3}]}


@pytest.mark.parametrize(
    ("script", "value"),
    [("out = 'x'", "x"), ("out = 2.5", 2.5), ("out = true", True), ("out = null", None), ("out = [1,'a']", [1, "a"])],
)
def test_out_may_be_any_value(script: str, value: object) -> None:
    assert meaning(f"$r = a {{{script}}};", "a") == value


def test_variables_of_a_rule_live_through_its_tags_and_header_tags_are_shared() -> None:
    rules = "{!{ function twice(n) { return n * 2 } }!};\n$r = {var n = 1} a {n = twice(n + 1)} b {out.n = n};"
    assert meaning(rules, "a b") == {"n": 4}


def test_variables_of_a_rule_are_its_own_each_time() -> None:
    rules = (
        "$r = {var n = 1} $s {out.first = rules.s} $s {out.second = rules.s; out.n = n};"
        "$s = a {!{ var n = typeof n == 'undefined' ? 10 : n + 1; out = n }!};"
    )
    assert meaning(rules, "a a") == {"first": 10, "second": 10, "n": 1}


def test_header_variables_are_shared_by_the_rules_and_begin_anew_with_each_utterance() -> None:
    rules = "{var count = 0};\n$r = $s<1-> {out = count}; $s = a {count = count + 1};"
    assert [meaning(rules, "a a a"), meaning(rules, "a")] == [3, 1]


def test_a_name_that_is_only_assigned_is_the_grammars() -> None:
    assert meaning("$r = $s b {out = seen}; $s = a {seen = 'a'; out = 1};", "a b") == "a"
    with pytest.raises(ScriptError, match="seen"):
        meaning("$r = a {out = seen};", "a")


def test_each_grammar_has_header_variables_of_its_own() -> None:
    other = "{!{ var name = 'other'; function who() { return name } }!};\npublic $s = b {out = who()}; $r = c;"
    rules = "{!{ var name = 'own' }!};\n$r = a $<o#s> {out.theirs = rules.s; out.mine = name; out.leak = typeof who};"
    assert meaning(rules, "a b", others={"o": other}) == {"theirs": "other", "mine": "own", "leak": "undefined"}


# --- 4.3 rules of other rules, 4.4 text and score ---------------------------------------------------------


def test_rules_latest_and_meta() -> None:
    rules = (
        "$r = $size $thing {out.size = rules.size; out.last = rules.latest(); out.said = meta.current().text;"
        " out.part = meta.size.text; out.latest = meta.latest().text; out.score = typeof meta.size.score};\n"
        "$size = (big | large) {out = 'L'};\n$thing = red ball;"
    )
    assert meaning(rules, "large red ball") == {
        "size": "L",
        "last": "red ball",
        "said": "large red ball",
        "part": "large",
        "latest": "red ball",
        "score": "number",
    }


def test_a_rule_referred_to_again_has_its_latest_value() -> None:
    rules = "$r = {out = ''} ($d {out = out + rules.d})<1->; $d = one {out = '1'} | two {out = '2'};"
    assert meaning(rules, "two one two") == "212"


def test_rules_not_yet_visited_are_undefined() -> None:
    rules = "$r = {out.before = typeof rules.s; out.none = typeof rules.latest()} $s {out.after = rules.s}; $s = a;"
    assert meaning(rules, "a") == {"before": "undefined", "none": "undefined", "after": "a"}


def test_rules_see_only_what_they_refer_to_themselves() -> None:
    assert meaning("$r = $s {out = typeof rules.t}; $s = $t {out = rules.t}; $t = a;", "a") == "undefined"


def test_a_reference_to_a_root_rule_has_that_rules_name() -> None:
    assert meaning("$r = $<o> {out = rules.r + '!'};", "b", others={"o": "$r = b {out = 'B'};"}) == "B!"


def test_words_of_garbage_and_of_tokens_are_in_the_text() -> None:
    rules = '$r = $GARBAGE "New York" {out = meta.current().text} please {out = [out, meta.current().text]};'
    assert meaning(rules, "er new york please") == ["er New York", "er New York please"]


def test_recursive_rules_build_nested_values() -> None:
    rules = "$r = a {out.n = 1} [$r {out.inner = rules.r}];"
    assert meaning(rules, "a a") == {"n": 1, "inner": {"n": 1}}


# --- 5 defaults -------------------------------------------------------------------------------------------


def test_a_rule_without_tags_means_its_last_reference_or_its_words() -> None:
    assert meaning("$r = $a please; $a = yes {out = true};", "yes please") is True
    assert meaning("$r = $a please; $a = yes sir;", "yes sir please") == "yes sir"
    assert meaning("$r = $a $b; $a = x {out = 1}; $b = y {out = 2};", "x y") == 2


def test_only_tags_that_were_passed_count() -> None:
    assert meaning("$r = yes | no {out = 'N'};", "yes") == "yes"


def test_a_tag_that_leaves_out_alone_leaves_an_object() -> None:
    assert meaning("$r = yes {var x = 1};", "yes") == {}


def test_keys_without_tags_mean_the_keys() -> None:
    grammar = link(parse_grammar(b"#ABNF 1.0;\nmode dtmf;\nroot $r;\n$r = $p<2> [$t]; $p = 1 2; $t = 3 {out = 'x'};"))
    values = []
    for keys in ("1212", "12123"):
        matcher = Matcher(grammar)
        for key in split_keys(keys):
            matcher.feed(key)
        values.append(matcher.value(Engine()))
    assert values == ["12", "x"]


# --- the recommendation's longer examples, in our words ---------------------------------------------------


def test_the_pizza_order() -> None:
    rules = """$r = I would like a $drink {out.drink = new Object(); out.drink.liquid = rules.drink.type;
        out.drink.size = rules.drink.size} and $pizza {out.pizza = rules.pizza};
        $drink = {out.size = 'medium'} [$size {out.size = rules.size}]
          (coke {out.type = 'coke'} | pepsi {out.type = 'pepsi'});
        $size = small | (medium | regular) {out = 'medium'} | large;
        $pizza = {out.number = 1; out.topping = []} $number {out.number = rules.number} pizzas
          [with $top {out.topping.push(rules.top)} (and $top {out.topping.push(rules.top)})<0->];
        $number = three {out = 3} | two {out = 2};
        $top = anchovies | pepperoni | (mushroom | mushrooms) {out = 'mushroom'};"""
    assert meaning(rules, "I would like a small coke and three pizzas with pepperoni and mushrooms") == {
        "drink": {"liquid": "coke", "size": "small"},
        "pizza": {"number": 3, "topping": ["pepperoni", "mushroom"]},
    }


def test_a_number_is_computed_from_its_words() -> None:
    rules = """$r = {out = 0} [$t {out += rules.t * 1000} thousand] [$t {out += rules.t}];
        $t = (one {out = 1} | two {out = 2} | three {out = 3}) [hundred {out *= 100} [and $t {out += rules.t}]];"""
    assert meaning(rules, "two thousand one hundred and three") == 2103


def test_an_xml_grammar_with_tags_fills_a_field() -> None:
    body = """<form><field name="f"><grammar mode="voice" version="1.0" root="r" tag-format="semantics/1.0">
      <tag>var airports = {boston: 'BOS', paris: 'CDG'};</tag>
      <rule id="r">from <ruleref uri="#city"/><tag>out.from = airports[rules.city]</tag>
        to <ruleref uri="#city"/><tag><![CDATA[if (1 < 2) out.to = airports[rules.latest()]]]></tag></rule>
      <rule id="city"><one-of><item>boston</item><item>paris</item></one-of></rule></grammar>
      <filled><log><value expr="f.from + f.to"/></log></filled></field></form>"""
    assert talk(body, [Spoken("from Paris to Boston")], recognizer=True).of("log") == ["CDGBOS"]


# --- what goes wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["out = ", "throw 'x'", "nowhere()", "null.x"])
def test_a_failing_tag_is_an_error(script: str) -> None:
    with pytest.raises(ScriptError):
        meaning(f"$r = a {{{script}}};", "a")
