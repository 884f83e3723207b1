"""SRGS 1.0 statement by statement, in both forms: what is legal, what it matches, what must be refused."""

from __future__ import annotations

import pytest

from vxml.grammar import GrammarError, Matcher, ParsedGrammar, link, parse_grammar
from vxml.grammar.parses import is_a_parse, structure_of, write_structure
from vxml.grammar.tokens import words_of

ABNF = "#ABNF 1.0 UTF-8;\nlanguage en-US;\nroot $r;\n"
XML = '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en-US" root="r"{}>{}</grammar>'


def abnf(rules: str, head: str = ABNF) -> ParsedGrammar:
    return parse_grammar((head + rules).encode())


def xml(rules: str, attributes: str = "") -> ParsedGrammar:
    return parse_grammar(XML.format(attributes, rules).encode())


def understood(grammar: ParsedGrammar, said: str, externals: dict[str, ParsedGrammar] | None = None) -> str | None:
    matcher = Matcher(link(grammar, externals))
    for word in words_of(said):
        matcher.feed(word)
    return write_structure(structure_of(matcher)) if matcher.matched else None


# --- 2.1 tokens, 2.3 sequences, 2.6 tags ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "said", "structure"),
    [
        ("$r = a.b c-d e:f _g;", "a.b c-d e:f _g", '$r["a.b","c-d","e:f","_g"]'),
        ('$r = " San   Francisco ";', "san francisco", '$r["San Francisco"]'),
        ('$r = "a | b {x} // c";', "a | b {x} // c", '$r["a | b {x} // c"]'),
        ("$r = हिन्दी;", "हिन्दी", '$r["हिन्दी"]'),
        (
            "$r = public private meta is base;",
            "public private meta is base",
            '$r["public","private","meta","is","base"]',
        ),
        ("$r = () a ();", "a", '$r["a"]'),
        ("$r = {x}{y} a;", "a", '$r[{!{x}!},{!{y}!},"a"]'),
        ("$r = {!{ {a} }!} b;", "b", '$r[{!{{a}}!},"b"]'),
        ("$r = a /* { | */ b // ; \n c;", "a b c", '$r["a","b","c"]'),
        ("$r/**/=/**/a/**/;", "a", '$r["a"]'),
        ("$r = o'clock;", "o'clock", '$r["o\'clock"]'),
    ],
)
def test_tokens_tags_and_comments_in_abnf(rules: str, said: str, structure: str) -> None:
    assert understood(abnf(rules), said) == structure


@pytest.mark.parametrize(
    ("rule", "said", "structure"),
    [
        ("<token> San \n Francisco </token>", "san francisco", '$r["San Francisco"]'),
        ('please "San Francisco" now', "please san francisco now", '$r["please","San Francisco","now"]'),
        ('<token>"a</token>', "a", None),
        ("a<!-- b -->c", "ac", '$r["ac"]'),
        ("<item/>a<item> </item>", "a", '$r["a"]'),
        ("<tag>x</tag>a<tag><![CDATA[y<1]]></tag>", "a", '$r[{!{x}!},"a",{!{y<1}!}]'),
        ("a<x:note xmlns:x='urn:x'>b</x:note> c", "a c", '$r["a","c"]'),
    ],
)
def test_tokens_and_tags_in_xml(rule: str, said: str, structure: str | None) -> None:
    assert understood(xml(f'<rule id="r">{rule}</rule>'), said) == structure


# --- 2.4 alternatives, 2.5 repeats, 2.8 precedence --------------------------------------------------------


@pytest.mark.parametrize("weight", ["10", "2.", ".5", "0.1", "00.50"])
def test_legal_weights(weight: str) -> None:
    assert understood(abnf(f"$r = /{weight}/ a | b;"), "a") == '$r["a"]'
    assert understood(xml(f'<rule id="r"><one-of><item weight="{weight}">a</item></one-of></rule>'), "a")


@pytest.mark.parametrize("weight", ["-1", "+1", "1e2", "x", "1,5", ".", "1.2.3"])
def test_illegal_weights(weight: str) -> None:
    with pytest.raises(GrammarError):
        abnf(f"$r = /{weight}/ a | b;")
    with pytest.raises(GrammarError, match="weight"):
        xml(f'<rule id="r"><one-of><item weight="{weight}">a</item></one-of></rule>')


