"""The project's own Python files, each read and parsed once."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    # A tree has no cycles; looking for some while half a million nodes are made takes longer than making them.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text_of(path), str(path))
    finally:
        if collecting:
            gc.enable()
