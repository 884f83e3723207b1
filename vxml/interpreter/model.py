"""A VoiceXML document, compiled: what the interpreter walks. Immutable, shared by sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vxml.document import DocumentError, Node
from vxml.grammar import Grammar, ParsedGrammar

Content = tuple[Node | str, ...]


class ItemKind(StrEnum):
    #: Executable content, no input.
    BLOCK = "block"
    #: Input of one value.
    FIELD = "field"
    #: `<menu>`, which is a form with one item of this kind.
    MENU = "menu"
    #: The opening question of a mixed-initiative form.
    INITIAL = "initial"
    RECORD = "record"
    SUBDIALOG = "subdialog"
    TRANSFER = "transfer"
    OBJECT = "object"


INPUT_KINDS = frozenset(
    (ItemKind.FIELD, ItemKind.RECORD, ItemKind.SUBDIALOG, ItemKind.TRANSFER, ItemKind.OBJECT, ItemKind.MENU)
)


@dataclass(frozen=True, slots=True, eq=False)
class Catch:
    """`events` are prefixes by token; () catches all. Shorthands (`<noinput>`) are compiled to this too."""

    events: tuple[str, ...]
    cond: str
    count: int
    content: Content
    line: int

    def taking(self, event: str) -> tuple[str, ...]:
        """Its names that take `event`, which are that name or a prefix of it; "" stands for all events."""
        if not self.events:
            return ("",)
        return tuple(name for name in self.events if event == name or event.startswith(name + "."))


@dataclass(frozen=True, slots=True, eq=False)
class GrammarUse:
    """A `<grammar>` where it stands. Exactly one of `parsed`, `builtin`, `src`, `srcexpr` says where it comes from."""

    line: int
    #: "dtmf", "voice", or "" where only the grammar's file will tell.
    mode: str
    parsed: ParsedGrammar | None = None
    #: Compiled already, for inline grammars without external references, options and choices.
    compiled: Grammar | None = None
    builtin: str = ""
    src: str = ""
    srcexpr: str = ""
    scope: str = ""
    #: The base URL that relative references in it start from, "" for the document's.
    base: str = ""
    #: The element, whose attributes say how to fetch.
    node: Node | None = None
    #: Why this grammar cannot be used; thrown when it is activated.
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """`target` is the element with next, expr, event and so on."""

    node: Node
    grammars: tuple[GrammarUse, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """`content` holds text and SSML; times are attribute text ("" where absent)."""

    content: Content
    line: int
    count: int = 1
    cond: str = ""
    bargein: str = ""
    bargeintype: str = ""
    timeout: str = ""
    language: str = ""
    base: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A `<choice>` of a menu or an `<option>` of a field."""

    node: Node
    dtmf: str
    text: str
    grammars: tuple[GrammarUse, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """`names` () means all input items of the form; `item` is set for a `<filled>` inside an input item."""

    mode: str
    names: tuple[str, ...]
    content: Content
    line: int
    item: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A form item. `name` is its variable, made up where the author gave none."""

    kind: ItemKind
    name: str
    node: Node
    expr: str = ""
    cond: str = ""
    modal: bool = False
    slot: str = ""
    prompts: tuple[Prompt, ...] = ()
    grammars: tuple[GrammarUse, ...] = ()
    choices: tuple[Choice, ...] = ()
    catches: tuple[Catch, ...] = ()
    links: tuple[Link, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    content: Content = ()

    @property
    def takes_input(self) -> bool:
        return self.kind in INPUT_KINDS


@dataclass(frozen=True, slots=True, eq=False)
class Dialog:
    """A `<form>` or `<menu>`. `setup` holds `<var>` and `<script>`; `order` the items and setup as written."""

    id: str
    is_menu: bool
    line: int
    public: bool
    order: tuple[Node | Item, ...]
    items: tuple[Item, ...]
    filled: tuple[Filled, ...]
    grammars: tuple[GrammarUse, ...]
    links: tuple[Link, ...]
    catches: tuple[Catch, ...]
    properties: Mapping[str, str]
    #: Why it cannot be run; it then has catches at most.
    problem: DocumentError | None = None

    def item(self, name: str) -> Item | None:
        return next((item for item in self.items if item.name == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """`application` is the root document's URL as written; `base` is xml:base, "" where absent."""

    version: str
    language: str
    base: str
    application: str
    setup: tuple[Node, ...]
    dialogs: tuple[Dialog, ...]
    links: tuple[Link, ...]
    catches: tuple[Catch, ...]
    properties: Mapping[str, str]
    #: The `<audio>` elements whose addresses are known before they are played, the first of them.
    audio: tuple[Node, ...] = ()
    #: The first thing wrong in it that need not keep all of it from being run.
    fault: DocumentError | None = None

    def dialog(self, name: str) -> Dialog | None:
        return next((dialog for dialog in self.dialogs if dialog.id == name), None)
