"""Checking the files of an application together: what leads from one to another, and what is never reached."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from vxml.check import Problem, Severity, check
from vxml.check_names import undeclared
from vxml.document import DocumentError, Node, parse_xml
from vxml.grammar import GrammarError, ParsedGrammar, link, parse_grammar
from vxml.grammar.reach import can_match

_DOCUMENTS: Final = (".vxml", ".xml")
_GRAMMARS: Final = (".grxml", ".srgs", ".gram", ".abnf")
#: Attributes that name another file, by element.
_LINKS: Final[Mapping[str, str]] = {
    "vxml": "application", "goto": "next", "submit": "next", "choice": "next", "link": "next", "subdialog": "src",
    "script": "src", "data": "src", "grammar": "src", "audio": "src",
}  # fmt: skip
_DIALOG_LINKS: Final = frozenset(("goto", "submit", "choice", "link", "subdialog"))
_COMPUTED: Final = {"goto": "expr", "submit": "expr", "choice": "expr", "link": "expr", "subdialog": "srcexpr"}
_BASE: Final = "http://application.invalid/"


def check_project(files: Mapping[str, bytes]) -> list[Problem]:
    """Problems of all files (paths with "/" to their content), each file's own and those between them."""
    project = _Project(files)
    problems = [problem for name, body in files.items() for problem in check(name, body)]
    return sorted({*problems, *project.problems()}, key=lambda one: (one.file, one.line, one.column, one.message))


class _Project:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._documents = dict(documents(files))
        self._grammars = dict(_grammars(files))

    def problems(self) -> Iterator[Problem]:
        for name, root in self._documents.items():
            yield from self._links(name, root)
            yield from self._undeclared(name, root)
        yield from self._unreached()
        yield from self._hopeless()

    # --- from file to file

    def _links(self, name: str, root: Node) -> Iterator[Problem]:
        for node in root.walk():
            address = node.get(_LINKS.get(node.tag, ""))
            if not address:
                continue
            target = inside(name, root, address)
            if target is None:
                continue
            fragment = urlsplit(address).fragment
            if target not in self._files:
                spoken = node.tag == "audio" and any(str(part).strip() for part in node.children)
                severity = Severity.WARNING if spoken or node.tag in ("submit", "data") else Severity.ERROR
                message = f'<{node.tag}> {_LINKS[node.tag]}="{address}": there is no such file in the application'
                yield _problem(name, self._files[name], node, message, severity)
            elif fragment and node.tag in _DIALOG_LINKS and target != name and target in self._documents:
                ids = _dialog_ids(self._documents[target])
                if fragment not in ids:
                    message = f'<{node.tag}> leads to "{address}", but {target} has no dialog "{fragment}"'
                    yield _problem(name, self._files[name], node, message)

    def _undeclared(self, name: str, root: Node) -> Iterator[Problem]:
        """Variables in expressions that nothing declares, where all that could declare them is at hand."""
        scope = [root]
        application = root.get("application")
        if application:
            target = inside(name, root, application)
            if target not in self._documents:
                return
            scope.append(self._documents[target])
        scripts = []
        for document in scope:
            for node in document.walk():
                if node.tag == "script" and ("srcexpr" in node.attrs or node.get("src")):
                    target = inside(name, document, node.get("src"))
                    if target is None or target not in self._files:
                        return
                    scripts.append(self._files[target].decode("utf-8", "replace"))
        for node, word in undeclared(root, scope, scripts):
            message = f'<{node.tag}> uses the variable "{word}", which is declared nowhere in the application'
            yield _problem(name, self._files[name], node, message, Severity.WARNING)

    # --- dialogs that nothing leads to

    def _unreached(self) -> Iterator[Problem]:
        if any(_is_computed(node) for root in self._documents.values() for node in root.walk()):
            return
        reached = {(name, fragment) for name, root in self._documents.items() for fragment in self._led_to(name, root)}
        targets = {target for _, target in reached}
        for name, root in self._documents.items():
            for index, dialog in enumerate(root.elements("form", "menu")):
                own = dialog.get("id")
                listens = dialog.get("scope") == "document" or any(
                    node.get("scope") == "document" for node in dialog.elements("grammar")
                )
                if index and not listens and f"{name}#{own}" not in targets:
                    message = f'<{dialog.tag}> id="{own}": nothing leads here'
                    yield _problem(name, self._files[name], dialog, message, Severity.WARNING)

    def _led_to(self, name: str, root: Node) -> Iterator[str]:
        for node in root.walk():
            address = node.get(_LINKS[node.tag]) if node.tag in _DIALOG_LINKS else ""
            target = inside(name, root, address) if address else None
            if target:
                yield f"{target}#{urlsplit(address).fragment}"

    # --- grammars that nothing satisfies

    def _hopeless(self) -> Iterator[Problem]:
        by_url = {_BASE + name: grammar for name, grammar in self._grammars.items()}
        for name, grammar in self._grammars.items():
            missing = [url for url in grammar.externals if grammar.resolve(_BASE + name, url) not in by_url]
            for url in missing:
                if not urlsplit(url).scheme:
                    yield Problem(name, 1, 1, f'reference to "{url}": there is no such file in the application')
            try:
                if not missing and grammar.rules:
                    link(grammar, by_url, base=_BASE + name)
            except GrammarError as error:
                yield Problem(name, error.line, 1, str(error))
                continue
            for rule in (grammar.root,) if grammar.root else grammar.public:
                if not can_match(grammar, by_url, rule, _BASE + name):
                    yield Problem(name, 1, 1, f'rule "{rule}" can never be matched, whatever the caller does')


def documents(files: Mapping[str, bytes]) -> Iterator[tuple[str, Node]]:
    """The VoiceXML documents among the files that can be read at all."""
    for name, body in files.items():
        if name.lower().endswith(_DOCUMENTS):
            try:
                root = parse_xml(body)
            except DocumentError:
                continue
            if root.tag == "vxml":
                yield name, root


def _grammars(files: Mapping[str, bytes]) -> Iterator[tuple[str, ParsedGrammar]]:
    for name, body in files.items():
        if name.lower().endswith(_GRAMMARS):
            try:
                yield name, parse_grammar(body)
            except GrammarError:
                continue


def inside(name: str, root: Node, address: str) -> str | None:
    """The path in the application that `address` means; None where it leads out of it."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or root.get("xml:base") or address.startswith("/"):
        return None
    if not parts.path:
        return name
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
    return None if path.startswith("..") else path


def _dialog_ids(root: Node) -> set[str]:
    return {dialog.get("id") for dialog in root.elements("form", "menu") if dialog.get("id")}


def _is_computed(node: Node) -> bool:
    return bool(node.get(_COMPUTED.get(node.tag, "")))


def _problem(name: str, body: bytes, node: Node, message: str, severity: Severity = Severity.ERROR) -> Problem:
    lines = body.decode("utf-8", "replace").splitlines()
    opening = re.compile(rf"<(?:[\w-]+:)?{re.escape(node.tag)}(?![\w-])")
    for number in range(min(node.line, len(lines)), max(node.line - 40, 0), -1):
        if match := opening.search(lines[number - 1]):
            return Problem(name, number, match.start() + 1, message, severity)
    return Problem(name, node.line, 1, message, severity)
