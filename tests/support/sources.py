"""The project's own Python files, each read and parsed once."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    # A tree has no cycles; looking for some while millions of nodes are made takes longer than making them. They are
    # kept to the end, and set aside so that no later look, in whatever test, walks through them: it took two seconds.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text_of(path), str(path))
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


#: Where statements hold other statements; expressions, which are most of a tree, hold none.
_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")


@cache
def statements_of(path: Path) -> tuple[tuple[ast.AST, bool], ...]:
    """Every statement, and whether it stands in a function."""
    return tuple(_statements(tree_of(path), False))


def _statements(node: ast.AST, in_function: bool) -> Iterator[tuple[ast.AST, bool]]:
    inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for name in _BODIES:
        for child in getattr(node, name, ()):
            yield child, inside
            yield from _statements(child, inside)
