"""SRGS 1.0, XML form, to rules. https://www.w3.org/TR/speech-grammar/"""

from __future__ import annotations

import re
from typing import Final

from vxml.document import SRGS_NS, DocumentError, Node, parse_xml
from vxml.grammar.model import (
    Alternatives,
    Expansion,
    GrammarError,
    Mode,
    ParsedGrammar,
    Repeat,
    RuleRef,
    Sequence,
    Special,
    Tag,
    Token,
)

_KEY: Final = re.compile(r"[0-9*#A-Da-d]+")
_KEY_WORDS: Final = {"star": "*", "pound": "#", "hash": "#"}
_REPEAT: Final = re.compile(r"(\d+)(?:(-)(\d+)?)?")
_SCRIPT_TAG: Final = re.compile(r"\bout\b|\brules\b|\bmeta\b|[=;$]")
_PUNCTUATION: Final = re.compile(r"""[.,;:!?"]+(?=\s|$)""")
_MAX_REPEAT: Final = 1000


def parse_grammar(body: bytes) -> ParsedGrammar:
    """Raise GrammarError naming the line when `body` is not a usable SRGS XML grammar."""
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
        nodes = list(node.elements("rule"))
        for rule in nodes:
            name = rule.get("id")
            if not re.fullmatch(r"[^\W\d][\w-]*", name) or name in set(Special):
                raise GrammarError(f'rule id="{name}": a rule needs an id that is a name', rule.line)
            if name in rules:
                raise GrammarError(f'rule "{name}" is defined twice', rule.line)
            rules[name] = self._sequence(rule)
            if rule.get("scope") == "public":
                public.add(name)
        if not rules:
            raise GrammarError("the grammar has no <rule>", node.line)
        root = node.get("root") or nodes[0].get("id")
        if root not in rules:
            raise GrammarError(f'root="{root}": there is no such rule', node.line)
        self._check_references(nodes, rules)
        return ParsedGrammar(self._mode, root, rules, frozenset(public), self._language, tuple(self._externals))

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
                items += self._tokens(child, node.line)
            else:
                items += self._element(child)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _element(self, node: Node) -> list[Expansion]:
        match node.tag:
            case "item":
                return [self._item(node)]
            case "one-of":
                options = tuple(self._item(item) for item in node.elements("item"))
                if not options:
                    raise GrammarError("<one-of> has no <item>", node.line)
                return [Alternatives(options)]
            case "ruleref":
                return [self._reference(node)]
            case "token":
                return self._tokens(node.text(), node.line)
            case "tag":
                return [self._tag(node)]
            case "example" | "meta" | "metadata" | "lexicon":
                return []
        raise GrammarError(f"<{node.tag}> does not belong in a grammar rule", node.line)

    def _item(self, node: Node) -> Expansion:
        inner = self._sequence(node)
        repeat = node.get("repeat")
        if not repeat:
            return inner
        match = _REPEAT.fullmatch(repeat.strip())
        if not match:
            raise GrammarError(f'repeat="{repeat}": write n, n-m or n-', node.line)
        low = int(match[1])
        high = low if not match[2] else int(match[3]) if match[3] else None
        if low > _MAX_REPEAT or (high is not None and high < low):
            raise GrammarError(f'repeat="{repeat}": the range is empty or larger than {_MAX_REPEAT}', node.line)
        return Repeat(inner, low, None if high is not None and high > _MAX_REPEAT else high)

    def _reference(self, node: Node) -> Expansion:
        if special := node.get("special"):
            if special not in set(Special):
                raise GrammarError(f'special="{special}": write NULL, VOID or GARBAGE', node.line)
            return Special(special)
        url, _, rule = node.get("uri").partition("#")
        if not url and not rule:
            raise GrammarError("<ruleref> needs uri or special", node.line)
        if url:
            self._externals[url] = None
        return RuleRef(url, rule, node.line)

    def _tag(self, node: Node) -> Tag:
        text = "".join(child for child in node.children if isinstance(child, str))
        if self._format == "semantics/1.0-literals":
            return Tag(text.strip(), True)
        if self._format == "semantics/1.0" or _SCRIPT_TAG.search(text):
            return Tag(text.replace("$.", "out.").replace("$=", "out=") if not self._format else text, False)
        # Grammars that predate SISR: a bare word or quoted string is the value.
        return Tag(text.strip().strip("'\""), True)

    def _tokens(self, text: str, line: int) -> list[Expansion]:
        if self._mode is Mode.DTMF:
            return [Token(frozenset(key)) for key in split_keys(text, line)]
        words = _PUNCTUATION.sub(" ", text.replace('"', " ")).lower().split()
        return [Token(frozenset((word,))) for word in words]


def split_keys(text: str, line: int = 1) -> list[str]:
    """Keys of a DTMF string: "1 2", "12" and the words star and pound are understood."""
    keys: list[str] = []
    for word in text.replace('"', " ").split():
        if word.lower() in _KEY_WORDS:
            keys.append(_KEY_WORDS[word.lower()])
        elif _KEY.fullmatch(word):
            keys += word.upper()
        else:
            raise GrammarError(f'"{word}" is no telephone key: a dtmf grammar has 0 to 9, *, # and A to D', line)
    return keys
