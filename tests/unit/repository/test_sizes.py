"""Modules and functions stay small enough to be read in one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import ROOT, statements_of, text_of

MODULE_LINES = 500
FUNCTION_LINES = 60
FOLDERS = (
    "app", "benchmarks", "channels", "common", "engine", "examples", "mediaserver", "migrations",
    "pacing", "simulators", "tests", "vxml",
)  # fmt: skip


def modules() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))
    yield from ROOT.glob("*.py")


def test_no_module_is_longer_than_500_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {count} lines"
        for path in modules()
        if (count := len(text_of(path).splitlines())) > MODULE_LINES
    ]
    assert not long, "which concept is missing?\n" + "\n".join(long)


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {count} lines"
        for path in modules()
        for node, _ in statements_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (count := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
        # An Alembic revision lists its tables one after the other; splitting it would hide the order.
        and path.parent.name != "versions"
    ]
    assert not long, "which step deserves a name?\n" + "\n".join(long)


@pytest.mark.parametrize(
    "folder", ["app", "channels", "common", "engine", "mediaserver", "pacing", "simulators", "vxml"]
)
def test_every_module_postpones_annotations(folder: str) -> None:
    missing = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (text := text_of(path)).strip() and "def " in text and "from __future__ import annotations" not in text
    ]
    assert not missing, "\n".join(missing)