@pytest.mark.parametrize(
    ("rules", "accepted", "refused"),
    [
        ("$r = a b<2>;", "a b b", "a b a b"),
        ("$r = (a b)<2>;", "a b a b", "a b b"),
        ("$r = a | b c;", "b c", "a c"),
        ("$r = /2/ a b | c;", "a b", "a c"),
        ("$r = [a] b;", "b", "a"),
        ("$r = [a | b]<2> c;", "a b c", "a b a c"),
        ("$r = a<0> b;", "b", "a b"),
        ("$r = a<2-> ;", "a a a", "a"),
        ("$r = a<0-1 /.25/> b;", "b", "a"),
        ("$r = a <1 - 2>;", "a a", "a a a"),
        ("$r = $NULL<3> a $VOID<0-2>;", "a", "b"),
        ("$r = (a {x})!fr<2>;", "a a", "a"),
    ],
)
def test_operators_bind_as_section_2_8_says(rules: str, accepted: str, refused: str) -> None:
    grammar = abnf(rules)
    assert (understood(grammar, accepted) is not None, understood(grammar, refused)) == (True, None)


@pytest.mark.parametrize(
    ("repeat", "fits"),
    [("2", {2}), ("1-2", {1, 2}), ("0-1", {0, 1}), ("2-", {2, 3, 4}), ("0", {0}), ("0-0", {0}), ("-2", {0, 1, 2})],
)
def test_repeats_in_xml(repeat: str, fits: set[int]) -> None:
    grammar = xml(f'<rule id="r">b <item repeat="{repeat}" repeat-prob="0.5">a</item></rule>')
    assert {times for times in range(5) if understood(grammar, "b " + "a " * times)} == fits


@pytest.mark.parametrize("repeat", ["", "-", "a", "1-x", "2-1", "1.5", "-1-2", "+1"])
def test_illegal_repeats(repeat: str) -> None:
    with pytest.raises(GrammarError, match="repeat"):
        xml(f'<rule id="r"><item repeat="{repeat}">a</item></rule>')
    with pytest.raises(GrammarError):
        abnf(f"$r = a<{repeat}>;")


@pytest.mark.parametrize("probability", ["1.1", "-0.5", "x", "1e-1", ""])
def test_illegal_repeat_probabilities(probability: str) -> None:
    with pytest.raises(GrammarError, match="probability"):
        xml(f'<rule id="r"><item repeat="0-1" repeat-prob="{probability}">a</item></rule>')
    with pytest.raises(GrammarError):
        abnf(f"$r = a<0-1 /{probability}/>;")


def test_of_ambiguous_readings_each_is_a_parse() -> None:
    grammar = link(abnf("$r = $a | $b | c<0-> [c] {t}; $a = x; $b = x;"))
    assert is_a_parse(grammar, ["x"], ["$r", "$a", '"x"', "]", "]"])
    assert is_a_parse(grammar, ["x"], ["$r", "$b", '"x"', "]", "]"])
    assert not is_a_parse(grammar, ["x"], ["$r", '"x"', "]"])
    assert is_a_parse(grammar, ["c", "c"], ["$r", '"c"', '"c"', "{!{t}!}", "]"])
    assert not is_a_parse(grammar, ["c", "c"], ["$r", '"c"', "{!{t}!}", "]"])


# --- 2.7 languages ----------------------------------------------------------------------------------------


def test_languages_attach_to_tokens_sequences_and_alternatives() -> None:
    grammar = abnf('$r = oui!fr-CA "bien sûr"!fr (non | si)!es,fr [ja]!de <2>;')
    assert understood(grammar, "oui bien sûr si ja") == '$r["oui","bien sûr","si","ja"]'


@pytest.mark.parametrize("rules", ["$r = a!;", "$r = a!e_n;", "$r = a!en-;", "$r = {t}!en;", "$r = a<2>!en;"])
def test_faulty_language_attachments(rules: str) -> None:
    with pytest.raises(GrammarError):
        abnf(rules)


@pytest.mark.parametrize("language", ["e n", "en_US", "", "1234567890-x"])
def test_faulty_languages(language: str) -> None:
    with pytest.raises(GrammarError):
        parse_grammar(XML.replace("en-US", language).format("", '<rule id="r">a</rule>').encode())


# --- 2.2 references, 3 rules ------------------------------------------------------------------------------


def test_references_from_grammar_to_grammar() -> None:
    other = parse_grammar(XML.format("", '<rule id="r">ja</rule><rule id="p" scope="public">no</rule>').encode())
    grammar = abnf("$r = $<o.grxml> | $<o.grxml#p>~<application/srgs+xml>;")
    assert understood(grammar, "ja", {"o.grxml": other}) == '$r[$<o.grxml>["ja"]]'
    assert understood(grammar, "no", {"o.grxml": other}) == '$r[$<o.grxml#p>["no"]]'


