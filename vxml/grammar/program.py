"""Rules to instructions, with the rules of other grammars linked in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin

from vxml.grammar.model import (
    Alternatives,
    Expansion,
    Grammar,
    GrammarError,
    Instruction,
    Op,
    ParsedGrammar,
    Repeat,
    RuleRef,
    Sequence,
    Special,
    Tag,
    Token,
)

MAX_INSTRUCTIONS: Final = 400_000
_DISPATCH_FROM: Final = 8


def link(
    grammar: ParsedGrammar, externals: Mapping[str, ParsedGrammar] | None = None, rule: str = "", base: str = ""
) -> Grammar:
    """Compile from rule `rule` (the root when ""). `externals` are the other grammars by absolute URL; `base` is ours.

    Raise GrammarError where a reference leads nowhere or the grammar is too large.
    """
    linker = _Linker(grammar, externals or {}, base)
    return linker.link(rule)


class _Linker:
    def __init__(self, grammar: ParsedGrammar, externals: Mapping[str, ParsedGrammar], base: str) -> None:
        self._grammar = grammar
        self._externals = externals
        self._base = base
        self._code: list[Instruction] = []
        self._entries: dict[tuple[str, str], int] = {}
        self._pending: list[tuple[int, str, str, str]] = []
        self._plain = True

    def link(self, rule: str) -> Grammar:
        name = rule or self._grammar.root
        if name not in self._grammar.rules:
            raise GrammarError(f'the grammar has no rule "{name}"')
        self._emit(Op.FAIL)
        self._emit(Op.MATCH)
        self._pending.append((0, "", name, name))
        while self._pending:
            at, url, rule_name, label = self._pending.pop()
            self._code[at] = (Op.CALL, self._entry(url, rule_name), label)
        return Grammar(self._grammar.mode, tuple(self._code), self._grammar.language, self._plain)

    def _entry(self, url: str, name: str) -> int:
        key = (url, name)
        if key not in self._entries:
            self._entries[key] = len(self._code)
            grammar = self._externals[url] if url else self._grammar
            self._expand(grammar.rules[name], url)
            self._emit(Op.RETURN)
        return self._entries[key]

    def _emit(self, *instruction: object) -> int:
        if len(self._code) >= MAX_INSTRUCTIONS:
            raise GrammarError(
                f"the grammar is too large: over {MAX_INSTRUCTIONS} steps once its repeats are written out"
            )
        self._code.append(instruction)
        return len(self._code) - 1

    def _expand(self, item: Expansion, url: str) -> None:
        match item:
            case Token(words):
                self._emit(Op.TOKEN, words)
            case Sequence(items):
                for part in items:
                    self._expand(part, url)
            case Alternatives(options):
                self._alternatives(options, url)
            case Repeat(inner, low, high):
                self._repeat(inner, low, high, url)
            case Tag(text, literal):
                self._plain = False
                self._emit(Op.TAG, text, literal)
            case RuleRef():
                self._plain = False
                self._reference(item, url)
            case Special.VOID:
                self._emit(Op.FAIL)
            case Special.GARBAGE:
                start = self._emit(Op.FAIL)
                self._emit(Op.ANY)
                self._emit(Op.JUMP, start)
                self._code[start] = (Op.SPLIT, (len(self._code), start + 1))
            case Special.NULL:
                pass

    def _reference(self, item: RuleRef, url: str) -> None:
        target_url = urljoin(url or self._base, item.url) if item.url else url
        grammar = self._externals.get(target_url) if target_url else self._grammar
        if grammar is None:
            raise GrammarError(f'ruleref uri="{item.url}": that grammar was not loaded', item.line)
        name = item.rule or grammar.root
        if name not in grammar.rules:
            raise GrammarError(f'ruleref uri="{item.url}#{name}": there is no such rule', item.line)
        if item.url and item.rule and name not in grammar.public and name != grammar.root:
            raise GrammarError(f'ruleref uri="{item.url}#{name}": that rule is private', item.line)
        self._pending.append((self._emit(Op.FAIL), target_url, name, name))

    def _alternatives(self, options: tuple[Expansion, ...], url: str) -> None:
        if len(options) >= _DISPATCH_FROM and all(_first_word(option) for option in options):
            return self._dispatch(options, url)
        split = self._emit(Op.FAIL)
        targets, ends = [], []
        for option in options:
            targets.append(len(self._code))
            self._expand(option, url)
            ends.append(self._emit(Op.FAIL))
        self._code[split] = (Op.SPLIT, tuple(targets))
        for end in ends:
            self._code[end] = (Op.JUMP, len(self._code))
        return None

    def _dispatch(self, options: tuple[Expansion, ...], url: str) -> None:
        at = self._emit(Op.FAIL)
        table: dict[str, list[int]] = {}
        ends = []
        for option in options:
            # The option's first word is eaten by the look-up itself.
            first = _first_word(option)
            rest = option.items[1:] if isinstance(option, Sequence) else ()
            for word in first:
                table.setdefault(word, []).append(len(self._code))
            self._expand(Sequence(rest), url)
            ends.append(self._emit(Op.FAIL))
        self._code[at] = (Op.DISPATCH, {word: tuple(targets) for word, targets in table.items()})
        for end in ends:
            self._code[end] = (Op.JUMP, len(self._code))

    def _repeat(self, inner: Expansion, low: int, high: int | None, url: str) -> None:
        for _ in range(low):
            self._expand(inner, url)
        if high is None:
            split = self._emit(Op.FAIL)
            self._expand(inner, url)
            self._emit(Op.JUMP, split)
            self._code[split] = (Op.SPLIT, (split + 1, len(self._code)))
            return
        splits = []
        for _ in range(high - low):
            splits.append(self._emit(Op.FAIL))
            self._expand(inner, url)
        for split in splits:
            self._code[split] = (Op.SPLIT, (split + 1, len(self._code)))


def _first_word(option: Expansion) -> frozenset[str]:
    if isinstance(option, Sequence) and option.items:
        option = option.items[0]
    return option.words if isinstance(option, Token) else frozenset()
