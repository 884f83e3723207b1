"""SRGS 1.0, ABNF form, to rules (https://www.w3.org/TR/speech-grammar/, appendix D)."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vxml.grammar.model import (
    Alternatives,
    Expansion,
    Form,
    GrammarError,
    Mode,
    ParsedGrammar,
    Repeat,
    RuleRef,
    Sequence,
    Special,
    Tag,
)
from vxml.grammar.parts import MAX_DEPTH, check_language, check_rule_name, make_repeat, make_tag, read_weight
from vxml.grammar.tokens import one_token, read_tokens

#: The line ends right behind the semicolon.
_HEADER: Final = re.compile(r"#ABNF (\d+(?:\.\d+)*)(?: ([A-Za-z][\w.:-]*))?;(?:\r\n|\r|\n|$)")
_LEXEMES: Final = re.compile(
    r"""
    (?P<space>\s+|//[^\r\n]*|/\*.*?\*/)
  | (?P<tag>\{!\{.*?\}!\}|\{[^}]*\})
  | (?P<uri>\$<[^>]*>(?:~<[^>]*>)?)
  | (?P<rule>\$(?:[A-Za-z_]|[^\x00-\x7f\s])(?:\w|[^\x00-\x7f\s])*)
  | (?P<weight>/\s*[^/\s*]+\s*/)
  | (?P<angle><[^>]*>(?:~<[^>]*>)?)
  | (?P<language>![\w-]+(?:,[\w-]+)*)
  | (?P<quoted>"[^"]*")
  | (?P<single>'[^']*')
  | (?P<mark>[;=|()\[\]])
  | (?P<token>(?:[\w.:-]|[^\x00-\x7f\s])(?:[\w.:'-]|[^\x00-\x7f\s])*)
    """,
    re.VERBOSE | re.DOTALL,
)
_OVER_LINES: Final = frozenset(("space", "tag", "uri", "weight", "angle", "quoted", "single"))
_PROBABILITY: Final = re.compile(r"(.*?)\s*(?:/\s*([^/]*?)\s*/)?", re.DOTALL)


def looks_like_abnf(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] == b"#"


def decode_abnf(body: bytes) -> str:
    """The text, by byte order mark, else by the charset the header names, else UTF-8 (Latin-1 where it is not)."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if body.startswith(mark):
            return _decode(body, encoding)
    if body[:2] in (b"#\0", b"\0#"):
        return _decode(body, "utf-16-le" if body[:1] == b"#" else "utf-16-be")
    named = _HEADER.match(body[:200].decode("latin-1"))
    if named and named[2]:
        return _decode(body, named[2])
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _decode(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise GrammarError(f"the grammar is not readable as {encoding}: {error}") from error


def parse_abnf(text: str, *, inline: bool = False) -> ParsedGrammar:
    """Raise GrammarError naming the line. An `inline` one may have white space before its first line."""
    skipped = len(text) - len(text.lstrip()) if inline else 0
    header = _HEADER.match(text, skipped)
    if not header or header[1] != "1.0":
        raise GrammarError('an ABNF grammar begins with the line "#ABNF 1.0;" (and may name its encoding)')
    return _Parser(text, header.end()).parse()


class _Lexeme(NamedTuple):
    kind: str
    text: str
    line: int


@dataclass(slots=True)
class _Header:
    once: dict[str, str] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)
    lexicons: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)


def _lexemes(text: str, at: int) -> list[_Lexeme]:
    made: list[_Lexeme] = []
    line = text.count("\n", 0, at) + 1
    while at < len(text):
        match = _LEXEMES.match(text, at)
        if match is None:
            raise GrammarError(f'"{text[at]}" cannot stand here: put it in double quotes or remove it', line)
        kind = match.lastgroup or ""
        if kind != "space":
            made.append(_Lexeme(kind, match[0], line))
        if kind in _OVER_LINES:
            line += match[0].count("\n")
        at = match.end()
    made.append(_Lexeme("end", "the end of the grammar", line))
    return made


class _Parser:
    def __init__(self, text: str, at: int) -> None:
        self._lexemes = _lexemes(text, at)
        self._at = 0
        self._header = _Header()
        self._mode = Mode.VOICE
        self._externals: dict[str, None] = {}
        self._depth = 0
        self._references: list[RuleRef] = []

    # --- lexemes

    @property
    def _next(self) -> _Lexeme:
        return self._lexemes[self._at]

    def _take(self) -> _Lexeme:
        lexeme = self._lexemes[self._at]
        self._at = min(self._at + 1, len(self._lexemes) - 1)
        return lexeme

    def _is(self, text: str) -> bool:
        return self._next.kind == "mark" and self._next.text == text

    def _expect(self, text: str) -> None:
        found = self._take()
        if (found.kind, found.text) != ("mark", text):
            raise GrammarError(f'expected "{text}", found {_shown(found)}', found.line)

    def _expect_kind(self, what: str, *kinds: str) -> _Lexeme:
        found = self._take()
        if found.kind not in kinds:
            raise GrammarError(f"expected {what}, found {_shown(found)}", found.line)
        return found

    # --- the grammar

    def parse(self) -> ParsedGrammar:
        while self._declaration():
            pass
        self._apply_header()
        rules: dict[str, Expansion] = {}
        public: set[str] = set()
        while self._next.kind != "end":
            self._rule(rules, public)
        for reference in self._references:
            if reference.rule not in rules:
                raise GrammarError(f"reference to ${reference.rule}: there is no such rule", reference.line)
        once = self._header.once
        root = once.get("root", "")
        if root and root not in rules:
            raise GrammarError(f"root ${root}: there is no such rule")
        return ParsedGrammar(
            self._mode,
            root,
            rules,
            frozenset(public),
            once.get("language", "en-US"),
            tuple(self._externals),
            base=once.get("base", "") or self._header.meta.get("base", ""),
            form=Form.ABNF,
            meta=self._header.meta,
            scripts=tuple(self._header.scripts),
            lexicons=tuple(self._header.lexicons),
        )

    def _declaration(self) -> bool:
        """Read one declaration of the header; False where the rules begin."""
        found = self._next
        if found.kind == "tag":
            self._take()
            self._header.scripts.append(_tag_text(found.text))
            self._expect(";")
            return True
        if found.kind != "token" or found.text in ("public", "private"):
            return False
        self._take()
        if found.text in ("meta", "http-equiv"):
            name = self._string()
            word = self._take()
            if word.text != "is":
                raise GrammarError(f'expected "is", found {_shown(word)}', word.line)
            content = self._string()
            if found.text == "meta":
                self._header.meta[name] = content
        elif found.text == "lexicon":
            found = self._expect_kind("an address in <>", "angle")
            self._header.lexicons.append(found.text[1:].partition(">")[0].strip())
        elif found.text in ("base", "language", "mode", "root", "tag-format"):
            if found.text in self._header.once:
                raise GrammarError(f"{found.text} is declared twice", found.line)
            self._header.once[found.text] = self._once(found)
        else:
            raise GrammarError(f'"{found.text}" is no declaration of a grammar\'s header', found.line)
        self._expect(";")
        return True

    def _once(self, declaration: _Lexeme) -> str:
        if declaration.text in ("base", "tag-format"):
            return self._address()
        if declaration.text == "root":
            return self._expect_kind("the root rule's name", "rule").text[1:]
        value = self._expect_kind(f"the {declaration.text}", "token")
        if declaration.text == "language":
            check_language(value.text, value.line)
        elif value.text not in set(Mode):
            raise GrammarError(f"mode {value.text}: write voice or dtmf", value.line)
        return value.text

    def _string(self) -> str:
        return self._expect_kind("a quoted string", "quoted", "single").text[1:-1]

    def _address(self) -> str:
        found = self._expect_kind("an address in <>", "angle")
        if "~" in found.text:
            raise GrammarError(f"expected an address without a media type, found {_shown(found)}", found.line)
        return found.text[1:-1].strip()

    def _apply_header(self) -> None:
        once = self._header.once
        self._mode = Mode(once.get("mode", "voice"))
        if self._mode is Mode.VOICE and "language" not in once:
            raise GrammarError("a voice grammar needs a language, say: language en-US;")

    def _rule(self, rules: dict[str, Expansion], public: set[str]) -> None:
        scope = self._take().text if self._next.kind == "token" else ""
        if scope not in ("", "public", "private"):
            raise GrammarError(f'expected a rule definition, found "{scope}"', self._next.line)
        found = self._expect_kind("a rule definition", "rule")
        name = found.text[1:]
        check_rule_name(name, found.line)
        if name in rules:
            raise GrammarError(f"rule ${name} is defined twice", found.line)
        self._expect("=")
        rules[name] = self._expansion()
        self._expect(";")
        if scope == "public":
            public.add(name)

    # --- expansions

    def _expansion(self) -> Expansion:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise GrammarError(f"more than {MAX_DEPTH} brackets within each other", self._next.line)
        options, weights = [], []
        while True:
            weight = 1.0
            if self._next.kind == "weight":
                lexeme = self._take()
                weight = read_weight(lexeme.text.strip("/ \t\r\n"), lexeme.line)
            weights.append(weight)
            options.append(self._sequence())
            if not self._is("|"):
                break
            self._take()
        self._depth -= 1
        if len(options) == 1:
            return options[0]
        return Alternatives(tuple(options), tuple(weights) if set(weights) != {1.0} else ())

    def _sequence(self) -> Expansion:
        items: list[Expansion] = []
        first = self._next
        while (one := self._element()) is not None:
            items += one
        if not items:
            raise GrammarError(f"expected words, a rule or a tag, found {_shown(first)}", first.line)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _element(self) -> list[Expansion] | None:
        made = self._subexpansion()
        if made is None:
            return None
        if self._next.kind == "language":
            lexeme = self._take()
            if isinstance(made[0], Tag):
                raise GrammarError("a tag has no language", lexeme.line)
            # Several at once were possible before the recommendation.
            for language in lexeme.text[1:].split(","):
                check_language(language, lexeme.line)
        if self._next.kind != "angle":
            return made
        lexeme = self._take()
        times = _PROBABILITY.fullmatch(lexeme.text[1:-1].strip())
        assert times is not None
        item = made[0] if len(made) == 1 else Sequence(tuple(made))
        return [make_repeat(item, times[1], times[2], lexeme.line)]

    def _subexpansion(self) -> list[Expansion] | None:
        found = self._next
        if found.kind == "token":
            self._take()
            return read_tokens(found.text, self._mode, found.line) or [Special.NULL]
        if found.kind == "quoted":
            self._take()
            return one_token(found.text[1:-1], self._mode, found.line)
        if found.kind == "tag":
            self._take()
            return [self._tag(found)]
        if found.kind in ("rule", "uri"):
            self._take()
            return [self._reference(found)]
        if self._is("("):
            self._take()
            inner = Special.NULL if self._is(")") else self._expansion()
            self._expect(")")
            return [inner]
        if self._is("["):
            self._take()
            inner = self._expansion()
            self._expect("]")
            return [Repeat(inner, 0, 1)]
        return None

    def _tag(self, found: _Lexeme) -> Tag:
        return make_tag(_tag_text(found.text), self._header.once.get("tag-format", ""))

    def _reference(self, found: _Lexeme) -> Expansion:
        if found.kind == "rule":
            name = found.text[1:]
            if name in set(Special):
                return Special(name)
            reference = RuleRef("", name, found.line)
            self._references.append(reference)
            return reference
        address, _, media = found.text[1:].partition("~")
        url, _, rule = address.strip()[1:-1].strip().partition("#")
        if not url and not rule:
            raise GrammarError("$<> needs an address", found.line)
        if url:
            self._externals[url] = None
        return RuleRef(url, rule, found.line, media.strip().strip("<>").strip())


def _tag_text(text: str) -> str:
    return (text[3:-3] if text.startswith("{!{") else text[1:-1]).strip()


def _shown(lexeme: _Lexeme) -> str:
    return lexeme.text if lexeme.kind == "end" else f'"{lexeme.text}"'