@pytest.mark.parametrize(
    "reference",
    [
        "$<o.grxml#r>",  # private, though the root
        "$<o.grxml#none>",
        "$<o.grxml>~<application/srgs>",
        "$<gone.grxml>",
        "$gone",
        "$<>",
        "$<o.grxml> ~ <application/srgs+xml>",
    ],
)
def test_references_that_lead_nowhere(reference: str) -> None:
    other = parse_grammar(XML.format("", '<rule id="r">ja</rule>').encode())
    with pytest.raises(GrammarError):
        link(abnf(f"$r = {reference};"), {"o.grxml": other})


def test_a_reference_without_fragment_needs_a_root() -> None:
    other = parse_grammar(XML.replace(' root="r"', "").format("", '<rule id="r" scope="public">ja</rule>').encode())
    with pytest.raises(GrammarError, match="no root"):
        link(abnf("$r = $<o.grxml>;"), {"o.grxml": other})


@pytest.mark.parametrize(
    "reference",
    ["<ruleref/>", '<ruleref uri="#x" special="NULL"/>', '<ruleref special="ANY"/>', '<ruleref uri="#r">a</ruleref>'],
)
def test_faulty_references_in_xml(reference: str) -> None:
    with pytest.raises(GrammarError):
        xml(f'<rule id="r">{reference}</rule>')


def test_rule_names_are_case_sensitive_and_scopes_default_to_private() -> None:
    grammar = abnf("public $r = $a $A; $a = x; private $A = y;")
    assert (understood(grammar, "x y"), grammar.public) == ('$r[$a["x"],$A["y"]]', {"r"})


@pytest.mark.parametrize("name", ["1a", "a-b", "a.b", "a:b", "NULL", "VOID", "GARBAGE", "", "a b"])
def test_illegal_rule_names(name: str) -> None:
    with pytest.raises(GrammarError):
        xml(f'<rule id="r">a</rule><rule id="{name}">b</rule>')
    with pytest.raises(GrammarError):
        abnf(f"$r = a; ${name} = b;")


@pytest.mark.parametrize("scope", ["PUBLIC", "global", ""])
def test_illegal_scopes(scope: str) -> None:
    with pytest.raises(GrammarError):
        xml(f'<rule id="r" scope="{scope}">a</rule>')


def test_recursive_rules() -> None:
    grammar = abnf("$r = a [$r];")
    assert understood(grammar, "a a a") == '$r["a",$r["a",$r["a"]]]'
    assert understood(grammar, "a " * 200)


# --- 4 the header -----------------------------------------------------------------------------------------


def test_every_declaration_of_the_abnf_header() -> None:
    grammar = parse_grammar(
        b"""#ABNF 1.0 ISO-8859-1;
// a comment
mode voice; root $r; language en;
tag-format <semantics/1.0>; base <http://host/grammars/>;
lexicon <http://host/a.pls>; lexicon <b.pls>~<application/pls+xml>;
meta "author" is 'A. "B" C'; http-equiv 'Expires' is "0";
{!{ var n = 1 }!};
/** @example yes */
$r = y\xe9s;
"""
    )
    assert (grammar.base, dict(grammar.meta)) == ("http://host/grammars/", {"author": 'A. "B" C'})
    assert grammar.lexicons == ("http://host/a.pls", "b.pls")
    assert grammar.scripts == ("var n = 1",)
    assert understood(grammar, "yés")


@pytest.mark.parametrize(
    "text",
    [
        "language en;\nroot $r;\n$r = a;",
        " #ABNF 1.0;\nlanguage en;\n$r = a;",
        "#abnf 1.0;\nlanguage en;\n$r = a;",
        "#ABNF  1.0;\nlanguage en;\n$r = a;",
        "#ABNF 1.0\nlanguage en;\n$r = a;",
        "#ABNF 1.0 ;\nlanguage en;\n$r = a;",
        "#ABNF 1.1;\nlanguage en;\n$r = a;",
        "#ABNF 1.0; language en;\n$r = a;",
        "#ABNF 1.0 NO-SUCH-1;\nlanguage en;\n$r = a;",
        "#ABNF 1.0;\nlanguage en\n$r = a;",
        "#ABNF 1.0;\nlanguage en; language fr;\n$r = a;",
        "#ABNF 1.0;\nmode talk; language en;\n$r = a;",
        "#ABNF 1.0;\nlanguage en; root r;\n$r = a;",
        "#ABNF 1.0;\nlanguage en; root $NULL;\n$r = a;",
        "#ABNF 1.0;\nlanguage en; tag-format semantics;\n$r = a;",
        "#ABNF 1.0;\nlanguage en; base <a>~<b>;\n$r = a;",
        "#ABNF 1.0;\nlanguage en; meta a is b;\n$r = a;",
        "#ABNF 1.0;\nlanguage en; meta 'a' 'b';\n$r = a;",
        "#ABNF 1.0;\nlanguage en;\n$r = a;\nmeta 'a' is 'b';",
        "#ABNF 1.0;\nlanguage en;\n$r = a;\n{tag};",
        "#ABNF 1.0;\nlanguage en;\nhidden $r = a;",
    ],
)
def test_faulty_abnf_headers(text: str) -> None:
    with pytest.raises(GrammarError):
        link(parse_grammar(text.encode()))


