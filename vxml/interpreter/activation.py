"""Which grammars listen while an item waits for input, in order of precedence (VoiceXML 2.1 section 3.1.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vxml.document import Node
from vxml.grammar import Grammar, GrammarError, Mode, link
from vxml.interpreter.attributes import require
from vxml.interpreter.compile_grammar import BUILTIN, UNIVERSALS, builtin_use, universal_use
from vxml.interpreter.control import Steps, Thrown
from vxml.interpreter.model import Choice, Dialog, GrammarUse, Item, Link
from vxml.interpreter.requests import fetch_of
from vxml.messages import Fetch

if TYPE_CHECKING:
    from vxml.interpreter.context import Page
    from vxml.interpreter.execution import Execution


@dataclass(frozen=True, slots=True, eq=False)
class Owner:
    """Whose grammar it is: an item's (`item`), a link's, another dialog's (both of `page`), else the form's."""

    item: Item | None = None
    choice: Choice | None = None
    link: Link | None = None
    dialog: Dialog | None = None
    page: Page | None = None
    #: The event of a universal command: help, cancel or exit.
    universal: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ActiveGrammar:
    grammar: Grammar
    owner: Owner


def activate(execution: Execution) -> Steps[list[ActiveGrammar]]:
    """Load and list the grammars that are active for the execution's item.

    Voice grammars are left out when nobody can recognise speech; error.unsupported.format when none then remains.
    """
    left_out: list[Thrown] = []
    active = yield from gather(execution, left_out)
    if active:
        return active
    line = execution.item.node.line if execution.item else 0
    if left_out:
        raise Thrown(left_out[0].event, left_out[0].message, line)
    raise Thrown("error.semantic", "no grammar is active: the caller could not be understood", line)


def gather(execution: Execution, left_out: list[Thrown]) -> Steps[list[ActiveGrammar]]:
    """The active grammars, none perhaps; `left_out` takes why others are not heard."""
    active: list[ActiveGrammar] = []
    for owner, use in (*_in_scope(execution), *_universals(execution)):
        execution.rt.step()
        try:
            grammar = yield from _load(execution, use, owner)
        except Thrown as thrown:
            if execution.rt.config.recognizer or use.mode != "voice":
                raise
            left_out.append(Thrown("error.unsupported.format", str(thrown)))
            continue
        if grammar is None:
            why = f"line {use.line}: a voice grammar, and there is no speech recogniser"
            left_out.append(Thrown("error.unsupported.format", why))
        elif not _in_language(execution, grammar):
            why = f"line {use.line}: the speech recogniser does not understand {grammar.language}"
            left_out.append(Thrown("error.unsupported.language", why))
        elif not _in_reach(execution, use, grammar):
            why = f"line {use.line}: the speech recogniser does not understand spoken {use.builtin}"
            left_out.append(Thrown("error.unsupported.builtin", why))
        else:
            active.append(ActiveGrammar(grammar, owner))
    return active


def own_grammars(execution: Execution) -> Steps[list[ActiveGrammar]]:
    """The item's own grammars, as far as anybody can hear them."""
    active = []
    item = execution.item
    for use in item.grammars if item else ():
        grammar = yield from _load(execution, use, Owner(item=item))
        if grammar is not None and _in_language(execution, grammar) and _in_reach(execution, use, grammar):
            active.append(ActiveGrammar(grammar, Owner(item=item)))
    return active


def _in_language(execution: Execution, grammar: Grammar) -> bool:
    languages = execution.rt.config.recognizer_languages
    return grammar.mode is Mode.DTMF or not languages or grammar.language.partition("-")[0].lower() in languages


def _in_reach(execution: Execution, use: GrammarUse, grammar: Grammar) -> bool:
    builtins = execution.rt.config.recognizer_builtins
    return grammar.mode is Mode.DTMF or builtins is None or not use.builtin or _name(use.builtin) in builtins


def _name(builtin: str) -> str:
    """Of `digits?length=4`."""
    return builtin.partition("?")[0]


