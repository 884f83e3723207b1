"""SRGS 1.0 to rules: either form by `parse_grammar`, and the XML form itself. https://www.w3.org/TR/speech-grammar/"""

from __future__ import annotations

from typing import Final

from vxml.document import SRGS_NS, DocumentError, Node, parse_xml
from vxml.grammar.abnf import decode_abnf, looks_like_abnf, parse_abnf
from vxml.grammar.model import (
    Alternatives,
    Expansion,
    GrammarError,
    Mode,
    ParsedGrammar,
    RuleRef,
    Sequence,
    Special,
    Tag,
)
from vxml.grammar.parts import check_language, check_rule_name, make_repeat, make_tag, read_weight
from vxml.grammar.tokens import one_token, read_tokens

_IN_GRAMMAR: Final = frozenset(("rule", "meta", "metadata", "lexicon", "tag", "example"))


def parse_grammar(body: bytes) -> ParsedGrammar:
    """Raise GrammarError naming the line when `body` is not a usable SRGS grammar, in XML or ABNF."""
    if looks_like_abnf(body):
        return parse_abnf(decode_abnf(body))
    try:
        node = parse_xml(body)
    except DocumentError as error:
        raise GrammarError(str(error), error.line) from error
    _check_header(node)
    return parse_grammar_node(node)


def _check_header(node: Node) -> None:
    """What a grammar in a file of its own must say of itself (sections 4.1 to 4.5); inline ones inherit it."""
    if node.tag == "grammar" and node.ns != SRGS_NS:
        raise GrammarError(f'<grammar> needs xmlns="{SRGS_NS}"', node.line)
    if node.get("version") != "1.0":
        raise GrammarError(f'version="{node.get("version")}": write version="1.0" on <grammar>', node.line)
    if node.get("mode", "voice") == "voice" and not node.get("xml:lang"):
        raise GrammarError('a voice grammar needs xml:lang, say xml:lang="en-US"', node.line)
    if node.get("mode", "voice") == "voice":
        check_language(node.get("xml:lang"), node.line)
    if node.text():
        raise GrammarError("words belong in a <rule>, not directly in <grammar>", node.line)


def parse_grammar_node(node: Node, *, language: str = "en-US") -> ParsedGrammar:
    """A `<grammar>` element, alone or inside a VoiceXML document (whose language it inherits)."""
    if node.tag != "grammar":
        raise GrammarError(f"expected <grammar>, found <{node.tag}>", node.line)
    return _Reader(node, language).read()


class _Reader:
    def __init__(self, node: Node, language: str) -> None:
        self._node = node
        mode = node.get("mode", "voice")
        if mode not in ("voice", "dtmf"):
            raise GrammarError(f'mode="{mode}": write voice or dtmf', node.line)
        self._mode = Mode(mode)
        self._language = node.get("xml:lang", language)
        self._format = node.get("tag-format")
        self._externals: dict[str, None] = {}

    def read(self) -> ParsedGrammar:
        node = self._node
        rules: dict[str, Expansion] = {}
        public: set[str] = set()
        for child in node.elements():
            if child.tag not in _IN_GRAMMAR and child.ns in (node.ns, ""):
                raise GrammarError(f"<{child.tag}> does not belong in a grammar", child.line)
        nodes = list(node.elements("rule"))
        for rule in nodes:
            name = rule.get("id")
            check_rule_name(name, rule.line)
            if name in rules:
                raise GrammarError(f'rule "{name}" is defined twice', rule.line)
            if not any(part.strip() if isinstance(part, str) else part.tag != "example" for part in rule.children):
                raise GrammarError(f'rule "{name}" is empty: write <ruleref special="NULL"/> for nothing', rule.line)
            rules[name] = self._sequence(rule)
            if rule.get("scope", "private") not in ("public", "private"):
                raise GrammarError(f'rule "{name}": scope is public or private', rule.line)
            if rule.get("scope") == "public":
                public.add(name)
        root = node.get("root")
        if root and root not in rules:
            raise GrammarError(f'root="{root}": there is no such rule', node.line)
        self._check_references(nodes, rules)
        meta = {one.get("name"): one.get("content") for one in node.elements("meta") if one.get("name")}
        return ParsedGrammar(
            self._mode,
            root,
            rules,
            frozenset(public),
            self._language,
            tuple(self._externals),
            base=node.get("xml:base") or meta.get("base", ""),
            meta=meta,
            scripts=tuple(tag.text() for tag in node.elements("tag")),
        )

    def _check_references(self, nodes: list[Node], rules: dict[str, Expansion]) -> None:
        for rule in nodes:
            for node in rule.walk():
                uri = node.get("uri") if node.tag == "ruleref" else ""
                if uri.startswith("#") and uri[1:] not in rules:
                    raise GrammarError(f'ruleref uri="{uri}": there is no rule "{uri[1:]}" here', node.line)

    def _sequence(self, node: Node) -> Expansion:
        items: list[Expansion] = []
        for child in node.children:
            if isinstance(child, str):
                items += read_tokens(child, self._mode, node.line)
            else:
                items += self._element(child)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _element(self, node: Node) -> list[Expansion]:
        match node.tag:
            case "item":
                return [self._item(node)]
            case "one-of":
                return [self._one_of(node)]
            case "ruleref":
                return [self._reference(node)]
            case "token":
                self._check_language(node)
                return one_token(node.text(), self._mode, node.line)
            case "tag":
                return [self._tag(node)]
            case "example" | "meta" | "metadata" | "lexicon":
                return []
        raise GrammarError(f"<{node.tag}> does not belong in a grammar rule", node.line)

    def _check_language(self, node: Node) -> None:
        if language := node.get("xml:lang"):
            check_language(language, node.line)

    def _one_of(self, node: Node) -> Expansion:
        self._check_language(node)
        items = list(node.elements("item"))
        if not items:
            raise GrammarError("<one-of> has no <item>", node.line)
        if any(part.strip() if isinstance(part, str) else part.tag != "item" for part in node.children):
            raise GrammarError("<one-of> holds nothing but <item>", node.line)
        weights = tuple(read_weight(item.get("weight", "1").strip(), item.line) for item in items)
        return Alternatives(tuple(self._item(item) for item in items), weights if set(weights) != {1.0} else ())

    def _item(self, node: Node) -> Expansion:
        self._check_language(node)
        inner = self._sequence(node)
        repeat = node.get("repeat")
        if not repeat:
            return inner
        return make_repeat(inner, repeat, node.attrs.get("repeat-prob"), node.line)

    def _reference(self, node: Node) -> Expansion:
        if special := node.get("special"):
            if node.get("uri"):
                raise GrammarError("<ruleref> has uri or special, not both", node.line)
            if special not in set(Special):
                raise GrammarError(f'special="{special}": write NULL, VOID or GARBAGE', node.line)
            return Special(special)
        uri = node.get("uri").strip()
        url, _, rule = uri.partition("#")
        if not url and not rule:
            raise GrammarError("<ruleref> needs uri or special", node.line)
        if url:
            self._externals[url] = None
        self._check_language(node)
        return RuleRef(url, rule, node.line, node.get("type").strip())

    def _tag(self, node: Node) -> Tag:
        return make_tag("".join(child for child in node.children if isinstance(child, str)).strip(), self._format)
