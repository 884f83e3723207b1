"""Is this file fit to be published? Schema, then a dry parse that finds what a schema cannot say.

`check` never fetches and never runs anything of the document but the ECMAScript parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lxml import etree

from vxml.check_names import check_names
from vxml.document import SRGS_NS, SSML_NS, VXML_NS, DocumentError, Node, parse_element, to_node
from vxml.ecmascript import Engine, ScriptError, ScriptLimit
from vxml.grammar import GrammarError, link, parse_grammar
from vxml.grammar.reach import can_match
from vxml.interpreter.attributes import faults
from vxml.interpreter.compile import compile_node
from vxml.interpreter.model import Document, GrammarUse, Item
from vxml.schema import violations


class Severity(StrEnum):
    #: The file cannot be published.
    ERROR = "error"
    #: It runs here, but differently elsewhere or not as it looks.
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` and `column` count from 1. Printed as `file:line:column: message`."""

    file: str
    line: int
    column: int
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"


#: (line, message, severity) before the place is made exact.
_Found = tuple[int, str, Severity]

_EXPRESSIONS: Final = (
    "expr", "cond", "srcexpr", "eventexpr", "messageexpr", "expritem", "array", "destexpr", "aaiexpr", "nameexpr",
)  # fmt: skip
_TAG: Final = re.compile(r"<([\w-]+)>")
_LOOK_BACK = 40


def check(name: str, body: bytes) -> list[Problem]:
    """Problems of the file called `name`, in order of lines; [] when it can be published.

    By its ending: .grxml and .gram are SRGS grammars, .js a script, .vxml and .xml VoiceXML; others are left alone.
    """
    suffix = name.rpartition(".")[2].lower()
    if suffix in ("vxml", "xml"):
        found = list(_check_voicexml(body))
    elif suffix in ("grxml", "srgs", "gram", "abnf"):
        found = list(_check_grammar(body))
    elif suffix == "js":
        found = list(_check_script(body))
    else:
        found = []
    lines = body.decode("utf-8", "replace").splitlines()
    problems = [_place(name, lines, one) for one in found]
    return sorted(set(problems), key=lambda problem: (problem.line, problem.column, problem.message))


def _place(name: str, lines: list[str], found: _Found | tuple[int, str, Severity, int]) -> Problem:
    """libxml2 knows the line on which a start tag ends; look back for where it begins."""
    line, message, severity = found[:3]
    if len(found) > 3:
        return Problem(name, line, found[3], message, severity)
    tag = _TAG.search(message)
    if tag:
        opening = re.compile(rf"<(?:[\w-]+:)?{re.escape(tag[1])}(?![\w-])")
        for number in range(min(line, len(lines)), max(line - _LOOK_BACK, 0), -1):
            if match := opening.search(lines[number - 1]):
                return Problem(name, number, match.start() + 1, message, severity)
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return Problem(name, line, len(text) - len(text.lstrip()) + 1, message, severity)


def _check_voicexml(body: bytes) -> Iterator[_Found | tuple[int, str, Severity, int]]:
    try:
        element = parse_element(body)
    except DocumentError as error:
        yield error.line, str(error), Severity.ERROR, error.column
        return
    root = to_node(element)
    yield from _foreign_namespaces(element)
    yield from ((line, message, Severity.ERROR) for line, message in violations(element))
    if root.tag != "vxml" or root.ns != VXML_NS:
        return
    if root.get("version") not in ("2.0", "2.1"):
        yield root.line, f'<vxml> version="{root.get("version")}": write 2.1 (or 2.0)', Severity.ERROR
        return
    yield from ((line, message, Severity.ERROR) for line, message in faults(root))
    yield from _scripts(root)
    yield from ((line, message, Severity.ERROR) for line, message in check_names(root))
    try:
        document = compile_node(root)
    except DocumentError as error:
        yield error.line, str(error), Severity.ERROR
        return
    yield from ((one.problem.line, str(one.problem), Severity.ERROR) for one in document.dialogs if one.problem)
    yield from _grammars(document)


def _foreign_namespaces(element: etree._Element) -> Iterator[_Found]:
    """Grammars and SSML with a namespace of their own run here, though VoiceXML has them in its own."""
    for child in element.iter(f"{{{SRGS_NS}}}*", f"{{{SSML_NS}}}*"):
        local = etree.QName(child).localname
        if local in ("grammar", "speak"):
            yield (
                child.sourceline or 1,
                f"<{local}> needs no xmlns inside VoiceXML; others may refuse it",
                Severity.WARNING,
            )
        child.tag = f"{{{VXML_NS}}}{local}"


def _scripts(root: Node) -> Iterator[_Found]:
    """Syntax errors of every expression and script; what names mean is known only when they run."""
    engine = Engine(time_limit=2.0)
    for node in root.walk():
        try:
            if node.tag == "script" and node.text():
                engine.check_script(node.text())
            for name in _EXPRESSIONS:
                if name in node.attrs and node.tag not in ("lexicon", "meta"):
                    engine.check_expression(node.attrs[name])
        except ScriptLimit as error:
            yield node.line, f"<{node.tag}>: {error}", Severity.ERROR
            return
        except ScriptError as error:
            where = f' {name}="{node.attrs[name]}"' if node.tag != "script" or not node.text() else ""
            yield node.line, f"<{node.tag}>{where}: {_script_message(error)}", Severity.ERROR


def _script_message(error: ScriptError) -> str:
    """The engine sees the expression in brackets; its own closing one is not the author's."""
    message = str(error)
    return "SyntaxError: the expression is incomplete" if message.endswith("expression: ')'") else message


def _grammars(document: Document) -> Iterator[_Found]:
    for use in _uses(document):
        if use.parsed and not use.parsed.externals and not use.problem and not can_match(use.parsed, {}):
            yield use.line, "<grammar> can never be matched, whatever the caller does", Severity.ERROR
        elif use.problem and not use.problem.startswith("error.unsupported.format"):
            yield use.line, f"<grammar> {use.problem.partition(': ')[2]}", Severity.ERROR
        elif use.problem:
            yield use.line, f"<grammar> {use.problem.partition(': ')[2]} is not read here", Severity.WARNING


def _uses(document: Document) -> Iterator[GrammarUse]:
    links = list(document.links)
    for dialog in document.dialogs:
        yield from dialog.grammars
        links += dialog.links
        for item in dialog.items:
            links += item.links
            yield from _item_uses(item)
    for one in links:
        yield from one.grammars


def _item_uses(item: Item) -> Iterator[GrammarUse]:
    yield from item.grammars
    for choice in item.choices:
        yield from choice.grammars


def _check_grammar(body: bytes) -> Iterator[_Found]:
    try:
        parsed = parse_grammar(body)
        if not parsed.externals and parsed.rules:
            link(parsed)
    except GrammarError as error:
        yield error.line, str(error), Severity.ERROR


def _check_script(body: bytes) -> Iterator[_Found]:
    try:
        Engine(time_limit=2.0).check_script(body.decode("utf-8"))
    except UnicodeDecodeError:
        yield 1, "the script is not UTF-8: save it as UTF-8", Severity.ERROR
    except (ScriptError, ScriptLimit) as error:
        yield 1, str(error), Severity.ERROR
