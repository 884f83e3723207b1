"""Nodes to the interpreter's model. What cannot be run is refused here, with its line, before anything runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Final

from vxml.document import MAX_MARKS, VXML_NS, DocumentError, Node, marks, parse_xml
from vxml.interpreter.attributes import faults
from vxml.interpreter.compile_grammar import choice_grammars, compile_grammar_use, type_grammar
from vxml.interpreter.model import (
    Catch,
    Choice,
    Content,
    Dialog,
    Document,
    Filled,
    GrammarUse,
    Item,
    ItemKind,
    Link,
    Prompt,
)
from vxml.interpreter.names import is_name
from vxml.weighted_cache import WeightedCache

_SHORTHAND: Final = {"noinput": ("noinput",), "nomatch": ("nomatch",), "error": ("error",), "help": ("help",)}
_ITEM_TAGS: Final = frozenset(kind.value for kind in ItemKind) - {"menu"}
#: Audio files of a document that are fetched ahead, at the most.
_PREFETCHED: Final = 32
BARE_TAGS: Final = frozenset(("audio", "value", "enumerate"))
_PROMPT_TAGS: Final = BARE_TAGS | {"prompt"}
_NO_SCOPE: Final = "<grammar> takes scope only as a child of <form>"
#: As many marks as the largest document may have.
_cache: WeightedCache[Document] = WeightedCache(MAX_MARKS)


def compile_document(body: bytes) -> Document:
    """The document in `body`, from the cache when the same bytes were seen before; DocumentError when refused."""
    digest = hashlib.blake2b(body, digest_size=20).digest()
    document = _cache.get(digest)
    if document is None:
        document = compile_node(parse_xml(body))
        _cache.put(digest, document, marks(body))
    return document


def compile_node(root: Node) -> Document:
    if root.tag != "vxml" or root.ns not in (VXML_NS, ""):
        raise DocumentError(f'expected <vxml xmlns="{VXML_NS}">, found <{root.tag}>', root.line)
    version = root.get("version")
    if version not in ("2.0", "2.1"):
        raise DocumentError(f'version="{version}": write version="2.1" (or 2.0) on <vxml>', root.line)
    language = root.get("xml:lang", "en-US")
    compiler = _Compiler(language)
    dialogs = tuple(compiler.dialog_or_problem(node, index) for index, node in enumerate(root.elements("form", "menu")))
    seen: set[str] = set()
    for dialog in dialogs:
        if dialog.id in seen:
            raise DocumentError(f'id="{dialog.id}" is used by two dialogs', dialog.line)
        seen.add(dialog.id)
    return Document(
        version=version,
        language=language,
        base=root.get("xml:base"),
        application=root.get("application"),
        setup=tuple(root.elements("var", "script", "data")),
        dialogs=dialogs,
        links=compiler.links(root),
        catches=compiler.catches(root),
        properties=compiler.properties(root),
        audio=_known_audio(root),
        fault=_first_fault(root, dialogs),
    )


def _known_audio(root: Node) -> tuple[Node, ...]:
    found = (node for node in root.walk() if node.tag == "audio" and node.get("src").strip())
    # Rare, and the address would have to be made of it.
    other_base = any(node.tag == "prompt" and "xml:base" in node.attrs for node in root.walk())
    return () if other_base else tuple(islice(found, _PREFETCHED))


def _first_fault(root: Node, dialogs: Iterable[Dialog]) -> DocumentError | None:
    problem = next((dialog.problem for dialog in dialogs if dialog.problem), None)
    return problem or next((DocumentError(message, line) for line, message in faults(root)), None)


class _Compiler:
    def __init__(self, language: str) -> None:
        self._language = language
        self._unnamed = 0

    def _made_up_name(self, kind: str) -> str:
        self._unnamed += 1
        return f"_{kind}_{self._unnamed}$"

    def dialog_or_problem(self, node: Node, index: int) -> Dialog:
        """The dialog; where it cannot be run, one that only has its handlers and says why."""
        try:
            return self._dialog(node, index)
        except DocumentError as problem:
            name = node.get("id") or f"_dialog_{index + 1}"
            return Dialog(name, False, node.line, False, (), (), (), (), (), self.catches(node), {}, problem)

    def _dialog(self, node: Node, index: int) -> Dialog:
        items: list[Item] = []
        order: list[Node | Item] = []
        filled: list[Filled] = []
        if node.tag == "menu":
            items.append(self._menu_item(node))
            order.append(items[0])
        else:
            for child in node.elements():
                if child.tag in _ITEM_TAGS:
                    items.append(self._item(child))
                    order.append(items[-1])
                    filled += [self._filled(inner, items[-1].name) for inner in child.elements("filled")]
                elif child.tag in ("var", "script", "data"):
                    order.append(child)
                elif child.tag == "filled":
                    filled.append(self._filled(child, ""))
        self._check_names(items)
        inputs = {item.name for item in items if item.takes_input}
        for one in filled:
            # Section 2.4: only input items can be filled.
            if strangers := [name for name in one.names if name not in inputs]:
                raise DocumentError(f'<filled> namelist: "{strangers[0]}" is no input item of the form', one.line)
        is_menu = node.tag == "menu"
        return Dialog(
            id=node.get("id") or f"_dialog_{index + 1}",
            is_menu=is_menu,
            line=node.line,
            public=node.get("scope") == "document",
            order=tuple(order),
            items=tuple(items),
            filled=tuple(filled),
            grammars=() if is_menu else self.grammars(node, may_scope=True),
            links=self.links(node),
            catches=self.catches(node),
            properties=self.properties(node),
        )

    def _check_names(self, items: Iterable[Item]) -> None:
        seen: set[str] = set()
        for item in items:
            if item.name in seen:
                raise DocumentError(f'name="{item.name}" is used by two items of one form', item.node.line)
            seen.add(item.name)

    def _item(self, node: Node) -> Item:
        kind = ItemKind(node.tag)
        name = node.get("name")
        if name and not is_name(name):
            raise DocumentError(f'name="{name}": use letters, digits and _, not starting with a digit', node.line)
        grammars = self.grammars(node) if kind is not ItemKind.BLOCK else ()
        choices: tuple[Choice, ...] = ()
        if kind is ItemKind.FIELD:
            if node.get("type"):
                grammars += type_grammar(node, self._language)
            choices = tuple(self._option(option) for option in node.elements("option"))
        return Item(
            kind=kind,
            name=name or self._made_up_name(node.tag),
            node=node,
            expr=node.get("expr"),
            cond=node.get("cond"),
            modal=node.get("modal") == "true" or (kind is ItemKind.RECORD and node.get("modal") != "false"),
            slot=node.get("slot"),
            prompts=self.prompts(node) if kind is not ItemKind.BLOCK else (),
            grammars=grammars,
            choices=choices,
            catches=self.catches(node) if kind is not ItemKind.BLOCK else (),
            links=self.links(node) if kind is not ItemKind.BLOCK else (),
            properties=self.properties(node) if kind is not ItemKind.BLOCK else {},
            content=node.children if kind is ItemKind.BLOCK else (),
        )

    def _menu_item(self, node: Node) -> Item:
        numbered = node.get("dtmf") == "true"
        choices: list[Choice] = []
        number = 0
        for choice in node.elements("choice"):
            dtmf = choice.get("dtmf")
            if numbered and dtmf and dtmf not in ("*", "#", "0"):
                # Section 2.2.1: with dtmf="true" only these may be given beside the numbers.
                raise DocumentError(f'dtmf="{dtmf}": a menu with dtmf="true" allows *, # and 0', choice.line)
            if numbered and not dtmf:
                number += 1
                dtmf = str(number) if number <= 9 else ""
            choices.append(self._choice(choice, dtmf, node.get("accept", "exact")))
        # A menu's catches and properties belong to the dialog; its prompts and choices to its one item.
        return Item(
            kind=ItemKind.MENU,
            name=f"_menu_{node.get('id')}$" if node.get("id") else self._made_up_name("menu"),
            node=node,
            prompts=self.prompts(node),
            choices=tuple(choices),
        )

    def _choice(self, node: Node, dtmf: str, accept: str) -> Choice:
        text = _words(node)
        grammars = self.grammars(node)
        # Section 2.2.2: a grammar of its own stands instead of the words; the key stays.
        words = "" if any(use.mode != "dtmf" for use in grammars) else text
        grammars += choice_grammars(dtmf, words, node, self._language, node.get("accept", accept))
        return Choice(node, dtmf, text, grammars)

    def _option(self, node: Node) -> Choice:
        text = _words(node)
        dtmf = node.get("dtmf")
        accept = node.get("accept", "exact")
        return Choice(node, dtmf, text, choice_grammars(dtmf, text, node, self._language, accept))

    def _filled(self, node: Node, item: str) -> Filled:
        mode = node.get("mode", "all")
        if mode not in ("all", "any"):
            raise DocumentError(f'mode="{mode}": write all or any', node.line)
        if item and (node.get("mode") or node.get("namelist")):
            raise DocumentError("a <filled> inside an input item takes neither mode nor namelist", node.line)
        return Filled(mode, tuple(node.get("namelist").split()), node.children, node.line, item)

    def catches(self, node: Node) -> tuple[Catch, ...]:
        found = []
        for child in node.elements("catch", *_SHORTHAND):
            events = _SHORTHAND.get(child.tag) or tuple(child.get("event").replace(",", " ").split())
            count = child.get("count", "1")
            if not count.isdecimal() or int(count) < 1:
                raise DocumentError(f'count="{count}": write a whole number from 1', child.line)
            cleaned = tuple("" if name == "." else name.removesuffix(".") for name in events)
            events = () if "" in cleaned else cleaned
            found.append(Catch(events, child.get("cond"), int(count), child.children, child.line))
        return tuple(found)

    def prompts(self, node: Node) -> tuple[Prompt, ...]:
        """`<prompt>` elements, and the bare `<audio>`, `<value>` and text that stand for prompts."""
        wanted = tuple(child for child in node.children if isinstance(child, str) or child.tag in _PROMPT_TAGS)
        return tuple(
            compile_prompt(part) if isinstance(part, Node) else Prompt(part, node.line) for part in join_bare(wanted)
        )

    def properties(self, node: Node) -> dict[str, str]:
        found = {}
        for child in node.elements("property"):
            if not child.get("name"):
                raise DocumentError("<property> needs a name", child.line)
            found[child.get("name")] = child.get("value")
        return found

    def grammars(self, node: Node, may_scope: bool = False) -> tuple[GrammarUse, ...]:
        uses = [compile_grammar_use(child, self._language) for child in node.elements("grammar")]
        if may_scope:
            return tuple(uses)
        # Section 3.1.3: only the grammars of a form say how far they reach.
        return tuple(replace(use, problem=f"error.badfetch: {_NO_SCOPE}") if use.scope else use for use in uses)

    def links(self, node: Node) -> tuple[Link, ...]:
        found = []
        for child in node.elements("link"):
            grammars = self.grammars(child)
            if dtmf := child.get("dtmf"):
                grammars += choice_grammars(dtmf, "", child, self._language, "exact")
            found.append(Link(child, grammars))
        return tuple(found)


@lru_cache(maxsize=8192)
def join_bare(content: Content) -> tuple[Node | Content, ...]:
    """The elements of `content`, with each run of text and bare prompt elements as one tuple (section 4.1.1)."""
    return tuple(_join_bare(content))


def _join_bare(content: Content) -> Iterator[Node | Content]:
    run: list[Node | str] = []
    for part in content:
        if isinstance(part, str) or part.tag in BARE_TAGS:
            run.append(part)
            continue
        if _says_something(run):
            yield tuple(run)
        run = []
        yield part
    if _says_something(run):
        yield tuple(run)


def _says_something(run: list[Node | str]) -> bool:
    return any(not isinstance(part, str) or part.strip() for part in run)


@lru_cache(maxsize=4096)
def compile_prompt(node: Node) -> Prompt:
    count = node.get("count", "1")
    if not count.isdecimal() or int(count) < 1:
        raise DocumentError(f'count="{count}": write a whole number from 1', node.line)
    return Prompt(
        content=node.children,
        line=node.line,
        count=int(count),
        cond=node.get("cond"),
        bargein=node.get("bargein"),
        bargeintype=node.get("bargeintype"),
        timeout=node.get("timeout"),
        language=node.get("xml:lang"),
        base=node.get("xml:base"),
    )


def _words(node: Node) -> str:
    return " ".join(child for child in node.children if isinstance(child, str)).strip()