@pytest.mark.parametrize(
    "rules",
    [
        "$r = a |;",
        "$r = | a;",
        "$r = a || b;",
        "$r = [];",
        "$r = (a;",
        "$r = a);",
        "$r = 'a';",
        '$r = "";',
        '$r = "a;',
        "$r = a#;",
        "$r = a & b;",
        "$r = a, b;",
        "$r = a<2><3>;",
        "$r = <2> a;",
        "$r = {a} };",
        "$r = a /* b;",
        "$r a;",
        "$r = a $s = b;",
        "r = a;",
        "$r = (/2/);",
    ],
)
def test_faulty_abnf_rules(rules: str) -> None:
    with pytest.raises(GrammarError):
        abnf(rules)


@pytest.mark.parametrize(
    "content",
    [
        '<rule id="r">a</rule>words',
        '<rule id="r">a</rule><meta name="a" content="b"/>',
        '<meta name="a"/><rule id="r">a</rule>',
        '<meta content="a"/><rule id="r">a</rule>',
        '<meta name="a" http-equiv="b" content="c"/><rule id="r">a</rule>',
        '<lexicon/><rule id="r">a</rule>',
        '<item>a</item><rule id="r">a</rule>',
        '<rule id="r"><rule id="s">a</rule></rule>',
        '<rule id="r"><item><example>a</example>a</item></rule>',
        '<rule id="r"><one-of>a</one-of></rule>',
        '<rule id="r"><one-of><token>a</token></one-of></rule>',
        '<rule id="r"><token/></rule>',
        '<rule id="r"><token><item>a</item></token></rule>',
        '<rule id="r"><tag><item>a</item></tag></rule>',
        '<rule id="r"><count number="2">a</count></rule>',
        '<rule id="r"><example>a</example></rule>',
    ],
)
def test_faulty_xml_grammars(content: str) -> None:
    with pytest.raises(GrammarError):
        xml(content)


def test_everything_an_xml_grammar_may_hold() -> None:
    grammar = xml(
        """<meta name="author" content="A"/><meta http-equiv="Expires" content="0"/><lexicon uri="a.pls" type="x/y"/>
        <metadata><r:RDF xmlns:r="urn:r"><r:a>b</r:a></r:RDF></metadata><tag>var n = 1</tag>
        <rule id="r" scope="public"><example>a</example>a</rule>""",
        ' xml:base="http://host/" tag-format="semantics/1.0" mode="voice"',
    )
    assert (grammar.base, grammar.lexicons, grammar.scripts) == ("http://host/", ("a.pls",), ("var n = 1",))
    assert understood(grammar, "a")


def test_a_base_declaration_goes_before_meta_base() -> None:
    grammar = abnf("meta 'base' is 'http://meta/';\nbase <http://base/>;\n$r = $<a>;")
    assert grammar.resolve("http://own/g", "a") == "http://base/a"


# --- appendix E: keys -------------------------------------------------------------------------------------


def test_every_key_of_a_telephone() -> None:
    grammar = abnf('$r = 0 1 2 3 4 5 6 7 8 9 A B C D "*" "#" star pound;', "#ABNF 1.0;\nmode dtmf;\nroot $r;\n")
    matcher = Matcher(link(grammar))
    for key in "0123456789ABCD*#*#":
        matcher.feed(key)
    assert matcher.matched


@pytest.mark.parametrize("rules", ["$r = *;", "$r = #;", "$r = five;", "$r = E;"])
def test_what_is_no_key(rules: str) -> None:
    with pytest.raises(GrammarError):
        abnf(rules, "#ABNF 1.0;\nmode dtmf;\nroot $r;\n")
