"""Attributes that exclude each other: error.badfetch where an element has too many or none of them.

A document that a page leads to is refused for it at once; in the document that a session begins with, where no page
could take the event, it is thrown when the element's turn comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from vxml.document import Node
from vxml.interpreter.control import Thrown

_TARGETS: Final = ("next", "expr", "event", "eventexpr")
EXACTLY_ONE: Final[Mapping[str, tuple[str, ...]]] = {
    "audio": ("src", "expr"),
    "choice": _TARGETS,
    "data": ("src", "srcexpr"),
    "goto": ("next", "expr", "nextitem", "expritem"),
    "link": _TARGETS,
    "mark": ("name", "nameexpr"),
    "param": ("value", "expr"),
    "subdialog": ("src", "srcexpr"),
    "submit": ("next", "expr"),
    "throw": ("event", "eventexpr"),
    "transfer": ("dest", "destexpr"),
}
_MESSAGE: Final = ("message", "messageexpr")
_AT_MOST_ONE: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "choice": (_MESSAGE,),
    "exit": (("expr", "namelist"),),
    "link": (_MESSAGE,),
    "return": (("event", "eventexpr", "namelist"), _MESSAGE),
    "script": (("src", "srcexpr"),),
    "throw": (_MESSAGE,),
    "transfer": (("type", "bridge"), ("aai", "aaiexpr")),
}


def fault(node: Node) -> str:
    """What is wrong with the attributes of `node`, "" when nothing is."""
    wanted = EXACTLY_ONE.get(node.tag, ())
    given = [name for name in wanted if name in node.attrs]
    if wanted and len(given) != 1:
        has = f"has both {given[0]} and {given[1]}" if given else "has none of them"
        return f"<{node.tag}> needs exactly one of {', '.join(wanted)}: it {has}"
    for group in _AT_MOST_ONE.get(node.tag, ()):
        if len(both := [name for name in group if name in node.attrs]) > 1:
            return f"<{node.tag}> has both {both[0]} and {both[1]}: write one of them"
    if node.tag == "script" and ("src" in node.attrs) + ("srcexpr" in node.attrs) + bool(node.text()) != 1:
        return "<script> needs exactly one of src, srcexpr and a script inside it"
    return ""


def faults(root: Node) -> Iterator[tuple[int, str]]:
    """(line, message) for each element below `root` with a fault; metadata is nobody's business."""
    if message := fault(root):
        yield root.line, message
    for child in root.elements():
        if child.tag != "metadata":
            yield from faults(child)


def require(node: Node) -> None:
    """Throw error.badfetch when the attributes of `node` are at fault."""
    if message := fault(node):
        raise Thrown("error.badfetch", message, node.line)
