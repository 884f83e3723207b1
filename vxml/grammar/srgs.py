"""SRGS 1.0 to rules: either form by `parse_grammar`, and the XML form itself. https://www.w3.org/TR/speech-grammar/"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
from vxml.grammar.parts import MAX_DEPTH, check_language, check_rule_name, make_repeat, make_tag, read_weight
from vxml.grammar.tokens import one_token, read_tokens

_EXPANSIONS: Final = frozenset(("token", "ruleref", "item", "one-of", "tag"))
_HEADER: Final = frozenset(("meta", "metadata", "lexicon", "tag"))
#: What may stand in what (the schema of appendix C); elements of other namespaces may stand anywhere.
_MAY_HOLD: Final[Mapping[str, frozenset[str]]] = {
    "grammar": _HEADER | {"rule"},
    "rule": _EXPANSIONS | {"example"},
    "item": _EXPANSIONS,
    "one-of": frozenset(("item",)),
    "token": frozenset(),
    "ruleref": frozenset(),
    "tag": frozenset(),
    "example": frozenset(),
    "meta": frozenset(),
    "lexicon": frozenset(),
}
#: The schema of the XML form has it, though the text has not.
_AT_MOST: Final = re.compile(r"-[0-9]+")
_HOLDS_TEXT: Final = frozenset(("rule", "item", "token", "tag", "example"))


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
    rules_began = False
    for child in node.elements():
        if rules_began and child.tag in _HEADER and child.ns == SRGS_NS:
            raise GrammarError(f"<{child.tag}> belongs before the first <rule>", child.line)
        rules_began = rules_began or child.tag == "rule"


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
        self._local: list[RuleRef] = []
        self._depth = 0

    def read(self) -> ParsedGrammar:
        node = self._node
        rules: dict[str, Expansion] = {}
        public: set[str] = set()
        meta: dict[str, str] = {}
        scripts, lexicons = [], []
        for child in self._parts(node):
            assert isinstance(child, Node)
            if child.tag == "rule":
                self._rule(child, rules, public)
            elif child.tag == "meta":
                self._meta(child, meta)
            elif child.tag == "tag":
                scripts.append(child.text())
            elif child.tag == "lexicon":
                lexicons.append(self._lexicon(child))
        root = node.get("root")
        if root and root not in rules:
            raise GrammarError(f'root="{root}": there is no such rule', node.line)
        for reference in self._local:
            if reference.rule not in rules:
                raise GrammarError(
                    f'ruleref uri="#{reference.rule}": there is no rule "{reference.rule}" here', reference.line
                )
        return ParsedGrammar(
            self._mode,
            root,
            rules,
            frozenset(public),
            self._language,
            tuple(self._externals),
            base=node.get("xml:base") or meta.get("base", ""),
            meta=meta,
            scripts=tuple(scripts),
            lexicons=tuple(lexicons),
        )

    def _parts(self, node: Node) -> list[Node | str]:
        """What is in an element, without elements of other namespaces; GrammarError where something does not belong."""
        allowed = _MAY_HOLD[node.tag]
        parts: list[Node | str] = []
        for child in node.children:
            if isinstance(child, str):
                if node.tag in _HOLDS_TEXT:
                    parts.append(child)
                elif child.strip():
                    raise GrammarError(f'"{child.strip()[:40]}" cannot stand directly in <{node.tag}>', node.line)
            elif child.ns in (self._node.ns, ""):
                if child.tag not in allowed:
                    raise GrammarError(f"<{child.tag}> does not belong in <{node.tag}>", child.line)
                parts.append(child)
        return parts

    # --- the header

    def _meta(self, node: Node, meta: dict[str, str]) -> None:
        self._parts(node)
        name = node.get("name")
        if bool(name) == bool(node.get("http-equiv")) or "content" not in node.attrs:
            raise GrammarError("<meta> needs content and one of name and http-equiv", node.line)
        if name:
            meta[name] = node.get("content")

    def _lexicon(self, node: Node) -> str:
        self._parts(node)
        if not node.get("uri").strip():
            raise GrammarError("<lexicon> needs a uri", node.line)
        return node.get("uri").strip()

    # --- rules

    def _rule(self, node: Node, rules: dict[str, Expansion], public: set[str]) -> None:
        name = node.get("id")
        check_rule_name(name, node.line)
        if name in rules:
            raise GrammarError(f'rule "{name}" is defined twice', node.line)
        parts = self._parts(node)
        if not any(part.strip() if isinstance(part, str) else part.tag != "example" for part in parts):
            raise GrammarError(f'rule "{name}" is empty: write <ruleref special="NULL"/> for nothing', node.line)
        rules[name] = self._sequence(node, parts)
        if node.get("scope", "private") not in ("public", "private"):
            raise GrammarError(f'rule "{name}": scope is public or private', node.line)
        if node.get("scope") == "public":
            public.add(name)

    def _sequence(self, node: Node, parts: list[Node | str]) -> Expansion:
        items: list[Expansion] = []
        for part in parts:
            if isinstance(part, str):
                items += read_tokens(part, self._mode, node.line)
            elif part.tag != "example":
                items += self._element(part)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _element(self, node: Node) -> list[Expansion]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise GrammarError(f"more than {MAX_DEPTH} elements within each other", node.line)
        made = self._expansion(node)
        self._depth -= 1
        return made

    def _expansion(self, node: Node) -> list[Expansion]:
        if language := node.get("xml:lang"):
            check_language(language, node.line)
        parts = self._parts(node)
        match node.tag:
            case "item":
                return [self._item(node, parts)]
            case "one-of":
                return [self._one_of(node, parts)]
            case "ruleref":
                return [self._reference(node)]
            case "token":
                return one_token(node.text(), self._mode, node.line)
        return [self._tag(node)]

    def _one_of(self, node: Node, parts: list[Node | str]) -> Expansion:
        items = [part for part in parts if isinstance(part, Node)]
        if not items:
            raise GrammarError("<one-of> has no <item>", node.line)
        options = tuple(option for item in items for option in self._element(item))
        weights = tuple(read_weight(item.get("weight", "1").strip(), item.line) for item in items)
        return Alternatives(options, weights if set(weights) != {1.0} else ())

    def _item(self, node: Node, parts: list[Node | str]) -> Expansion:
        read_weight(node.get("weight", "1").strip(), node.line)
        inner = self._sequence(node, parts)
        repeat = node.attrs.get("repeat")
        if repeat is None:
            return inner
        if _AT_MOST.fullmatch(repeat.strip()):
            repeat = f"0{repeat.strip()}"
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
        reference = RuleRef(url, rule, node.line, node.get("type").strip())
        if url:
            self._externals[url] = None
        else:
            self._local.append(reference)
        return reference

    def _tag(self, node: Node) -> Tag:
        return make_tag(node.text(), self._format)
