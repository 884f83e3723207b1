"""Rules to instructions, with the rules of other grammars linked in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vxml.grammar.jsgf import to_jsgf
from vxml.grammar.model import (
    Alternatives,
    Expansion,
    Form,
    Grammar,
    GrammarError,
    Instruction,
    Mode,
    Op,
    ParsedGrammar,
    Repeat,
    RuleRef,
    Sequence,
    Special,
    Step,
    Tag,
    Token,
)

MAX_INSTRUCTIONS: Final = 400_000
#: Look-ups of first words within each other; alternatives further in are tried one by one.
_MAX_LOOKUPS: Final = 40

#: An alternative, part by part.
_Option = tuple[Expansion, ...]


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
        self._lookups = 0

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
            self._code[at] = (Op.CALL, self._entry(url, rule_name), ("enter", rule_name, label, url))
        grammars = {"": self._grammar, **self._externals}
        scripts = tuple((url, script) for url, grammar in grammars.items() for script in grammar.scripts)
        return Grammar(
            self._grammar.mode,
            tuple(self._code),
            self._grammar.language,
            self._plain,
            scripts,
            jsgf=lambda spell: to_jsgf(self._grammar, self._externals, name, self._base, spell),
        )

    def _entry(self, url: str, name: str) -> int:
        key = (url, name)
        if key not in self._entries:
            self._entries[key] = len(self._code)
            grammar = self._externals[url] if url else self._grammar
            self._expand(grammar.rules[name], url)
            self._emit(Op.RETURN, ("exit-dtmf" if grammar.mode is Mode.DTMF else "exit", name))
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
            case Token():
                self._emit(Op.TOKEN, item.words, _eaten(item))
            case Sequence(items):
                for part in items:
                    self._expand(part, url)
            case Alternatives(options, weights):
                ends: list[int] = []
                self._branches([_parts(option) for option in _by_weight(options, weights)], url, ends)
                for end in ends:
                    self._code[end] = (Op.JUMP, len(self._code))
            case Repeat(inner, low, high):
                self._repeat(inner, low, high, url)
            case Tag(text, literal, written):
                self._plain = False
                self._emit(Op.TAG, ("literal" if literal else "tag", text, written or text))
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

    def _branches(self, options: list[_Option], url: str, ends: list[int]) -> None:
        """Ways to go on, neighbours that begin with a word by look-up. The end of each is added to `ends`."""
        runs = _runs(options) if self._lookups < _MAX_LOOKUPS else [[option] for option in options]
        split = self._emit(Op.FAIL) if len(runs) > 1 else -1
        targets = []
        for run in runs:
            targets.append(len(self._code))
            if len(run) > 1:
                self._dispatch(run, url, ends)
                continue
            for part in run[0]:
                self._expand(part, url)
            ends.append(self._emit(Op.FAIL))
        if split >= 0:
            self._code[split] = (Op.SPLIT, tuple(targets))

    def _dispatch(self, run: list[_Option], url: str, ends: list[int]) -> None:
        self._lookups += 1
        at = self._emit(Op.FAIL)
        table: dict[str, list[tuple[int, Step | None]]] = {}
        for first, rests in _by_first_word(run):
            # The first word is eaten by the look-up itself.
            target = (len(self._code), _eaten(first))
            for word in first.words:
                table.setdefault(word, []).append(target)
            self._branches(rests, url, ends)
        self._code[at] = (Op.DISPATCH, {word: tuple(targets) for word, targets in table.items()})
        self._lookups -= 1

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


def _eaten(token: Token) -> Step | None:
    """What the way through the grammar tells of a token; None for a part of a token of several words."""
    return ("token", token.text) if token.text else ("token",) if token.text is None else None


def _parts(option: Expansion) -> _Option:
    if not isinstance(option, Sequence):
        return (option,)
    if not any(isinstance(item, Sequence) for item in option.items):
        return option.items
    return tuple(part for item in option.items for part in _parts(item))


def _runs(options: list[_Option]) -> list[list[_Option]]:
    """Neighbours that begin with a word together, every other option alone."""
    runs: list[list[_Option]] = []
    open_run = False
    for option in options:
        by_word = bool(option) and isinstance(option[0], Token)
        if by_word and open_run:
            runs[-1].append(option)
        else:
            runs.append([option])
        open_run = by_word
    return runs


def _by_first_word(run: list[_Option]) -> list[tuple[Token, list[_Option]]]:
    """The first tokens and what follows each, in an order that keeps the earlier of two options that match the same.

    Options come together only where every option with that word has the very same token: else one that is written
    between two others would lose its place.
    """
    tokens: dict[str, set[Token]] = {}
    for option in run:
        first = option[0]
        assert isinstance(first, Token)
        for word in first.words:
            tokens.setdefault(word, set()).add(first)
    groups: dict[Token, tuple[Token, list[_Option]]] = {}
    made: list[tuple[Token, list[_Option]]] = []
    for option in run:
        first = option[0]
        assert isinstance(first, Token)
        group = groups.get(first)
        if group is not None:
            group[1].append(option[1:])
            continue
        group = (first, [option[1:]])
        made.append(group)
        if all(len(tokens[word]) == 1 for word in first.words):
            groups[first] = group
    return made
