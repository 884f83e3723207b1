"""Dialogs and what leads from one to another, as far as reading the files tells: for the drawing of a script."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from vxml.check_project import documents, inside
from vxml.document import Node

_JUMPS: Final[Mapping[str, tuple[str, str]]] = {
    "goto": ("next", "expr"), "choice": ("next", "expr"), "link": ("next", "expr"), "submit": ("next", "expr"),
    "subdialog": ("src", "srcexpr"),
}  # fmt: skip
_ENDS: Final = {"exit": "exit", "disconnect": "hang up", "return": "return"}
_HANDLERS: Final = ("catch", "error", "help", "noinput", "nomatch")
_ITEMS: Final = ("block", "field", "initial", "object", "record", "subdialog", "transfer")
_QUOTED: Final = re.compile(r"'([^'\\\n]+)'|\"([^\"\\\n]+)\"")
_LONGEST: Final = 28

#: Identity of a box: file and fragment; what lies outside has the address for a file.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Vertex:
    """`kind` is form, menu, page (what a document does for all its dialogs), outside, or computed (nobody can say)."""

    key: Key
    kind: str
    title: str
    line: int = 0
    #: exit, hang up, return: how the dialog may end the call or the subdialog.
    ends: tuple[str, ...] = ()
    items: int = 0
    start: bool = False
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Edge:
    """`kind` is the element; `maybe` where the address is computed and this is one of its constants."""

    source: Key
    target: Key
    kind: str
    label: str
    file: str
    line: int
    maybe: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]


def read_graph(files: Mapping[str, bytes], entry: str) -> Graph:
    """The graph of an application whose calls begin in the file `entry`."""
    return _Reader(dict(documents(files)), files, entry).graph()


class _Reader:
    def __init__(self, roots: Mapping[str, Node], files: Mapping[str, bytes], entry: str) -> None:
        self._roots = roots
        self._files = files
        self._lines = {name: files[name].splitlines() for name in roots}
        self._entry = entry
        self._vertices: dict[Key, Vertex] = {}
        self._edges: dict[Edge, None] = {}
        self._first: dict[str, Key] = {}

    def graph(self) -> Graph:
        for name, root in self._roots.items():
            for index, dialog in enumerate(root.elements("form", "menu")):
                self._dialog(name, dialog, index)
        for name, root in self._roots.items():
            page = (name, "")
            for part in root.elements("link", *_HANDLERS):
                self._walk(name, part, page, "", root)
            if any(edge.source == page for edge in self._edges):
                self._vertices[page] = Vertex(page, "page", f"anywhere in {name}", _line(self._lines[name], root))
            for index, dialog in enumerate(root.elements("form", "menu")):
                self._walk(name, dialog, _key(name, dialog, index), "", root)
        reached = self._reached()
        vertices = (replace(one, reached=one.key in reached) for one in self._vertices.values())
        return Graph(tuple(vertices), tuple(self._edges))

    def _dialog(self, name: str, dialog: Node, index: int) -> None:
        key = _key(name, dialog, index)
        self._first.setdefault(name, key)
        ends = tuple(word for tag, word in _ENDS.items() if any(node.tag == tag for node in dialog.walk()))
        items = 1 if dialog.tag == "menu" else sum(1 for _ in dialog.elements(*_ITEMS))
        title = dialog.get("id") or f"{dialog.tag} {index + 1}"
        start = name == self._entry and index == 0
        line = _line(self._lines[name], dialog)
        self._vertices[key] = Vertex(key, dialog.tag, title, line, ends, items, start)

    # --- edges

    def _walk(self, name: str, node: Node, source: Key, why: str, root: Node) -> None:
        """`why` is what must happen on the way here: an event, a condition, an item."""
        if node.tag in _JUMPS:
            self._jump(name, node, source, _label(node) or why, root)
        if node.tag == "if":
            self._branches(name, node, source, root)
            return
        own = _why(node) or why
        for child in node.elements():
            self._walk(name, child, source, own, root)

    def _branches(self, name: str, node: Node, source: Key, root: Node) -> None:
        why = node.get("cond")
        for child in node.elements():
            if child.tag in ("elseif", "else"):
                why = child.get("cond") or "else"
            else:
                self._walk(name, child, source, why, root)

    def _jump(self, name: str, node: Node, source: Key, label: str, root: Node) -> None:
        fixed, computed = _JUMPS[node.tag]
        line = _line(self._lines[name], node)
        if node.get(fixed):
            self._edge(source, self._target(name, root, node.get(fixed)), node.tag, label, name, line)
        elif node.get(computed):
            expression = node.get(computed)
            constants = [one or two for one, two in _QUOTED.findall(expression)]
            known = [key for text in constants if (key := self._known(name, root, text))]
            for key in dict.fromkeys(known):
                self._edge(source, key, node.tag, label, name, line, maybe=True)
            if not known:
                key = (name, f"={expression}")
                self._vertices.setdefault(key, Vertex(key, "computed", _cut(expression), line))
                self._edge(source, key, node.tag, label, name, line, maybe=True)

    def _edge(
        self, source: Key, target: Key, kind: str, label: str, file: str, line: int, *, maybe: bool = False
    ) -> None:
        self._edges[Edge(source, target, kind, _cut(label), file, line, maybe)] = None

    def _known(self, name: str, root: Node, text: str) -> Key | None:
        """Where a constant in an expression leads, if it is an address of the application."""
        if not text.startswith("#") and inside(name, root, text) not in self._roots:
            return None
        target = self._target(name, root, text)
        return target if target in self._vertices and self._vertices[target].kind in ("form", "menu") else None

    def _target(self, name: str, root: Node, address: str) -> Key:
        file = inside(name, root, address)
        fragment = urlsplit(address).fragment
        if file is not None and file in self._roots:
            key = (file, fragment) if fragment else self._first.get(file, (file, ""))
            if key in self._vertices:
                return key
        key = (address, "")
        title = f"{address} (missing)" if file and (fragment or file not in self._files) else address
        self._vertices.setdefault(key, Vertex(key, "outside", title.partition("?")[0]))
        return key

    # --- what can be reached

    def _reached(self) -> set[Key]:
        """Where a jump cannot be told from the files, nothing is called unreachable."""
        if any(vertex.kind == "computed" for vertex in self._vertices.values()):
            return set(self._vertices)
        leads: dict[Key, list[Key]] = {}
        for edge in self._edges:
            leads.setdefault(edge.source, []).append(edge.target)
        reached: set[Key] = set()
        waiting = [vertex.key for vertex in self._vertices.values() if vertex.start]
        while waiting:
            key = waiting.pop()
            if key in reached:
                continue
            reached.add(key)
            waiting += [*leads.get(key, ()), *self._with(key)]
        return reached

    def _with(self, key: Key) -> Iterator[Key]:
        """What is active besides a dialog: its document's and root document's links and far-reaching dialogs."""
        root = self._roots.get(key[0])
        if root is None:
            return
        application = inside(key[0], root, root.get("application")) if root.get("application") else None
        for name in {key[0], application or key[0]}:
            if (name, "") in self._vertices:
                yield name, ""
            for index, dialog in enumerate(self._roots[name].elements("form", "menu") if name in self._roots else ()):
                if dialog.get("scope") == "document" or any(
                    grammar.get("scope") == "document" for grammar in dialog.elements("grammar")
                ):
                    yield _key(name, dialog, index)


def _key(name: str, dialog: Node, index: int) -> Key:
    return name, dialog.get("id") or f"_dialog_{index + 1}"


def _label(node: Node) -> str:
    """What the caller does for it, written on the element itself."""
    if node.tag == "choice":
        words = " ".join(node.text().split())
        return f"{node.get('dtmf')} {words}".strip()
    if node.tag == "link":
        return node.get("dtmf") or "said anywhere"
    return ""


def _why(node: Node) -> str:
    if node.tag == "catch":
        return node.get("event") or "any event"
    if node.tag in _HANDLERS:
        return node.tag
    if node.tag in _ITEMS and node.get("name"):
        return node.get("name")
    return ""


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def _line(lines: list[bytes], node: Node) -> int:
    """Where the element's tag begins; libxml2 knows where it ends."""
    opening = re.compile(rb"<(?:[\w-]+:)?" + re.escape(node.tag.encode()) + rb"(?![\w-])")
    for number in range(min(node.line, len(lines)), max(node.line - 40, 0), -1):
        if opening.search(lines[number - 1]):
            return number
    return node.line