def _in_scope(execution: Execution) -> Iterable[tuple[Owner, GrammarUse]]:
    item, context = execution.item, execution.context
    assert item is not None
    assert execution.form is not None
    assert context.leaf is not None
    own = execution.form.dialog
    yield from ((Owner(item=item), use) for use in item.grammars)
    for choice in item.choices:
        require(choice.node)
        yield from ((Owner(item=item, choice=choice), use) for use in choice.grammars)
    yield from _links(item.links, context.leaf)
    if item.modal:
        return
    yield from ((Owner(), use) for use in own.grammars)
    yield from _links(own.links, context.leaf)
    yield from _links(context.leaf.document.links, context.leaf)
    yield from _public(context.leaf, own)
    if context.root is not None and context.root is not context.leaf:
        yield from _links(context.root.document.links, context.root)
        yield from _public(context.root, own)


def _universals(execution: Execution) -> Iterable[tuple[Owner, GrammarUse]]:
    """The platform's own spoken commands, where the `universals` property asks for them (section 6.3.6)."""
    assert execution.item is not None
    wanted = execution.setting("universals").split()
    if execution.item.modal or not execution.rt.config.recognizer:
        return
    for event in UNIVERSALS:
        if event in wanted or "all" in wanted:
            yield Owner(universal=event), universal_use(event)


def _links(links: Iterable[Link], page: Page) -> Iterable[tuple[Owner, GrammarUse]]:
    for one in links:
        require(one.node)
        yield from ((Owner(link=one, page=page), use) for use in one.grammars)


def _public(page: Page, own: Dialog) -> Iterable[tuple[Owner, GrammarUse]]:
    """Grammars of other dialogs that are active in the whole document (or application, when it is the root)."""
    for dialog in page.document.dialogs:
        if dialog is own:
            continue
        for use in dialog.grammars:
            if use.scope == "document" or (dialog.public and use.scope != "dialog"):
                yield Owner(dialog=dialog, page=page), use
        if dialog.is_menu and dialog.public:
            for choice in dialog.items[0].choices:
                yield from ((Owner(dialog=dialog, page=page, choice=choice), use) for use in choice.grammars)


def _load(execution: Execution, use: GrammarUse, owner: Owner) -> Steps[Grammar | None]:
    """The compiled grammar; None for a voice grammar without a recogniser."""
    hears = execution.rt.config.recognizer
    if use.problem:
        event, _, message = use.problem.partition(": ")
        raise Thrown(event, message, use.line)
    if use.mode == "voice" and not hears:
        return None
    if use.parsed is not None:
        execution.rt.ignore_lexicons(use.parsed, f"line {use.line}")
    if use.compiled is not None:
        return use.compiled
    grammar = yield from _fetched(execution, use, owner)
    return grammar if grammar is None or grammar.mode is Mode.DTMF or hears else None


def _fetched(execution: Execution, use: GrammarUse, owner: Owner) -> Steps[Grammar | None]:
    context, rt = execution.context, execution.rt
    base = (owner.page or context.leaf).base if context.leaf else ""
    if use.parsed is not None:
        try:
            address = context.resolve(use.base or base)
            externals = yield from rt.externals(use.parsed, address, _request(execution, use, address))
            return link(use.parsed, externals, base=address)
        except GrammarError as error:
            raise Thrown("error.badfetch", f"line {use.line}: {error}", use.line) from error
    url = use.src or execution.text(use.srcexpr, use.line)
    if url.startswith(BUILTIN):
        language = context.leaf.document.language if context.leaf else "en-US"
        return (yield from _load(execution, builtin_use(url, use.line, use.scope, language), owner))
    grammar = yield from rt.grammar(_request(execution, use, context.resolve(url, use.base or base)))
    return grammar


def _request(execution: Execution, use: GrammarUse, url: str) -> Fetch:
    return fetch_of(execution, url, use.node or Node("grammar", "", use.line))
