"""A grammar as written (rules made of expansions) and as compiled (instructions)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any
from urllib.parse import urljoin

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
    """Any one of `words` (a class of keys in builtin grammars; a single word elsewhere).

    `text` is the token as the grammar writes it: None for what was fed, "" for a part of a token of several words
    (the last part has the whole).
    """

    words: frozenset[str]
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Expansion, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """`weights` is empty, or has one for each option."""

    options: tuple[Expansion, ...]
    weights: tuple[float, ...] = ()


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
    #: As written, where that is not `text`.
    written: str = ""


@dataclass(frozen=True, slots=True)
class RuleRef:
    """`url` "" means this grammar; `rule` "" means the root rule."""

    url: str
    rule: str
    line: int
    #: The media type that the author expects there, "" for any.
    media: str = ""


class Special(StrEnum):
    #: Matched without a word.
    NULL = "NULL"
    #: Never matched.
    VOID = "VOID"
    #: Matched by any words.
    GARBAGE = "GARBAGE"


class Form(StrEnum):
    #: application/srgs+xml
    XML = "application/srgs+xml"
    #: application/srgs
    ABNF = "application/srgs"


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
    #: What relative URLs in it start from, itself relative to the grammar's own URL; "" for that URL.
    base: str = ""
    form: Form = Form.XML
    #: Its `meta` declarations.
    meta: Mapping[str, str] = field(default_factory=dict)
    #: Tags of the header, run before those of the rules (SISR 1.0 section 5).
    scripts: tuple[str, ...] = ()
    #: Addresses of the pronunciations that its author wished for.
    lexicons: tuple[str, ...] = ()

    def resolve(self, own_url: str, url: str) -> str:
        """The absolute address of a reference. Raise GrammarError when it is not an address."""
        try:
            return urljoin(urljoin(own_url, self.base), url)
        except ValueError as error:
            raise GrammarError(f'"{url}" is not an address') from error


# --- as compiled ----------------------------------------------------------------------------------------


#: One thing passed on the way through a grammar: its kind, mostly its text, of a tag as it is written; of a rule
#: entered its name, the reference as written and the grammar it is in.
Step = tuple[str, ...]


class Op(IntEnum):
    #: (words, step): eat one of them; a step without text gets the word's.
    TOKEN = 0
    #: (targets): go on at each, earlier ones preferred.
    SPLIT = 1
    #: (target)
    JUMP = 2
    #: (target, step): enter a rule.
    CALL = 3
    #: (step): leave the rule.
    RETURN = 4
    #: (step)
    TAG = 5
    #: Nothing matches from here.
    FAIL = 6
    #: The whole grammar is matched.
    MATCH = 7
    #: (word -> pairs of target and step): alternatives by their first word, which is eaten.
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
    #: Header tags of the grammar and of those it refers to: which grammar ("" for itself), and the text.
    scripts: tuple[tuple[str, str], ...] = ()
    convert: Callable[[str], Any] | None = field(default=None, repr=False)
    #: Writes it as JSGF, given the token that stands for each word.
    jsgf: Callable[[Callable[[str], str]], str] | None = field(default=None, repr=False)
