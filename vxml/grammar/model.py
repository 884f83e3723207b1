"""A grammar as written (rules made of expansions) and as compiled (instructions)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from common.errors import ClarionError


class GrammarError(ClarionError):
    """A grammar was refused. `line` counts from 1 in its file."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class Mode(StrEnum):
    #: Telephone keys.
    DTMF = "dtmf"
    #: Spoken words.
    VOICE = "voice"


# --- as written: SRGS 1.0 section 2 ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    """Any one of `words` (a class of keys in builtin grammars; a single word elsewhere)."""

    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Expansion, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    options: tuple[Expansion, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`maximum` None is unbounded."""

    item: Expansion
    minimum: int
    maximum: int | None


@dataclass(frozen=True, slots=True)
class Tag:
    text: str
    #: A string literal (semantics/1.0-literals), not a script.
    literal: bool


@dataclass(frozen=True, slots=True)
class RuleRef:
    """`url` "" means this grammar; `rule` "" means the root rule."""

    url: str
    rule: str
    line: int


class Special(StrEnum):
    #: Matched without a word.
    NULL = "NULL"
    #: Never matched.
    VOID = "VOID"
    #: Matched by any words.
    GARBAGE = "GARBAGE"


Expansion = Token | Sequence | Alternatives | Repeat | Tag | RuleRef | Special


@dataclass(frozen=True, slots=True)
class ParsedGrammar:
    mode: Mode
    root: str
    rules: Mapping[str, Expansion]
    public: frozenset[str]
    language: str = "en-US"
    #: Absolute or relative URLs of the grammars its rule references name.
    externals: tuple[str, ...] = ()


# --- as compiled ----------------------------------------------------------------------------------------


class Op(IntEnum):
    #: (words): eat one of them.
    TOKEN = 0
    #: (targets): go on at each, earlier ones preferred.
    SPLIT = 1
    #: (target)
    JUMP = 2
    #: (target, rule name): enter a rule.
    CALL = 3
    #: Leave the rule.
    RETURN = 4
    #: (text, literal)
    TAG = 5
    #: Nothing matches from here.
    FAIL = 6
    #: The whole grammar is matched.
    MATCH = 7
    #: (word -> targets): a wide alternative of words, by look-up.
    DISPATCH = 8
    #: Eat any word.
    ANY = 9


Instruction = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Grammar:
    """A compiled grammar. `convert` turns the matched keys of a builtin into its value."""

    mode: Mode
    code: tuple[Instruction, ...]
    language: str = "en-US"
    #: The value is the keys or words themselves: no tag and no rule inside the root rule.
    plain: bool = False
    convert: Callable[[str], Any] | None = field(default=None, repr=False)
