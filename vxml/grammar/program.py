"""Rules to instructions, with the rules of other grammars linked in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vxml.grammar.model import (
    Alternatives,
    Expansion,
    Form,
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
        name = rule or self._grammar.root or next(iter(self._grammar.rules), "")
        if not self._grammar.rules:
            raise GrammarError("the grammar has no rule")
        if name not in self._grammar.rules:
            raise GrammarError(f'the grammar has no rule "{name}"')
        self._emit(Op.FAIL)
        self._emit(Op.MATCH)
        self._pending.append((0, "", name, f"${name}"))
        while self._pending:
            at, url, rule_name, label = self._pending.pop()
            self._code[at] = (Op.CALL, self._entry(url, rule_name), rule_name, label)
        scripts = (*self._grammar.scripts, *(one for other in self._externals.values() for one in other.scripts))
        return Grammar(self._grammar.mode, tuple(self._code), self._grammar.language, self._plain, scripts)

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
            case Token(words, text):
                self._emit(Op.TOKEN, words, text)
            case Sequence(items):
                for part in items:
                    self._expand(part, url)
            case Alternatives(options, weights):
                self._alternatives(_by_weight(options, weights), url)
            case Repeat(inner, low, high):
                self._repeat(inner, low, high, url)
            case Tag(text, literal, written):
                self._plain = False
                self._emit(Op.TAG, text, literal, written or text)
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
        own = self._externals[url] if url else self._grammar
        target_url = own.resolve(url or self._base, item.url) if item.url else url
        grammar = self._externals.get(target_url) if target_url else self._grammar
        if grammar is None:
            raise GrammarError(f'reference to "{item.url}": that grammar was not loaded', item.line)
        name = item.rule or grammar.root
        shown = f"{item.url}#{item.rule}" if item.rule else item.url
        if not name:
            raise GrammarError(f'reference to "{shown}": that grammar names no root rule', item.line)
        if name not in grammar.rules:
            raise GrammarError(f'reference to "{shown}": there is no such rule', item.line)
        if item.url and item.rule and name not in grammar.public:
            raise GrammarError(f'reference to "{shown}": that rule is private', item.line)
        if grammar.mode is not self._grammar.mode:
            raise GrammarError(
                f'reference to "{shown}": a {grammar.mode} grammar in a {self._grammar.mode} one', item.line
            )
        if item.media in set(Form) and item.media != grammar.form:
            raise GrammarError(f'reference to "{shown}": it is {grammar.form}, not {item.media}', item.line)
        label = f"$<{target_url}{'#' + item.rule if item.rule else ''}>" if item.url else f"${name}"
        self._pending.append((self._emit(Op.FAIL), target_url, name, label))

    def _alternatives(self, options: tuple[Expansion, ...], url: str) -> None:
        if len(options) >= _DISPATCH_FROM and all(_first_token(option) for option in options):
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
        table: dict[str, list[tuple[int, str | None]]] = {}
        ends = []
        for option in options:
            # The option's first word is eaten by the look-up itself.
            first = _first_token(option)
            assert first is not None
            for word in first.words:
                table.setdefault(word, []).append((len(self._code), first.text))
            self._expand(_rest(option), url)
            ends.append(self._emit(Op.FAIL))
        self._code[at] = (Op.DISPATCH, {word: tuple(targets) for word, targets in table.items()})
        for end in ends:
            self._code[end] = (Op.JUMP, len(self._code))

    def _repeat(self, inner: Expansion, low: int, high: int | None, url: str) -> None:
        if high != 0 and not _eats(inner):
            # Section 2.5: tags and NULL any number of times are as once.
            low, high = min(low, 1), 1
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


def _by_weight(options: tuple[Expansion, ...], weights: tuple[float, ...]) -> tuple[Expansion, ...]:
    """The likelier first, so that it wins where several match the same words."""
    if not weights:
        return options
    order = sorted(range(len(options)), key=lambda index: -weights[index])
    return tuple(options[index] for index in order)


def _eats(item: Expansion) -> bool:
    """Whether anything but tags and NULL is in it."""
    match item:
        case Sequence(items):
            return any(_eats(part) for part in items)
        case Alternatives(options):
            return any(_eats(option) for option in options)
        case Repeat(inner):
            return _eats(inner)
        case Tag() | Special.NULL:
            return False
    return True


def _first_token(option: Expansion) -> Token | None:
    while isinstance(option, Sequence) and option.items:
        option = option.items[0]
    return option if isinstance(option, Token) else None


def _rest(option: Expansion) -> Expansion:
    """What follows the first token."""
    if not isinstance(option, Sequence):
        return Sequence(())
    return Sequence((_rest(option.items[0]), *option.items[1:]))
