"""Names that lead nowhere: dialogs, items and variables that a document refers to and does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vxml.document import Node
from vxml.ecmascript.engine import declared_names

_ITEMS: Final = ("block", "field", "initial", "object", "record", "subdialog", "transfer")
_INPUTS: Final = ("field", "object", "record", "subdialog", "transfer")
_DECLARES: Final = {"var": "name", "data": "name", "foreach": "item", "param": "name"}

Found = tuple[int, str]


def check_names(root: Node) -> Iterator[Found]:
    """(line, message) for each reference that cannot be right, whatever happens in the call."""
    dialogs = {node.get("id") for node in root.elements("form", "menu") if node.get("id")}
    known = _declared(root) if _is_closed(root) else None
    yield from _targets(root, dialogs)
    for dialog in root.elements("form", "menu"):
        yield from _items(dialog)
    if known is not None:
        yield from _namelists(root, known)


def _is_closed(root: Node) -> bool:
    """Whether all variables of the document are declared in it: no root document, no external script."""
    return not root.get("application") and not any(
        node.tag == "script" and ("src" in node.attrs or "srcexpr" in node.attrs) for node in root.walk()
    )


def _declared(root: Node) -> set[str]:
    names = {"application", "document", "dialog", "session", "_event", "_message"}
    for node in root.walk():
        if node.tag in _ITEMS and node.get("name"):
            names |= {node.get("name"), node.get("name") + "$"}
        elif node.tag in _DECLARES:
            names.add(node.get(_DECLARES[node.tag]))
        elif node.tag == "script":
            names.update(declared_names(node.text()))
    return names


def _targets(root: Node, dialogs: set[str]) -> Iterator[Found]:
    for node in root.walk():
        if node.tag in ("goto", "choice", "link", "submit"):
            url = node.get("next")
        elif node.tag == "subdialog":
            url = node.get("src")
        else:
            continue
        if url.startswith("#") and url[1:] not in dialogs:
            ids = f"; it has {', '.join('#' + name for name in sorted(dialogs))}" if dialogs else ""
            yield node.line, f'<{node.tag}> leads to "{url}", but the document has no such dialog{ids}'


def _items(dialog: Node) -> Iterator[Found]:
    items = {node.get("name") for node in dialog.elements(*_ITEMS) if node.get("name")}
    inputs = {node.get("name") for node in dialog.elements(*_INPUTS) if node.get("name")}
    for node in dialog.walk():
        name = node.get("nextitem")
        if node.tag == "goto" and name and name not in items:
            yield node.line, f'<goto> nextitem="{name}": the form has no such item'
        if node.tag == "filled":
            for field in node.get("namelist").split():
                if field not in inputs:
                    yield node.line, f'<filled> namelist: "{field}" is no input item of the form'


def _namelists(root: Node, known: set[str]) -> Iterator[Found]:
    for node in root.walk():
        names = node.get("namelist").split() if node.tag != "filled" else []
        if node.tag == "assign":
            names = [node.get("name")]
        for name in names:
            first = name.partition(".")[0].partition("[")[0]
            if first and first not in known:
                yield node.line, f'<{node.tag}> names the variable "{name}", which is declared nowhere in the document'


_EXPRESSIONS: Final = (
    "expr",
    "cond",
    "srcexpr",
    "eventexpr",
    "messageexpr",
    "expritem",
    "array",
    "destexpr",
    "aaiexpr",
)
_NOISE: Final = re.compile(
    r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`[^`]*`|//[^\n]*|/\*.*?\*/|\b\d[\w.]*""", re.DOTALL
)
_LOCAL_NAMES: Final = re.compile(r"function|=>|\b(?:let|const|var)\b")
_WORD: Final = re.compile(r"(?<![\w$.])[A-Za-z_$][\w$]*")
_BUILT_IN: Final = frozenset(
    """
    Array Boolean Date Error EvalError Function Infinity JSON Map Math NaN Number Object Promise RangeError
    ReferenceError RegExp Set String Symbol SyntaxError TypeError URIError arguments decodeURI decodeURIComponent
    encodeURI encodeURIComponent escape eval isFinite isNaN parseFloat parseInt undefined unescape globalThis
    application document dialog session lastresult$ _event _message _prompt _dtmf
    break case catch const continue delete do else false finally for function if in instanceof let new null of return
    switch this throw true try typeof var void while with
    """.split()
)


def undeclared(
    root: Node, scope: list[Node], scripts: list[str], *, probed: bool = False
) -> Iterator[tuple[Node, str]]:
    """(element, name) for variables in the expressions of `root` that neither `scope` nor `scripts` declare.

    Those that an expression asks for by typeof, so that they may be missing, only where `probed` is set.
    """
    known = set(_BUILT_IN)
    for document in scope:
        known |= _declared(document)
    for source in scripts:
        known.update(declared_names(source))
    for node in root.walk():
        for name in _EXPRESSIONS:
            source = node.get(name) if node.tag not in ("lexicon", "meta") else ""
            # What declares names of its own, or looks for them, is left alone.
            if not source or _LOCAL_NAMES.search(source) or (not probed and "typeof" in source):
                continue
            bare = _NOISE.sub(" ", source)
            for found in _WORD.finditer(bare):
                is_key = bare[found.end() :].lstrip()[:1] == ":" and bare[: found.start()].rstrip()[-1:] in ("{", ",")
                if found[0] not in known and not is_key:
                    yield node, found[0]
